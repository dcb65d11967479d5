//! Locks that need no resolving: the store remembers what an edition came to. A lock is made from the
//! edition, from what it kept and from what mirrors had; once that is done, and as long as neither
//! edition nor lock is touched, what it kept still satisfies the edition.

use std::path::{Path, PathBuf};

use edition::{Edition, RequirementFrom, SourceFrom};
use store::{Key, KeyBuilder, Store};

use crate::{Error, Result};

const KIND: &str = "settled-lock";

/// Version of everything here that decides what an edition comes to: change it with the resolving.
const FORMAT: &str = "strata settled lock 2";

/// The key of an edition and a lock: every file that the edition was read from and every local file
/// that it names, by its contents, and the lock's text. `text` is the edition's own, which may not be
/// saved yet.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read.
pub fn settled_key(edition: &Edition, path: &Path, text: &str, lock: &str) -> Result<Key> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut key = KeyBuilder::new(FORMAT);
    key.field("edition", &edition.name)
        .field("lock", lock)
        .field("text", text);
    // The first is the edition itself.
    let read = edition.files.iter().skip(1);
    for file in read.cloned().chain(local(edition)) {
        let contents = std::fs::File::open(&file)
            .and_then(|mut file| store::sha256(&mut file))
            .map_err(|source| Error::Io {
                path: file.clone(),
                source,
            })?;
        // The same edition in another folder is the same.
        let name = file.strip_prefix(folder).unwrap_or(&file);
        key.field("file", name.as_os_str().as_encoded_bytes())
            .field("sha256", contents.1.0);
    }
    Ok(key.finish())
}

/// The local files that an edition names.
fn local(edition: &Edition) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = Vec::new();
    files.extend(edition.python.pylock.iter().map(|path| path.value.clone()));
    for (_, line) in edition.requirements() {
        if let RequirementFrom::File(path) = &line.from {
            files.push(path.clone());
        }
    }
    for source in edition.layers.values().flat_map(|layer| &layer.sources) {
        if let SourceFrom::File { path, .. } = &source.from {
            files.push(path.clone());
        }
    }
    files
}

/// Whether this very edition came to this very lock before.
///
/// # Errors
/// [`Error::Store`] for a store that cannot be read.
pub fn is_settled(store: &Store, key: &Key) -> Result<bool> {
    Ok(store.result::<bool>(KIND, key)? == Some(true))
}

/// Remembers that an edition came to a lock.
///
/// # Errors
/// [`Error::Store`] for a store that cannot be written.
pub fn settle(store: &Store, key: &Key) -> Result<()> {
    Ok(store.put_result(KIND, key, &true)?)
}
