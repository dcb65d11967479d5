//! An image into a registry: its blobs from several threads, the manifest last, by all of its tags.

use std::{
    collections::BTreeSet,
    io::{self, Read},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use lock::Sha256;
use registry::{BlobSource, Bytes, Client, Reference, Repository, media_type};

use crate::{Blob, Error, Image, Result};

/// How many blobs are on their way at once.
const AT_ONCE: usize = 4;

/// What a push came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Names of the blobs that were uploaded, with their sizes in bytes; the config is one.
    pub uploaded: Vec<(String, u64)>,
    /// How many blobs the registry brought from its other repositories.
    pub mounted: usize,
    /// How many were there.
    pub present: usize,
    /// Bytes that went over the line for blobs, those that were sent again included.
    pub bytes: u64,
    /// The manifest was there under every tag, as it is.
    pub unchanged: bool,
}

/// Pushes the image to `to`, which are tags of one repository. Blobs that the repository has are not sent;
/// others are mounted from `mount_from` where the registry does that. Blobs that the store lacks go
/// through, without being kept. The manifest is pushed by its digest first and by its tags when all else is
/// there: a push that fails leaves every tag as it was.
///
/// # Errors
/// [`Error::Registry`]; [`Error::Part`] with the recipe key where a cache's blob is not what it should be.
pub fn push(
    client: &Client,
    image: &Image,
    to: &[Reference],
    mount_from: &[Repository],
) -> Result<Pushed> {
    let Some(repository) = to.first().map(Reference::repository) else {
        return Ok(Pushed::default());
    };
    let mut seen = BTreeSet::new();
    let mut blobs = image.blobs();
    blobs.retain(|blob| seen.insert(blob.digest));
    // The largest first, so that none of them is left alone at the end.
    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
    let found = Mutex::new(Pushed::default());
    let failed = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let has_failed = || lock(&failed).is_some();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(blob) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if has_failed() {
                        return;
                    }
                    let source = Source { image, blob };
                    match client.push_blob(repository, &source, mount_from) {
                        Ok(pushed) => lock(&found).add(&blob.name, blob.size, pushed),
                        Err(error) => {
                            lock(&failed).get_or_insert(source.error(error));
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let config = Bytes::new(image.config.clone());
    let pushed = client.push_blob(repository, &config, &[])?;
    found.add("config", config.size(), pushed);
    found.unchanged = true;
    let mut tag = |by: registry::By<'_>| -> Result<()> {
        let there = client.head_manifest(repository, by)?;
        if there.is_none_or(|there| there.digest != image.digest) {
            found.unchanged = false;
            client.push_manifest(repository, by, media_type::MANIFEST, &image.manifest)?;
        }
        Ok(())
    };
    tag(image.digest.into())?;
    for reference in to {
        if reference.digest().is_none() {
            tag(reference.by())?;
        }
    }
    Ok(found)
}

impl Pushed {
    fn add(&mut self, name: &str, size: u64, pushed: registry::Pushed) {
        match pushed {
            registry::Pushed::Present => self.present += 1,
            registry::Pushed::Mounted => self.mounted += 1,
            registry::Pushed::Uploaded { bytes } => {
                self.uploaded.push((name.to_owned(), size));
                self.bytes += bytes;
            }
        }
    }
}

/// One of the image's blobs, wherever it is.
struct Source<'i> {
    image: &'i Image,
    blob: &'i Blob,
}

impl Source<'_> {
    /// A blob out of a cache that could not be read is that cache's fault.
    fn error(&self, error: registry::Error) -> Error {
        let part = self
            .image
            .parts()
            .find(|part| part.digest == self.blob.digest);
        let is_of_cache = matches!(
            error,
            registry::Error::Source { .. } | registry::Error::Changed { .. }
        );
        match part.and_then(|part| part.elsewhere.as_ref().map(|elsewhere| (part, elsewhere))) {
            Some((part, elsewhere)) if is_of_cache && !part.is_here() => {
                Error::Part(elsewhere.error(part, error.into()))
            }
            _ => error.into(),
        }
    }
}

impl BlobSource for Source<'_> {
    fn digest(&self) -> Sha256 {
        self.blob.digest
    }

    fn size(&self) -> u64 {
        self.blob.size
    }

    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let blob = self
            .image
            .open(self.blob, offset)
            .map_err(io::Error::other)?;
        Ok(blob)
    }

    fn name(&self) -> String {
        self.blob.name.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
