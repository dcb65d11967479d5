//! What a source's tree depends on.

use lock::{Source, SourceKind};
use store::{Key, KeyBuilder};

/// Version of everything here that shapes a tree.
const FORMAT: &str = "strata source tree 1";

/// The key of the tree that [`crate::tree()`] gives for `source`: the artifact, what is taken of it
/// and where it goes. Two sources with one key have one tree.
pub fn recipe_key(source: &Source) -> Key {
    let kind = match source.kind {
        SourceKind::Wheel => "wheel",
        SourceKind::Tar => "tar",
        SourceKind::Zip => "zip",
        SourceKind::File => "file",
    };
    KeyBuilder::new(FORMAT)
        .field("artifact", source.sha256.0)
        .field("kind", kind)
        .field("subfolder", &source.subfolder)
        .field("to", &source.to)
        .list("exclude", source.exclude.iter())
        .finish()
}
