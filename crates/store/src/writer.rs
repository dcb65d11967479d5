//! Files on their way into the store: written aside, moved into place when they are whole.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use lock::Sha256;
use tempfile::NamedTempFile;

use crate::{
    Result, Store,
    error::io_at,
    passing::{Cached, Passing},
    temp,
};

/// A blob that is being written. Hashing is the writer's business.
///
/// Dropped without [`BlobWriter::commit`], it leaves nothing.
#[derive(Debug)]
pub struct BlobWriter {
    aside: Aside,
    store: Store,
}

impl BlobWriter {
    pub(crate) fn new(store: &Store, cached: Cached) -> Result<Self> {
        Ok(Self {
            aside: Aside::new(store.root(), cached)?,
            store: store.clone(),
        })
    }

    /// Waits until the blob is on the disk, moves it into place under its digest, which the caller has
    /// computed, and gives its path. A blob that is there already has the same bytes, so it is replaced.
    ///
    /// # Errors
    /// When the rest cannot be written, or the disk says that something was not, or the file cannot be
    /// moved.
    pub fn commit(self, digest: &Sha256) -> Result<PathBuf> {
        self.aside.commit(self.store.blob_path(digest))
    }
}

/// A content file that is being written under a recipe key, such as an index or a pack.
///
/// Dropped without [`FileWriter::commit`], it leaves nothing.
#[derive(Debug)]
pub struct FileWriter {
    aside: Aside,
    target: PathBuf,
    store: Store,
}

impl FileWriter {
    pub(crate) fn new(store: &Store, target: PathBuf) -> Result<Self> {
        Ok(Self {
            aside: Aside::new(store.root(), Cached::Yes)?,
            target,
            store: store.clone(),
        })
    }

    /// Waits until the file is on the disk, moves it into place and gives its path.
    ///
    /// # Errors
    /// As [`BlobWriter::commit`].
    pub fn commit(self) -> Result<PathBuf> {
        let path = self.aside.commit(self.target)?;
        self.store.settle(&path)?;
        Ok(path)
    }
}

#[derive(Debug)]
struct Aside(BufWriter<Passing<NamedTempFile>>);

impl Aside {
    fn new(root: &Path, cached: Cached) -> Result<Self> {
        let file = Passing::new(temp::new_file(root)?, cached);
        Ok(Self(BufWriter::with_capacity(64 << 10, file)))
    }

    /// Waits until the file is on the disk, and moves it into place.
    fn commit(self, target: PathBuf) -> Result<PathBuf> {
        let file = self.0.into_inner().map_err(|error| {
            let error = error.into_error();
            io_at("write", &target)(error)
        })?;
        let file = file.into_inner();
        // What is there is believed, for good: so its bytes must be there even after a power loss, and an error
        // that the disk tells late must not be missed. A kill cannot tear the rename.
        file.as_file()
            .sync_data()
            .map_err(|error| io_at("write", &target)(error))?;
        file.persist(&target)
            .map_err(|error| io_at("write", &target)(error.error))?;
        Ok(target)
    }
}

macro_rules! write_through {
    ($($name:ty),*) => {$(
        impl Write for $name {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.aside.0.write(bytes)
            }

            fn flush(&mut self) -> io::Result<()> {
                self.aside.0.flush()
            }
        }
    )*};
}

write_through!(BlobWriter, FileWriter);
