//! An image into a registry: its blobs from several threads, the manifest last, by all of its tags.

use std::{
    collections::BTreeSet,
    io::{self, Read},
};

use layer::Part;
use lock::Sha256;
use registry::{BlobSource, Bytes, Client, Reference, Repository, media_type};
use store::{OnceFile, at_once};

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
/// others are mounted from `mount_from` where the registry does that. Blobs that the store lacks are
/// brought for that, verified, and not kept. The manifest is pushed by its digest first, and by its tags, one
/// after another, when all else is there: no tag ever names an image that is not whole.
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
    let pushed = at_once(AT_ONCE, &blobs, |blob| {
        let source = Source::new(image, blob);
        let pushed = client.push_blob(repository, &source, mount_from);
        pushed.map_err(|error| source.error(error))
    })?;
    let mut found = Pushed::default();
    for (blob, pushed) in blobs.iter().zip(pushed) {
        found.add(&blob.name, blob.size, pushed);
    }
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
    part: Option<&'i Part>,
    file: OnceFile,
}

impl<'i> Source<'i> {
    fn new(image: &'i Image, blob: &'i Blob) -> Self {
        Self {
            image,
            blob,
            part: image.parts().find(|part| part.digest == blob.digest),
            file: OnceFile::default(),
        }
    }

    /// A blob out of a cache that could not be read is that cache's fault.
    fn error(&self, error: registry::Error) -> Error {
        let is_of_cache = matches!(
            error,
            registry::Error::Source { .. } | registry::Error::Changed { .. }
        );
        let elsewhere = self
            .part
            .and_then(|part| Some((part, part.elsewhere.as_ref()?)));
        match elsewhere {
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
        let file = || match self.part {
            Some(part) => Ok(part.file()?),
            None => self.image.file_below(self.blob),
        };
        let rest = self.file.open_at(offset, file);
        Ok(Box::new(rest.map_err(io::Error::other)?))
    }

    fn name(&self) -> String {
        self.blob.name.clone()
    }
}
