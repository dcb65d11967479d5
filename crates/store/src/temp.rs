//! What lies in the store's `tmp` folder: files and folders that are being written. Each is held
//! by an flock while its owner lives, so that what a killed process left can be told from what a
//! living one writes.

use std::{io, io::Write, path::Path};

use fs_err::File;
use rustix::fs::{Mode, OFlags};
use tempfile::NamedTempFile;

use crate::{Result, error::io_at, scratch};

/// The name of the file below the store's root that keeps a sweep away from what is just being
/// made: makers hold it shared from creating to locking, a sweep holds it alone.
const GATE: &str = "tmp.lock";

/// Runs `make` while no sweep is under way.
pub(crate) fn while_no_sweep<T>(root: &Path, make: impl FnOnce() -> Result<T>) -> Result<T> {
    let path = root.join(GATE);
    let gate = open_lock_file(&path)?;
    retry(|| gate.lock_shared()).map_err(io_at("lock", &path))?;
    make()
}

/// Opens a file that exists only to be locked.
pub(crate) fn open_lock_file(path: &Path) -> Result<File> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options
        .open(path)
        .map_err(io_at("open the lock file", path))
}

/// Repeats a lock call that a signal interrupted.
pub(crate) fn retry(mut lock: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A new, locked file in `tmp`. It is removed when it is dropped.
pub(crate) fn new_file(root: &Path) -> Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;

    let tmp = root.join("tmp");
    while_no_sweep(root, || {
        let file = tempfile::Builder::new()
            .prefix("file-")
            // The umask takes from it what it takes from any new file.
            .permissions(std::fs::Permissions::from_mode(0o666))
            .tempfile_in(&tmp)
            .map_err(io_at("make a file in", &tmp))?;
        retry(|| file.as_file().lock()).map_err(io_at("lock", file.path()))?;
        Ok(file)
    })
}

/// A new file in `tmp` without a name: the system removes it when it is closed.
pub(crate) fn unnamed_file(root: &Path) -> Result<std::fs::File> {
    let tmp = root.join("tmp");
    tempfile::tempfile_in(&tmp).map_err(io_at("make a file in", &tmp))
}

/// Writes `bytes` to a file aside and moves it to `target`: readers see all of it or none.
pub(crate) fn write_whole(root: &Path, target: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = new_file(root)?;
    file.write_all(bytes).map_err(io_at("write", target))?;
    file.persist(target)
        .map_err(|error| io_at("write", target)(error.error))?;
    Ok(())
}

/// Removes what dead processes left in `tmp`. What cannot be removed stays: it is in nobody's way.
pub(crate) fn sweep(root: &Path) -> Result<()> {
    let gate = open_lock_file(&root.join(GATE))?;
    // Somebody is just making a file, or sweeps already: the next opening will do it.
    if gate.try_lock().is_err() {
        return Ok(());
    }
    let tmp = root.join("tmp");
    let entries = fs_err::read_dir(&tmp).map_err(io_at("list", &tmp))?;
    for entry in entries.flatten() {
        sweep_one(&entry.path());
    }
    Ok(())
}

fn sweep_one(path: &Path) {
    // Not through a link, and never waiting for somebody at the other end of a pipe.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    // What cannot be opened is not held by a lock either: a lock needs an open file.
    if let Ok(fd) = opened {
        let file = std::fs::File::from(fd);
        if file.try_lock().is_err() {
            return;
        }
        scratch::remove(path);
    } else if path.is_dir() {
        scratch::make_removable(path);
        if let Ok(file) = std::fs::File::open(path)
            && file.try_lock().is_ok()
        {
            scratch::remove(path);
        }
    }
}
