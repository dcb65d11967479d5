//! Python packages from source (PEP 517): built into wheels in the sandbox, offline, with nothing there but
//! what the lock names. The wheel's sha256 stands in the lock, so that building it anywhere gives the same
//! file or an error.
//!
//! # What a build sees
//!
//! - The Debian system of the package's layer and those below, read-only, and the interpreter of the lock.
//! - `/tmp/strata/source`: the source, every file dated 1980-01-01.
//! - `/tmp/strata/tools`: what the lock says is there while it is built, as wheels would be installed; on
//!   `PYTHONPATH`, its `bin` on `PATH`.
//! - `/tmp/strata/out`, `/tmp/strata/tmp` and `/tmp/strata/home`, empty.
//! - `SOURCE_DATE_EPOCH`, and the variables that the lock names.
//!
//! All of that is in the build's key. The machine's processor is not: a package that looks at it while it is
//! built can give another wheel elsewhere, and then says so.

mod build;
mod compare;
mod error;
mod key;
mod room;
mod wheel;

pub use error::{Error, OtherWheel, Result};
pub use key::build_key;
pub use wheel::{complete, known, make, wheel};
