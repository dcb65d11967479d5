//! Blobs (distribution-spec, "Pulling blobs" and "Pushing blobs"): whether one is there, how it gets
//! there, and how it comes back.

mod find;
mod pull;
mod push;
mod session;
mod source;
mod upload;

pub(crate) use find::{CONTENT_DIGEST, answered, check_digest_of};
pub use find::{Mount, Upload};
pub use pull::BlobReader;
pub(crate) use pull::Head;
pub use push::Pushed;
pub use source::{BlobSource, Bytes, File, empty};
