//! An image that another stands on: found where people say it is (a registry, an OCI layout, an
//! archive), pinned by its manifest, and read as far as it is needed.
//!
//! Manifest and config are small and are kept in the store, so that they are read once; the layers are
//! opened only where their bytes are wanted. Every byte is verified: documents against the digest that
//! names them, layers while they are brought into the store. What an image becomes on top of this one is
//! `assembler`'s business.

mod annotations;
mod below;
mod blobs;
mod document;
mod error;
mod source;

pub use ::registry::Client;
pub use annotations::{DEBIAN, Held, KIND, PACKAGES, PART, TARS, packages_text};
pub use below::{Below, BelowLayer};
pub use document::MediaType;
pub use error::{Error, Result};
pub use source::{Access, Source, pin};
