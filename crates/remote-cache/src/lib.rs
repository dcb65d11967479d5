//! Results by recipe key in a repository of an OCI registry: what one machine has built, another takes.
//!
//! An entry is an artifact manifest (OCI image specification, "Guidelines for Artifact Usage") under a tag
//! that is made of the recipe key. Its layers are the blobs of the plan's parts, as an image has them, so
//! that a registry mounts them and keeps them as long as the entry; and the parts' indexes. What the parts
//! are stands in an annotation.
//!
//! | tag | artifact type | says |
//! |---|---|---|
//! | `part-KEY` | `application/vnd.strata.parts.v1` | these parts come of the recipe KEY |
//! | `owned-KEY` | `application/vnd.strata.owned.v1` | the image's parts do not hide each other's files |
//!
//! An entry is sealed over all that it says, with `STRATA_CACHE_SECRET` where that is set on both sides: a
//! seal with a secret cannot be made by whoever may merely write to the repository. An entry that says
//! another key, whose seal does not fit, whose blobs are not those of its record, or not there, is not
//! taken, with a warning. What a blob holds is seen by whoever reads it: it is held against its digest, and
//! the tar inside against its diff-id.

mod cache;
mod entry;
mod error;
mod put;
mod seal;

pub use cache::Cache;
pub use error::{Error, Result};
pub use put::Put;
pub use seal::Secret;
