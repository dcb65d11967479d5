//! Zip files (PKWARE APPNOTE 6.3) as lists of checked entries whose bytes are verified while they
//! are read. What a zip is used for — wheels, archives — is not known here.
//!
//! Only the central directory counts. A zip that says two things at once (a local header that
//! disagrees, names twice, entries that overlap) is refused rather than read one way.

mod content;
mod directory;
mod error;

pub use directory::{Method, ZipEntry, ZipFile};
pub use error::{Error, Result};
