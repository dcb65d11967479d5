//! An image's layers as one list, whoever made them: the image below, or a part of ours.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    path::PathBuf,
};

use layer::{LayerBlob, Part};
use lock::Sha256;
use oci_image::{KIND, MediaType, PACKAGES, PART, TARS, packages_text};

use crate::{Error, Image, Result};

/// One layer of an image, as its manifest names it.
#[derive(Debug, Clone)]
pub struct Blob {
    /// sha256 of the blob.
    pub digest: Sha256,
    /// The blob's size in bytes.
    pub size: u64,
    /// How it is packed.
    pub media_type: MediaType,
    /// sha256 of the tar inside.
    pub diff_id: Sha256,
    /// Size of that tar in bytes; of the image below nobody has counted.
    pub diff_size: Option<u64>,
    /// What a person calls it: the layer's name and the part's.
    pub name: String,
    /// The annotations of its descriptor.
    pub annotations: BTreeMap<String, String>,
    /// It belongs to the image below.
    pub below: bool,
    /// Where the store has it. A blob of the image below, or of a cache, may not be there: see [`Image::bring`].
    pub path: Option<PathBuf>,
}

impl Image {
    /// Its layers, lowest first: those of the image below, then the parts. A blob that is there twice is
    /// listed twice, as in the manifest.
    pub fn blobs(&self) -> Vec<Blob> {
        let below = self.meta.below.iter().flat_map(|below| &below.layers);
        let below = below.map(|layer| Blob {
            digest: layer.digest,
            size: layer.size,
            media_type: layer.media_type,
            diff_id: layer.diff_id,
            diff_size: None,
            name: match layer.held() {
                Some(held) if !held.part.is_empty() => held.part,
                _ => format!("below: {}", &layer.digest.to_string()[..12]),
            },
            annotations: layer.annotations.clone(),
            below: true,
            path: Some(layer.path.clone()).filter(|path| {
                std::fs::metadata(path).is_ok_and(|about| about.len() == layer.size)
            }),
        });
        below.chain(own(&self.layers)).collect()
    }

    /// The blobs that the store lacks, each once.
    pub fn lacking(&self) -> Vec<Blob> {
        let mut seen = std::collections::BTreeSet::new();
        let mut blobs = self.blobs();
        blobs.retain(|blob| blob.path.is_none() && seen.insert(blob.digest));
        blobs
    }

    /// One of [`Image::blobs`] that is the image below's, as a file: that of the store, or one without a name.
    ///
    /// # Errors
    /// [`Error::Below`].
    pub(crate) fn file_below(&self, blob: &Blob) -> Result<File> {
        match &self.meta.below {
            Some(below) => Ok(below.file(&blob.digest, blob.size)?),
            None => Err(blob.not_brought()),
        }
    }

    /// Brings the parts that are in a cache and the layers of the image below into the store, as far as it
    /// lacks them, for whoever wants their bytes.
    ///
    /// # Errors
    /// [`Error::Below`], [`Error::Part`].
    pub fn bring(&self) -> Result<()> {
        layer::bring(&self.parts().collect::<Vec<_>>())?;
        match &self.meta.below {
            Some(below) => Ok(below.bring()?),
            None => Ok(()),
        }
    }
}

/// The parts of finished layers.
pub(crate) fn own(layers: &[LayerBlob]) -> impl Iterator<Item = Blob> {
    let parts = layers
        .iter()
        .flat_map(|layer| layer.parts.iter().map(move |part| (layer, part)));
    parts.map(|(layer, part)| Blob {
        digest: part.digest,
        size: part.size,
        media_type: match part.compression {
            layer::Compression::Zstd { .. } => MediaType::Zstd,
            layer::Compression::Gzip { .. } => MediaType::Gzip,
        },
        diff_id: part.diff_id,
        diff_size: Some(part.diff_size),
        name: format!("{}: {}", layer.name, part.name),
        annotations: annotations(&layer.name, part),
        below: false,
        path: part.is_here().then(|| part.path.clone()),
    })
}

/// What the descriptor of a part says of it; `oci_image`'s reader has the words.
fn annotations(layer: &str, part: &Part) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    let mut set = |name: &str, value: String| annotations.insert(name.to_owned(), value);
    set(PART, format!("{layer}: {}", part.name));
    set(TARS, part.tars.to_string());
    if let Some(first) = part.packages.first() {
        let packages = part.packages.iter();
        let packages = packages.map(|one| (one.name.as_str(), one.version.as_str()));
        set(KIND, first.kind.clone());
        set(PACKAGES, packages_text(packages));
    }
    annotations
}

impl Blob {
    /// Its file in the store.
    ///
    /// # Errors
    /// [`Error::NotBrought`].
    pub fn file(&self) -> Result<(&PathBuf, File)> {
        let path = self.path.as_ref().ok_or_else(|| self.not_brought())?;
        let file = File::open(path).map_err(|source| Error::Io {
            path: path.clone(),
            source,
        })?;
        Ok((path, file))
    }

    fn not_brought(&self) -> Error {
        Error::NotBrought {
            name: self.name.clone(),
            digest: self.digest,
        }
    }

    /// The tar inside, and its size in bytes.
    ///
    /// # Errors
    /// [`Error::Io`]; of a layer of the image below also [`Error::OtherTar`], when it is not the tar that
    /// the image's config names.
    pub(crate) fn tar(&self) -> Result<(u64, Box<dyn Read>)> {
        let open = || -> Result<Box<dyn Read>> {
            let (path, file) = self.file()?;
            let file = BufReader::with_capacity(256 << 10, file);
            let tar = self.media_type.encoding().reader(file);
            tar.map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })
        };
        let size = match self.diff_size {
            Some(size) => size,
            None => {
                let (size, found) = store::sha256(&mut open()?).map_err(|source| Error::Io {
                    path: self.path.clone().unwrap_or_default(),
                    source,
                })?;
                if found != self.diff_id {
                    return Err(Error::OtherTar {
                        name: self.name.clone(),
                        expected: self.diff_id,
                        found,
                    });
                }
                size
            }
        };
        Ok((size, open()?))
    }
}
