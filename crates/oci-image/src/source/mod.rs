//! Where an image is, opened: a registry, a layout, an archive. What comes from here is not verified yet.

mod archive;
mod layout;
mod named;
mod registry;

use std::{
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use ::registry::Client;
use lock::{BaseImage, ImageAt, Sha256};
use store::{Progress, Store, sha256_of};

use crate::{
    Below, Error, Result,
    document::{DOCUMENT, Document, for_platform},
};

/// With what images are read: where documents are kept, where relative paths start, who hears of it.
#[derive(Debug, Clone)]
pub struct Access {
    /// Keeps manifests and configs, and layers that are brought in.
    pub store: Store,
    /// The edition's folder.
    pub folder: PathBuf,
    /// Who hears of layers on their way.
    pub progress: Arc<dyn Progress>,
    /// Ask no registry. Files are read all the same.
    pub offline: bool,
    /// Who asks registries.
    pub client: Client,
}

/// One kind of place that has images.
pub(crate) trait Place: fmt::Debug + Send + Sync {
    /// The document that the image's name leads to, and the digest that names it, where one does.
    fn named(&self, platform: &str) -> Result<(Vec<u8>, Option<Sha256>)>;

    /// A manifest by its digest.
    fn manifest(&self, digest: &Sha256) -> Result<Vec<u8>>;

    /// A blob by its digest: a config or a layer.
    fn blob(&self, what: &'static str, digest: &Sha256, size: u64) -> Result<Box<dyn Read + Send>>;
}

/// An image's place, opened.
#[derive(Debug)]
pub struct Source {
    pub(crate) image: String,
    place: Box<dyn Place>,
}

impl Source {
    /// Opens the place that `image` names.
    ///
    /// # Errors
    /// A text that names none; a layout or an archive that is none.
    pub fn open(image: &str, access: &Access) -> Result<Self> {
        let at = |path: &str| access.folder.join(path);
        let place: Box<dyn Place> = match image.parse::<ImageAt>()? {
            ImageAt::Layout { path, tag } => {
                Box::new(layout::Layout::open(image, &at(&path), tag)?)
            }
            ImageAt::Archive { path, tag } => {
                Box::new(archive::Archive::open(image, &at(&path), tag)?)
            }
            ImageAt::Registry(_) => Box::new(registry::Registry::open(image, &access.client)?),
        };
        Ok(Self {
            image: image.to_owned(),
            place,
        })
    }

    /// The manifest of a digest, verified.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::Damaged`].
    pub(crate) fn manifest(&self, digest: &Sha256) -> Result<Vec<u8>> {
        let bytes = self.place.manifest(digest)?;
        verified(&self.image, "manifest", digest, bytes)
    }

    /// The blob of a digest. Whoever reads it verifies it.
    ///
    /// # Errors
    /// [`Error::Gone`], and what the place says.
    pub fn blob(
        &self,
        what: &'static str,
        digest: &Sha256,
        size: u64,
    ) -> Result<Box<dyn Read + Send>> {
        self.place.blob(what, digest, size)
    }

    /// The manifest for a platform that the name leads to today.
    fn today(&self, platform: &str) -> Result<(Vec<u8>, Sha256)> {
        let image = &self.image;
        let (bytes, named) = self.place.named(platform)?;
        let bytes = match &named {
            Some(digest) => verified(image, "manifest", digest, bytes)?,
            None => bytes,
        };
        let Document::Index(manifests) = Document::parse(image, &bytes)? else {
            let digest = sha256_of(&bytes);
            return Ok((bytes, digest));
        };
        let chosen = for_platform(image, &manifests, platform)?;
        if chosen.is_index() {
            return Err(Error::Document {
                image: image.clone(),
                document: "its index",
                problem: "it leads to another index, and not to an image".to_owned(),
            });
        }
        let digest = chosen.sha256(image)?;
        Ok((self.manifest(&digest)?, digest))
    }
}

/// Looks up what an image's name leads to today, for a platform, and pins it. Manifest and config are in
/// the store then.
///
/// # Errors
/// See [`Error`]; an image that nothing can stand on is refused here already.
pub fn pin(image: &str, platform: &str, access: &Access) -> Result<BaseImage> {
    if access.offline && matches!(image.parse::<ImageAt>()?, ImageAt::Registry(_)) {
        return Err(Error::Offline {
            image: image.to_owned(),
            what: "manifest",
            digest: "of its tag".to_owned(),
        });
    }
    let source = Source::open(image, access)?;
    let (bytes, digest) = source.today(platform)?;
    let from = BaseImage {
        image: image.to_owned(),
        digest,
        size: bytes.len() as u64,
    };
    crate::blobs::keep(&access.store, &digest, &bytes)?;
    Below::load(&from, platform, access)?;
    Ok(from)
}

/// The bytes, if they are what the digest names.
pub(crate) fn verified(
    image: &str,
    what: &'static str,
    digest: &Sha256,
    bytes: Vec<u8>,
) -> Result<Vec<u8>> {
    let found = sha256_of(&bytes);
    if found == *digest {
        return Ok(bytes);
    }
    Err(Error::Damaged {
        image: image.to_owned(),
        what,
        expected: *digest,
        found: format!("{} bytes, {}", bytes.len(), found.to_oci()),
    })
}

/// All of a document, which has at most so many bytes.
pub(crate) fn read_all(
    image: &str,
    document: &'static str,
    reader: &mut dyn Read,
    limit: u64,
) -> io::Result<Result<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 <= limit {
        return Ok(Ok(bytes));
    }
    Ok(Err(Error::Document {
        image: image.to_owned(),
        document,
        problem: format!("it has more than {limit} bytes"),
    }))
}

/// A file's text, for documents.
pub(crate) fn read_file(image: &str, document: &'static str, path: &Path) -> Result<Vec<u8>> {
    let read = std::fs::File::open(path)
        .and_then(|mut file| read_all(image, document, &mut file, DOCUMENT));
    read.map_err(|source| Error::Io {
        image: image.to_owned(),
        path: path.to_owned(),
        source,
    })?
}
