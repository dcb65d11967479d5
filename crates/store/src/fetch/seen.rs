//! Which downloads were seen whole, and as what the system knew their files then: so a later process
//! does not read gigabytes only to find them as they were.
//!
//! Before a file is looked at, its time of modification is set to a fixed one: whatever writes to it
//! from then on changes that, even within one tick of the clock. What touches no time (a disk that
//! rots) is found by the artifact's own checksums, or by `--no-reuse`.

use std::{
    fs::{File, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use lock::Sha256;

use crate::{Store, temp};

/// 1980-01-01T00:00:00Z, in seconds.
const FIXED: i64 = 315_532_800;

/// To be called before the file is hashed for the last time, or renamed. Where it cannot be done, the
/// file will not be noted.
pub(super) fn prepare(file: &File) {
    let _ = file.set_modified(UNIX_EPOCH + Duration::from_secs(FIXED as u64));
}

/// Notes that the file has been seen whole. Where that cannot be written, it is looked at again.
pub(super) fn note(store: &Store, digest: &Sha256, path: &Path) {
    let about = std::fs::metadata(path);
    if let Ok(about) = about
        && about.mtime() == FIXED
    {
        let seen = store.seen_path(digest);
        let _ = temp::write_whole(store.root(), &seen, mark(&about).as_bytes());
    }
}

/// Whether the file is as it was when it was seen whole.
pub(super) fn is_seen(store: &Store, digest: &Sha256, about: &Metadata) -> bool {
    // Whoever wants everything made anew wants everything looked at.
    !store.is_anew()
        && about.mtime() == FIXED
        && std::fs::read_to_string(store.seen_path(digest)).is_ok_and(|seen| seen == mark(about))
}

fn mark(about: &Metadata) -> String {
    format!(
        "inode {} size {} changed {}.{:09}\n",
        about.ino(),
        about.len(),
        about.ctime(),
        about.ctime_nsec(),
    )
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    #[test]
    fn seen_until_it_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let digest = Sha256([7; 32]);
        let path = store.download_path(&digest);
        let about = || fs::metadata(&path).unwrap();
        let look = || {
            prepare(&File::open(&path).unwrap());
            note(&store, &digest, &path);
        };
        fs::write(&path, b"whole").unwrap();
        // Not prepared: a write in the same tick would not show.
        note(&store, &digest, &path);
        assert!(!is_seen(&store, &digest, &about()));
        look();
        assert!(is_seen(&store, &digest, &about()));
        assert!(is_seen(
            &Store::open(folder.path()).unwrap(),
            &digest,
            &about()
        ));
        assert!(!is_seen(&store.anew().unwrap(), &digest, &about()));
        // At once, in place and of the same length.
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all(b"W").unwrap();
        assert!(!is_seen(&store, &digest, &about()));
        look();
        fs::write(folder.path().join("other"), b"whole").unwrap();
        fs::rename(folder.path().join("other"), &path).unwrap();
        assert!(!is_seen(&store, &digest, &about()));
        look();
        assert!(is_seen(&store, &digest, &about()));
    }
}
