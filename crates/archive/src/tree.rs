//! A source of the lock as a tree: what is taken of it, at its place.

use std::{path::Path, sync::Arc};

use layer::{Entry, EntryPath, FileContent, Tree};
use lock::{Source, SourceKind};
use store::Store;

use crate::{Error, Result, selection::bad_path, tar_tree, zip_tree};

/// The tree of `source`, whose artifact lies at `path`.
///
/// The files of a tar are kept unpacked in `store` while the tree or a part of it lives; the tree
/// of anything else reads from the artifact.
///
/// # Errors
/// See [`Error`]; a subfolder or an exclusion that matches nothing is one.
pub fn tree(source: &Source, path: &Path, store: &Store) -> Result<Tree> {
    let to = EntryPath::from_absolute(&source.to).map_err(bad_path(&source.to))?;
    match source.kind {
        SourceKind::Wheel | SourceKind::Zip => zip_tree::tree(source, path, &to),
        SourceKind::Tar => tar_tree::tree(source, path, &to, store),
        SourceKind::File => {
            let size = std::fs::metadata(path).map_err(io(path))?.len();
            let content = Arc::new(FileContent::whole(path, size));
            let mut tree = Tree::new();
            tree.insert(Entry::file(to, content, false))
                .map_err(Box::new)?;
            Ok(tree)
        }
    }
}

/// Names the file that an I/O error is about.
pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io { path, source }
}
