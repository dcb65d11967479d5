//! The contract of a layer, and the way from a file tree to a blob.
//!
//! A [`Layer`] is a pure function from its part of the lock to a [`LayerBlob`]. A layer crate says
//! which [`Plan`]s its parts are made from; [`build_parts`] turns each plan's [`Tree`] into a tar,
//! cuts and compresses it in independent frames, hashes both sides as they pass and writes the
//! blob once.
//!
//! What lives here: paths, trees, contents, the tar form, frames, codecs, parts and their reuse.
//! What does not: any artifact format, any layer's recipe, OCI manifests.

mod blob;
mod buffers;
mod codec;
mod content;
mod context;
mod elsewhere;
mod error;
mod frames;
mod gzip;
mod index;
mod parts;
mod path;
mod pipeline;
mod plan;
mod room;
mod shared;
mod slots;
mod split;
mod tar_form;
mod tree;
mod work;

pub use blob::{ConfigPatch, HealthCheck, LayerBlob, Package, Part, PartOrigin, Rank};
pub use codec::Compression;
pub use content::{BoxError, Content, Deflated, DeflatedSink, FileContent, copy_exact, read_small};
pub use context::Context;
pub use elsewhere::{Elsewhere, PartCache, bring};
pub use error::{Error, Result};
pub use index::{FileKind, FileRecord, packed_index, read_index};
pub use parts::build_parts;
pub use path::{EntryPath, PathError};
pub use plan::Plan;
pub use split::PART_LIMIT;
pub use tar_form::MTIME;
pub use tree::{Entry, Kind, Tree};

/// A layer: a pure function from its part of the lock to a [`LayerBlob`].
pub trait Layer: Send + Sync {
    /// The layer's name, as tables and `--up-to` write it.
    fn name(&self) -> &str;

    /// Builds the layer, or finds it in the context's store.
    ///
    /// # Errors
    /// See [`Error`].
    fn build(&self, cx: &Context) -> Result<LayerBlob>;

    /// The plans of its parts, for those who want to know what would be built. Nothing is fetched or
    /// run for them. `None` from a layer that does not tell.
    ///
    /// # Errors
    /// See [`Error`].
    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        Ok(None)
    }
}
