//! Locks between processes, and between threads of one process.

use std::path::Path;

use fs_err::File;

use crate::{Result, error::io_at, temp};

/// An exclusive lock, held until it is dropped or the process ends.
///
/// It is an flock on a file of its own opening, so two threads of one process exclude each other
/// just as two processes do; one thread that takes the same lock twice waits for ever.
#[derive(Debug)]
pub struct KeyLock(File);

impl KeyLock {
    /// Waits for the lock on `path`. The file stays: removing it would let two owners in.
    pub(crate) fn take(path: &Path) -> Result<Self> {
        let file = temp::open_lock_file(path)?;
        temp::retry(|| file.lock()).map_err(io_at("lock", path))?;
        Ok(Self(file))
    }
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        // Closing would do, if no child process held a copy of the descriptor just now.
        let _ = self.0.unlock();
    }
}
