//! What a part holds, file by file, kept beside the blob: for finding files that two layers own,
//! and for whoever wants to look inside without unpacking.

use std::io::{self, Read, Write};

use lock::Sha256;
use serde::{Deserialize, Serialize};
use store::{Key, KeyBuilder, Store};

use crate::{Entry, Error, Kind, Part, Result};

/// The store's kind for indexes.
pub(crate) const KIND: &str = "index";

/// One entry of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path in the image, relative to the root; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Permission bits.
    pub mode: u32,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Size in bytes; 0 for what is not a file.
    pub size: u64,
    /// XXH3 of the content (128 bits, in hexadecimal) for files: it tells contents apart, and is no
    /// proof against forgery. The target for links.
    pub content: String,
    /// Who brought it, such as a wheel's name; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub package: String,
}

/// What a [`FileRecord`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A folder.
    Dir,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
    /// A hard link.
    Hardlink,
}

pub(crate) fn record(entry: &Entry, hash: Option<u128>) -> FileRecord {
    let (kind, size, content) = match &entry.kind {
        Kind::Dir => (FileKind::Dir, 0, String::new()),
        Kind::File(content) => {
            let hash = hash.map(|hash| format!("{hash:032x}")).unwrap_or_default();
            (FileKind::File, content.size(), hash)
        }
        Kind::Symlink(target) => (
            FileKind::Symlink,
            0,
            String::from_utf8_lossy(target).into_owned(),
        ),
        Kind::Hardlink(target) => (FileKind::Hardlink, 0, target.to_string()),
    };
    let path = entry.path.to_string();
    FileRecord {
        path,
        kind,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        size,
        content,
        package: entry.package.as_deref().unwrap_or_default().to_owned(),
    }
}

/// The store's key of a part's index. The diff-id alone would not do: two parts of the same bytes
/// may come from different packages.
fn key(tars: &Key, diff_id: &Sha256) -> Key {
    let mut key = KeyBuilder::new("strata index 4");
    key.key("tars", tars);
    key.field("diff id", diff_id.0);
    key.finish()
}

fn key_of(part: &Part) -> Key {
    key(&part.tars, &part.diff_id)
}

pub(crate) fn write(store: &Store, part: &Part, files: &[FileRecord]) -> Result<()> {
    let failed = |message: String| Error::Codec {
        codec: "index".to_owned(),
        message,
    };
    let json = serde_json::to_vec(files).map_err(|error| failed(error.to_string()))?;
    let packed = zstd::bulk::compress(&json, 3).map_err(|error| failed(error.to_string()))?;
    put(store, part, &packed)
}

/// Writes a packed index.
pub(crate) fn put(store: &Store, part: &Part, packed: &[u8]) -> Result<()> {
    let mut out = store.file_writer(KIND, &key_of(part))?;
    out.write_all(packed).map_err(|source| Error::Io {
        path: "the store's index".into(),
        source,
    })?;
    out.commit()?;
    Ok(())
}

/// The index of a part as its file in the store has it: JSON, packed with zstd.
///
/// # Errors
/// [`Error::Io`] when the store has none; as [`read_index`] for a part that is elsewhere.
pub fn packed_index(store: &Store, part: &Part) -> Result<Vec<u8>> {
    if let Some(elsewhere) = &part.elsewhere {
        elsewhere.index(part)?;
    }
    let path = store.file_path(KIND, &key_of(part));
    std::fs::read(&path).map_err(|source| Error::Io { path, source })
}

/// The largest index that is read, unpacked, in bytes: ten times that of the largest part that is known. One
/// that somebody else has made may unpack to anything.
const LIMIT: u64 = 512 << 20;

/// A packed index, unpacked.
pub(crate) fn parse(packed: impl Read) -> io::Result<Vec<FileRecord>> {
    let mut json = Vec::new();
    zstd::Decoder::new(packed)?
        .take(LIMIT)
        .read_to_end(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

/// Reads the index of a part; that of a part which is elsewhere is brought into the store.
///
/// # Errors
/// [`Error::Io`] when the store has no index for it, or a damaged one; [`Error::Elsewhere`].
pub fn read_index(store: &Store, part: &Part) -> Result<Vec<FileRecord>> {
    if let Some(elsewhere) = &part.elsewhere {
        elsewhere.index(part)?;
    }
    let path = store.file_path(KIND, &key_of(part));
    let io = |source| Error::Io {
        path: path.clone(),
        source,
    };
    parse(std::fs::File::open(&path).map_err(io)?).map_err(io)
}

pub(crate) fn exists(store: &Store, tars: &Key, diff_id: &Sha256) -> bool {
    store.has_file(KIND, &key(tars, diff_id))
}
