//! Disk room for what is still to be made: all layers of a build draw on one sum, so that a build that
//! cannot fit ends before it has fetched anything.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lock::{Artifact, Sha256};
use store::Store;

use crate::Result;

/// What was promised to plans and is not used up yet.
#[derive(Debug, Default, Clone)]
pub(crate) struct Room(Arc<Mutex<Sums>>);

#[derive(Debug, Default)]
struct Sums {
    /// Bytes of blobs, about.
    blobs: u64,
    /// Bytes of artifacts that are still to be fetched.
    downloads: u64,
    /// Artifacts that some plan counts; several plans may want one.
    counted: BTreeMap<Sha256, usize>,
}

/// Room for one plan, until this is dropped.
#[derive(Debug)]
pub(crate) struct Promise {
    room: Room,
    blobs: u64,
    downloads: Vec<Artifact>,
}

impl Room {
    /// Promises room for what the artifacts become. Packed as they are, they weigh about as much as
    /// the blob that is made of them; those that are not in the store weigh once more.
    ///
    /// # Errors
    /// [`store::Error::Space`] when all that was promised does not fit.
    pub(crate) fn promise(&self, store: &Store, artifacts: &[Artifact]) -> Result<Promise> {
        let missing = artifacts
            .iter()
            .filter(|artifact| !store.has_download(&artifact.sha256, artifact.size));
        let promise = Promise {
            room: self.clone(),
            blobs: artifacts.iter().map(|artifact| artifact.size).sum(),
            downloads: missing.cloned().collect(),
        };
        let mut sums = self.sums();
        sums.blobs += promise.blobs;
        for artifact in &promise.downloads {
            let count = sums.counted.entry(artifact.sha256).or_default();
            *count += 1;
            if *count == 1 {
                sums.downloads += artifact.size;
            }
        }
        let (blobs, downloads) = (sums.blobs, sums.downloads);
        drop(sums);
        if blobs + downloads > 0 {
            let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
            let what = format!(
                "the build ({} MB to fetch and about {} MB of layers)",
                megabytes(downloads),
                megabytes(blobs)
            );
            store.require_space(blobs + downloads, &what)?;
        }
        Ok(promise)
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Promise {
    /// Its downloads are on the disk now: what is free there says so by itself.
    pub(crate) fn fetched(&mut self) {
        let mut sums = self.room.sums();
        for artifact in self.downloads.drain(..) {
            if let Some(count) = sums.counted.get_mut(&artifact.sha256) {
                *count -= 1;
                if *count == 0 {
                    sums.counted.remove(&artifact.sha256);
                    sums.downloads -= artifact.size;
                }
            }
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.fetched();
        self.room.sums().blobs -= self.blobs;
    }
}
