//! A source of the lock as a tree: the entries of its subfolder, less what it excludes, at its place.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use layer::{Entry, EntryPath, FileContent, Tree};
use lock::{Source, SourceKind};
use zip_reader::ZipFile;

use crate::{Error, Result};

/// The tree of `source`, whose artifact lies at `path`.
///
/// # Errors
/// See [`Error`]; a subfolder or an exclusion that matches nothing is one.
pub fn tree(source: &Source, path: &Path) -> Result<Tree> {
    let bad = |text: &str| {
        let text = text.to_owned();
        move |source| Error::Path { path: text, source }
    };
    let to = EntryPath::from_absolute(&source.to).map_err(bad(&source.to))?;
    match source.kind {
        SourceKind::Wheel | SourceKind::Zip => from_zip(source, path, &to),
        SourceKind::File => {
            let size = std::fs::metadata(path)
                .map_err(|error| Error::Io {
                    path: path.display().to_string(),
                    source: error,
                })?
                .len();
            let mut tree = Tree::new();
            tree.insert(Entry::file(
                to,
                Arc::new(FileContent::whole(path, size)),
                false,
            ))
            .map_err(Box::new)?;
            Ok(tree)
        }
        SourceKind::Tar => Err(Error::Kind("tar")),
    }
}

fn from_zip(source: &Source, path: &Path, to: &EntryPath) -> Result<Tree> {
    let zip = ZipFile::open(path)?;
    let subfolder = match source.subfolder.as_str() {
        "" => None,
        text => Some(EntryPath::new(text).map_err(|error| Error::Path {
            path: text.to_owned(),
            source: error,
        })?),
    };
    let mut tree = Tree::new();
    let mut unused: BTreeSet<&str> = source.exclude.iter().map(String::as_str).collect();
    for (index, entry) in zip.entries().iter().enumerate() {
        let below = match &subfolder {
            Some(folder) => match entry.path.below(folder) {
                Some(below) => below,
                None => continue,
            },
            None => entry.path.clone(),
        };
        let shown = below.to_string();
        let excluded = source
            .exclude
            .iter()
            .find(|out| match out.strip_suffix('/') {
                Some(folder) => shown == folder || shown.starts_with(out.as_str()),
                None => shown == **out,
            });
        if let Some(excluded) = excluded {
            unused.remove(excluded.as_str());
            continue;
        }
        if entry.is_symlink() {
            return Err(Error::Entry {
                path: shown,
                kind: "symbolic link",
            });
        }
        let place = to.join(&below);
        let entry = match entry.is_dir {
            true => Entry::dir(place),
            false => Entry::file(place, zip.content(index), entry.is_executable()),
        };
        tree.insert(entry).map_err(Box::new)?;
    }
    if tree.is_empty() {
        return Err(Error::Absent(source.subfolder.clone()));
    }
    match unused.first() {
        Some(unused) => Err(Error::Absent((*unused).to_owned())),
        None => Ok(tree),
    }
}
