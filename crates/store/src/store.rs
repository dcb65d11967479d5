//! The store's folder: where everything lies in it, and how results get in and out. How downloads
//! get in is `fetch`'s business.
//!
//! ```text
//! version                        the format's number
//! downloads/sha256/<hex>         artifacts as they were fetched
//! downloads/partial/<hex>.part   artifacts on their way
//! downloads/seen/<hex>           what the system said of an artifact's file when it was seen whole
//! downloads/git/<hex>            commits: bare repositories of one commit each
//! blobs/sha256/<hex>             parts of layers
//! results/<kind>/<key>.json      records: what a recipe gave
//! files/<kind>/<key>             content files by recipe
//! trees/<kind>-<key>             unpacked folders by recipe
//! locks/<kind>-<key>             empty files, to be locked
//! tmp/                           what is being written; each held by an flock
//! ```

use std::{
    collections::HashMap,
    env, fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use lock::{ObjectId, Sha256};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    BlobWriter, Error, FileWriter, Key, KeyLock, Result, Scratch, error::io_at, passing::Cached,
    temp,
};

/// The format that this crate reads and writes.
const VERSION: u32 = 1;

const FOLDERS: [&str; 10] = [
    "downloads/sha256",
    "downloads/partial",
    "downloads/seen",
    "downloads/git",
    "blobs/sha256",
    "results",
    "files",
    "trees",
    "locks",
    "tmp",
];

/// The content-addressed store: downloads, blobs, and results by recipe key. Cheap to clone.
///
/// Any number of processes and threads may use one store at a time. A process that is killed
/// leaves nothing that another would take for whole.
///
/// A `kind` is a word of the code that makes the result (letters, digits, `-`, `_`, `.`); other
/// characters are written as `_`.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    root: PathBuf,
    /// Set for a store that [`Store::anew`] made: results, files and trees are kept here.
    anew: Option<Scratch>,
    /// Downloads that this process has seen whole: each is hashed once, whoever asks.
    verified: Mutex<HashMap<Sha256, Arc<Mutex<bool>>>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.root).finish()
    }
}

impl Store {
    /// Opens the store in `root`, makes it if it is not there, and removes what killed processes
    /// left in it.
    ///
    /// # Errors
    /// When folders cannot be made or read, and when the store has another format.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        fs_err::create_dir_all(&root).map_err(io_at("make the store", &root))?;
        // Absolute, so that a change of the working folder changes nothing.
        let root = fs_err::canonicalize(&root).map_err(io_at("open the store", &root))?;
        let version = root.join("version");
        match fs_err::read_to_string(&version) {
            Ok(text) if text.trim() == VERSION.to_string() => {}
            Ok(text) => {
                let found = text.trim().chars().take(40).collect();
                return Err(Error::Version {
                    path: root,
                    found,
                    known: VERSION,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folders(&root)?;
                temp::write_whole(&root, &version, format!("{VERSION}\n").as_bytes())?;
            }
            Err(error) => return Err(io_at("read", &version)(error)),
        }
        make_folders(&root)?;
        temp::sweep(&root)?;
        Ok(Self(Arc::new(Inner {
            root,
            anew: None,
            verified: Mutex::default(),
        })))
    }

    /// Opens the user's store: `STRATA_STORE`, else `strata` in `XDG_CACHE_HOME`, else
    /// `~/.cache/strata`.
    ///
    /// # Errors
    /// As [`Store::open`], and when none of the three is set.
    pub fn open_default() -> Result<Self> {
        Self::open(default_root(|name| env::var_os(name).map(PathBuf::from))?)
    }

    /// The same store as if it had no results: downloads and blobs are shared, while results, files
    /// and trees are made anew in a folder that goes away with the value. What the store had no result
    /// for stays in it; what it had is not replaced, and [`Store::settled`] gives it for comparison.
    ///
    /// # Errors
    /// When no folder can be made in the store.
    pub fn anew(&self) -> Result<Self> {
        let scratch = Scratch::new(&self.0.root, "anew")?;
        make_folders(scratch.path())?;
        Ok(Self(Arc::new(Inner {
            root: self.0.root.clone(),
            anew: Some(scratch),
            verified: Mutex::default(),
        })))
    }

    /// Whether [`Store::anew`] made it.
    pub fn is_anew(&self) -> bool {
        self.0.anew.is_some()
    }

    /// What the store had for a recipe before this build made it anew; `None` for a store that is
    /// not [`anew`](Store::anew).
    ///
    /// # Errors
    /// As [`Store::result`].
    pub fn settled<T: DeserializeOwned>(&self, kind: &str, key: &Key) -> Result<Option<T>> {
        if !self.is_anew() {
            return Ok(None);
        }
        read_record(&result_path(&self.0.root, kind, key))
    }

    /// The store's folder, as an absolute path.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Where the blob with this digest lies, or would.
    pub fn blob_path(&self, digest: &Sha256) -> PathBuf {
        self.0.root.join("blobs/sha256").join(digest.to_string())
    }

    /// Whether a blob is there with this size in bytes.
    pub fn has_blob(&self, digest: &Sha256, size: u64) -> bool {
        is_file_of_size(&self.blob_path(digest), size)
    }

    /// Whether a download is there with this size in bytes. Its content is verified when it is used.
    pub fn has_download(&self, digest: &Sha256, size: u64) -> bool {
        is_file_of_size(&self.download_path(digest), size)
    }

    /// Starts a blob whose digest is not known yet. Its bytes do not stay in the page cache, where the
    /// system can let them pass.
    ///
    /// # Errors
    /// When no file can be made in the store.
    pub fn blob_writer(&self) -> Result<BlobWriter> {
        BlobWriter::new(self, Cached::No)
    }

    /// The record of what a recipe gave. One that is damaged counts as absent.
    ///
    /// # Errors
    /// When there is a record and it cannot be read.
    pub fn result<T: DeserializeOwned>(&self, kind: &str, key: &Key) -> Result<Option<T>> {
        read_record(&result_path(self.made(), kind, key))
    }

    /// Records what a recipe gave. The last of several writers wins; readers see a whole record.
    ///
    /// # Errors
    /// When `value` has no JSON form, or the record cannot be written.
    pub fn put_result<T: Serialize>(&self, kind: &str, key: &Key, value: &T) -> Result<()> {
        let bytes = serde_json::to_vec(value).map_err(|source| Error::Record {
            kind: kind.to_owned(),
            key: key.to_string(),
            source,
        })?;
        let path = result_path(self.made(), kind, key);
        make_parent(&path)?;
        temp::write_whole(&self.0.root, &path, &bytes)?;
        self.settle(&path)
    }

    /// Where the content file of a recipe lies, or would.
    pub fn file_path(&self, kind: &str, key: &Key) -> PathBuf {
        self.made()
            .join("files")
            .join(word(kind))
            .join(key.to_string())
    }

    /// Whether the content file of a recipe is there.
    pub fn has_file(&self, kind: &str, key: &Key) -> bool {
        self.file_path(kind, key).is_file()
    }

    /// Starts the content file of a recipe.
    ///
    /// # Errors
    /// When no file can be made in the store.
    pub fn file_writer(&self, kind: &str, key: &Key) -> Result<FileWriter> {
        let target = self.file_path(kind, key);
        make_parent(&target)?;
        FileWriter::new(self, target)
    }

    /// Waits until nobody else, in any process or thread, holds the lock of this key.
    ///
    /// # Errors
    /// When the lock file cannot be made or the file system has no locks.
    pub fn lock(&self, kind: &str, key: &Key) -> Result<KeyLock> {
        KeyLock::take(
            &self
                .0
                .root
                .join("locks")
                .join(format!("{}-{key}", word(kind))),
        )
    }

    /// A new private folder; `name` stands in its name, for people who look.
    ///
    /// # Errors
    /// When no folder can be made in the store.
    pub fn scratch(&self, name: &str) -> Result<Scratch> {
        Scratch::new(&self.0.root, &word(name))
    }

    /// A new file on the store's file system that has no name: it is gone when it is closed,
    /// however the process ends.
    ///
    /// # Errors
    /// When no file can be made in the store.
    pub fn unnamed_file(&self) -> Result<std::fs::File> {
        temp::unnamed_file(&self.0.root)
    }

    /// The unpacked folder of a recipe, if it is there.
    pub fn tree(&self, kind: &str, key: &Key) -> Option<PathBuf> {
        Some(self.tree_path(kind, key)).filter(|path| path.is_dir())
    }

    /// Moves a scratch folder into place as the unpacked folder of a recipe, and gives its path.
    /// If one is there already, it stays and the scratch folder is removed.
    ///
    /// # Errors
    /// When the folder cannot be moved.
    pub fn commit_tree(&self, kind: &str, key: &Key, scratch: Scratch) -> Result<PathBuf> {
        place(&scratch, self.tree_path(kind, key))
    }

    /// The bare git repository that holds a commit and all that its tree names, if it is there. Objects
    /// are verified by who reads them.
    pub fn repository(&self, commit: &ObjectId) -> Option<PathBuf> {
        Some(self.repository_path(commit)).filter(|path| path.is_dir())
    }

    /// Moves a scratch folder into place as the repository of a commit, and gives its path. If one is
    /// there already, it stays and the scratch folder is removed.
    ///
    /// # Errors
    /// When the folder cannot be moved.
    pub fn commit_repository(&self, commit: &ObjectId, scratch: Scratch) -> Result<PathBuf> {
        place(&scratch, self.repository_path(commit))
    }

    /// Removes the repository of a commit, which has turned out to be damaged.
    ///
    /// # Errors
    /// When it cannot be moved away.
    pub fn remove_repository(&self, commit: &ObjectId) -> Result<()> {
        // Aside first: nobody sees half of it.
        let scratch = self.scratch("damaged")?;
        let path = self.repository_path(commit);
        match fs_err::rename(&path, scratch.path().join("repository")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_at("remove the damaged", path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Waits until nobody else fetches this commit.
    ///
    /// # Errors
    /// As [`Store::lock`].
    pub fn lock_repository(&self, commit: &ObjectId) -> Result<KeyLock> {
        KeyLock::take(&self.0.root.join("locks").join(format!("git-{commit}")))
    }

    fn repository_path(&self, commit: &ObjectId) -> PathBuf {
        self.0.root.join("downloads/git").join(commit.to_string())
    }

    /// How many bytes the store's file system has left for this user.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn free_space(&self) -> Result<u64> {
        let about = rustix::fs::statvfs(&self.0.root)
            .map_err(|error| io_at("ask for the free space of", &self.0.root)(error.into()))?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }

    /// Fails early when `what` is known to need more bytes than are free.
    ///
    /// # Errors
    /// [`Error::Space`] when that is so.
    pub fn require_space(&self, bytes: u64, what: &str) -> Result<()> {
        let free = self.free_space()?;
        if bytes <= free {
            return Ok(());
        }
        let (what, path) = (what.to_owned(), self.0.root.clone());
        Err(Error::Space {
            what,
            needed: bytes,
            free,
            path,
        })
    }

    /// Where a download with this digest lies, or would.
    pub(crate) fn download_path(&self, digest: &Sha256) -> PathBuf {
        self.0
            .root
            .join("downloads/sha256")
            .join(digest.to_string())
    }

    pub(crate) fn partial_path(&self, digest: &Sha256) -> PathBuf {
        self.0
            .root
            .join("downloads/partial")
            .join(format!("{digest}.part"))
    }

    pub(crate) fn seen_path(&self, digest: &Sha256) -> PathBuf {
        self.0.root.join("downloads/seen").join(digest.to_string())
    }

    pub(crate) fn download_lock(&self, digest: &Sha256) -> Result<KeyLock> {
        KeyLock::take(&self.0.root.join("locks").join(format!("download-{digest}")))
    }

    /// Whether this process has seen the download whole. Its holder alone may look or fetch.
    pub(crate) fn verified(&self, digest: &Sha256) -> Arc<Mutex<bool>> {
        let mut all = self
            .0
            .verified
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.entry(*digest).or_default().clone()
    }

    /// Where results, files and trees are.
    fn made(&self) -> &Path {
        match &self.0.anew {
            Some(scratch) => scratch.path(),
            None => &self.0.root,
        }
    }

    /// Gives what was made anew to the store itself, where that has nothing.
    pub(crate) fn settle(&self, path: &Path) -> Result<()> {
        let Some(scratch) = &self.0.anew else {
            return Ok(());
        };
        let Ok(below) = path.strip_prefix(scratch.path()) else {
            return Ok(());
        };
        let target = self.0.root.join(below);
        make_parent(&target)?;
        match fs_err::hard_link(path, &target) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(io_at("put in place", target)(error))
            }
            _ => Ok(()),
        }
    }

    fn tree_path(&self, kind: &str, key: &Key) -> PathBuf {
        self.made()
            .join("trees")
            .join(format!("{}-{key}", word(kind)))
    }
}

/// Moves a scratch folder to its place, if nothing stands there.
fn place(scratch: &Scratch, target: PathBuf) -> Result<PathBuf> {
    match fs_err::rename(scratch.path(), &target) {
        // Nobody else takes the scratch's old name: it is random, and the gone folder's drop
        // finds nothing to remove.
        Ok(()) => Ok(target),
        Err(_) if target.is_dir() => Ok(target),
        Err(error) => Err(io_at("put in place", target)(error)),
    }
}

fn result_path(root: &Path, kind: &str, key: &Key) -> PathBuf {
    root.join("results")
        .join(word(kind))
        .join(format!("{key}.json"))
}

fn read_record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_at("read", path)(error)),
    }
}

pub(crate) fn is_file_of_size(path: &Path, size: u64) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() == size)
}

fn default_root(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let set = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
    // A relative XDG folder is to be ignored (XDG Base Directory Specification).
    let cache = set("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    set("STRATA_STORE")
        .or_else(|| cache.map(|path| path.join("strata")))
        .or_else(|| set("HOME").map(|path| path.join(".cache/strata")))
        .ok_or(Error::NoStore)
}

fn make_folders(root: &Path) -> Result<()> {
    for folder in FOLDERS {
        let path = root.join(folder);
        fs_err::create_dir_all(&path).map_err(io_at("make", path))?;
    }
    Ok(())
}

fn make_parent(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) => fs_err::create_dir_all(folder).map_err(io_at("make", folder)),
        None => Ok(()),
    }
}

/// A kind as one component of a path.
fn word(kind: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    let word: String = kind
        .chars()
        .map(|c| if safe(c) { c } else { '_' })
        .collect();
    if word.starts_with('.') || word.is_empty() {
        format!("_{word}")
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_folder() {
        let at = |set: &[(&str, &str)]| {
            let set: HashMap<_, _> = set.iter().copied().collect();
            default_root(|name| set.get(name).map(PathBuf::from)).ok()
        };
        let home = ("HOME", "/h");
        let all = [("STRATA_STORE", "/s"), ("XDG_CACHE_HOME", "/c"), home];
        assert_eq!(at(&all), Some("/s".into()));
        assert_eq!(at(&all[1..]), Some("/c/strata".into()));
        assert_eq!(
            at(&[("XDG_CACHE_HOME", "c"), home]),
            Some("/h/.cache/strata".into())
        );
        assert_eq!(
            at(&[("STRATA_STORE", ""), home]),
            Some("/h/.cache/strata".into())
        );
        assert_eq!(at(&[]), None);
    }

    #[test]
    fn kinds_stay_in_their_folder() {
        assert_eq!(word("part-index_1.x"), "part-index_1.x");
        assert_eq!(word("../a b"), "_.._a_b");
        assert_eq!(word(""), "_");
    }
}
