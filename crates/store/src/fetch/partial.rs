//! An artifact on its way: the bytes that have come so far, on disk and in the hash. Whoever makes
//! one holds the artifact's lock.

use std::{
    io::{Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

use fs_err::File;
use lock::{Artifact, Sha256};
use sha2::Digest;

use super::{Stop, seen};
use crate::{Error, ProgressTask, Result, Store, error::io_at};

/// The file that an artifact is written to before it is whole.
pub(super) struct Partial<'a> {
    pub(super) artifact: &'a Artifact,
    file: File,
    path: PathBuf,
    target: PathBuf,
    len: u64,
    received: u64,
    hasher: sha2::Sha256,
    task: &'a ProgressTask,
    /// The most that was reported, in bytes: starting over is no progress.
    reported: u64,
    stop: Stop<'a>,
}

impl<'a> Partial<'a> {
    /// Opens what an earlier fetch has left, and hashes it; or begins anew.
    pub(super) fn open(
        store: &Store,
        artifact: &'a Artifact,
        task: &'a ProgressTask,
        stop: Stop<'a>,
    ) -> Result<Self> {
        let path = store.partial_path(&artifact.sha256);
        let mut options = fs_err::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(io_at("open", &path))?;
        let target = store.download_path(&artifact.sha256);
        let hasher = sha2::Sha256::new();
        let mut part = Self {
            artifact,
            file,
            path,
            target,
            len: 0,
            received: 0,
            hasher,
            task,
            reported: 0,
            stop,
        };
        let len = part
            .file
            .metadata()
            .map_err(io_at("look at", &part.path))?
            .len();
        if len > artifact.size {
            part.reset()?;
        } else {
            part.take_up()?;
        }
        Ok(part)
    }

    fn take_up(&mut self) -> Result<()> {
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = self
                .file
                .read(&mut buffer)
                .map_err(io_at("read", &self.path))?;
            if count == 0 {
                return Ok(());
            }
            self.hasher.update(&buffer[..count]);
            self.len += count as u64;
            self.report();
        }
    }

    /// How many bytes of the artifact are here.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many bytes have come since this was opened, thrown away ones included.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// How many bytes are still to come.
    pub(super) fn missing(&self) -> u64 {
        self.artifact.size.saturating_sub(self.len)
    }

    /// Whether the file is the artifact. One that has the size and not the sha256 is emptied.
    pub(super) fn is_whole(&mut self) -> Result<bool> {
        if self.missing() > 0 {
            return Ok(false);
        }
        let whole = self.digest() == self.artifact.sha256;
        if !whole {
            self.reset()?;
        }
        Ok(whole)
    }

    /// The sha256 of what is here.
    pub(super) fn digest(&self) -> Sha256 {
        Sha256(self.hasher.clone().finalize().into())
    }

    /// Throws away what is here.
    pub(super) fn reset(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(io_at("empty", &self.path))?;
        self.file
            .seek(SeekFrom::Start(0))
            .map_err(io_at("rewind", &self.path))?;
        self.len = 0;
        self.hasher = sha2::Sha256::new();
        Ok(())
    }

    /// Adds bytes that have come.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if (self.stop)() {
            return Err(Error::Stopped {
                artifact: self.artifact.to_string(),
            });
        }
        self.file
            .write_all(bytes)
            .map_err(io_at("write", &self.path))?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        self.received += bytes.len() as u64;
        self.report();
        Ok(())
    }

    /// Moves the whole artifact into place. It is not waited for: it has checksums of its own, which are held
    /// against it when it is read.
    pub(super) fn finish(self) -> Result<()> {
        seen::prepare(self.file.file());
        drop(self.file);
        fs_err::rename(&self.path, &self.target).map_err(io_at("put in place", &self.target))
    }

    fn report(&mut self) {
        if self.len > self.reported {
            self.task.advance(self.len - self.reported);
            self.reported = self.len;
        }
    }
}
