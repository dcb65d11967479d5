//! A zip as a tree. Its files stay packed until the layer is written.

use std::path::Path;

use layer::{Entry, EntryPath, Tree};
use lock::Source;
use zip_reader::ZipFile;

use crate::{Error, Result, selection::Selection};

pub(crate) fn tree(source: &Source, path: &Path, to: &EntryPath) -> Result<Tree> {
    let zip = ZipFile::open(path)?;
    let mut selection = Selection::new(&source.subfolder, &source.exclude)?;
    let mut tree = Tree::new();
    for (index, entry) in zip.entries().iter().enumerate() {
        let Some(below) = selection.take(&entry.path, entry.is_dir) else {
            continue;
        };
        if entry.is_symlink() {
            return Err(Error::Kind {
                entry: entry.path.to_string(),
                kind: "symbolic link in a zip".to_owned(),
            });
        }
        let place = to.join(&below);
        let entry = match entry.is_dir {
            true => Entry::dir(place),
            false => Entry::file(place, zip.content(index), entry.is_executable()),
        };
        tree.insert(entry).map_err(Box::new)?;
    }
    selection.finish(tree.is_empty())?;
    Ok(tree)
}
