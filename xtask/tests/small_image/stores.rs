//! Stores for tests: what the registries gave, one with the image in it, and copies that may be damaged.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use lock::{Artifact, Lock, Origin, Sha256};
use store::{Error, Fetcher, Store};

use super::{
    mirror::Mirror,
    program::{digest, image_from},
    skipped,
    small_lock::{sha256, small_lock, write_lock},
};

/// An image that was built as the others are to be, from a mirror into an empty store.
pub struct Reference {
    pub lock: Lock,
    pub digest: String,
    folder: PathBuf,
    fetched: PathBuf,
}

/// The reference, made once. `None`, and said so, where the registries are not reachable.
pub fn reference() -> Option<&'static Reference> {
    static REFERENCE: OnceLock<Option<Reference>> = OnceLock::new();
    REFERENCE.get_or_init(make).as_ref()
}

fn make() -> Option<Reference> {
    let lock = small_lock();
    let fetched = fetched(&lock)?;
    let mirror = Mirror::start(&lock, &fetched);
    // Kept between runs, for the next one to remove: statics are never dropped. Each program of tests has
    // one of its own.
    let name = concat!("reference-", env!("CARGO_CRATE_NAME"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    let path = write_lock(&folder);
    let built = image_from(&path, &folder.join("store"), &mirror).output();
    Some(Reference {
        lock,
        digest: digest(&built.unwrap()),
        folder,
        fetched,
    })
}

impl Reference {
    /// A new mirror of the packages.
    pub fn mirror(&self) -> Mirror {
        Mirror::start(&self.lock, &self.fetched)
    }

    /// A copy of the store, below `folder`. The files are hard links: one that is to be changed is to
    /// be replaced.
    pub fn copy(&self, folder: &Path) -> PathBuf {
        let to = folder.join("store");
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--link"])
            .arg(self.folder.join("store"));
        assert!(copy.arg(&to).status().unwrap().success());
        to
    }

    /// A store that has the downloads and nothing else.
    pub fn copy_downloads(&self, to: &Path) -> PathBuf {
        let new = Store::open(to).unwrap();
        for artifact in self.lock.artifacts() {
            let from = download(&self.folder.join("store"), &artifact.sha256);
            // Copies: one test gives them another owner.
            fs::copy(from, download(new.root(), &artifact.sha256)).unwrap();
        }
        new.root().to_owned()
    }
}

/// A folder for one test, on the disk that has `target`.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Where a store has a download.
pub fn download(store: &Path, digest: &Sha256) -> PathBuf {
    store.join("downloads/sha256").join(digest.to_string())
}

/// Writes a file anew, so that what else is linked to the old one stays as it is.
pub fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Forgets folders of a store, such as `results/part`, so that what was in them is made again.
pub fn forget(store: &Path, folders: &[&str]) {
    for folder in folders {
        let folder = store.join(folder);
        if folder.exists() {
            fs::remove_dir_all(folder).unwrap();
        }
    }
}

/// Forgets the record of a part, by the part's name.
pub fn forget_part(store: &Path, name: &str) {
    for record in fs::read_dir(store.join("results/part")).unwrap() {
        let path = record.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if text.contains(&format!("\"name\":\"{name}\"")) {
            fs::remove_file(path).unwrap();
        }
    }
}

/// What a mirror is asked for: all artifacts but the lock's local file.
pub fn packages(lock: &Lock) -> Vec<Artifact> {
    let all = lock.artifacts().into_iter();
    all.filter(|artifact| !matches!(artifact.origin, Origin::File(_)))
        .collect()
}

/// Whether we are root, as the owner of what we make tells.
pub fn is_root() -> bool {
    scratch().path().metadata().unwrap().uid() == 0
}

/// Copies packages out of the store that builds use by default. Those of other bytes stay there.
fn take_from_user(kept: &Store, lock: &Lock) {
    let Ok(users) = Store::open_default() else {
        return;
    };
    for artifact in packages(lock) {
        let Ok(bytes) = fs::read(download(users.root(), &artifact.sha256)) else {
            continue;
        };
        let to = download(kept.root(), &artifact.sha256);
        if sha256(&bytes) == artifact.sha256 && !to.exists() {
            fs::write(to, bytes).unwrap();
        }
    }
}

/// A store with the packages, for all runs: out of the user's store as far as it has them, else fetched.
fn fetched(lock: &Lock) -> Option<PathBuf> {
    let kept = Store::open(Path::new(env!("CARGO_TARGET_TMPDIR")).join("downloads")).unwrap();
    let missing = |one: &Artifact| !kept.has_download(&one.sha256, one.size);
    if packages(lock).iter().any(missing) {
        take_from_user(&kept, lock);
    }
    let fetched = Fetcher::from_env().and_then(|fetcher| fetcher.fetch_all(&kept, &packages(lock)));
    match fetched {
        Ok(()) => Some(kept.root().to_owned()),
        Err(error @ (Error::Fetch { .. } | Error::NoPythonIndex { .. })) => {
            skipped(&format!("the registries are not reachable: {error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}
