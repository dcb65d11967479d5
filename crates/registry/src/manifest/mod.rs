//! Manifests (distribution-spec, "Pulling manifests" and "Pushing manifests"), the tags that name them
//! and the manifests that refer to them.

mod get;
mod link;
mod put;
mod referrers;
mod tags;

pub use get::{Found, Manifest, media_type};

/// The largest manifest that is read or pushed, in bytes: what the specification asks registries to
/// take at least.
pub const MANIFEST_LIMIT: u64 = 4 << 20;
