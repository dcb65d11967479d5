//! The image below: its layers as they are named, its config, and its bytes where they are wanted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::PathBuf,
};

use lock::{BaseImage, ImageAt, Sha256};
use serde_json::Value;
use store::{ProgressTask, Store, TakeBlob, TaskKind, at_once};

use crate::{
    Access, DEBIAN, Error, Held, MediaType, Result, Source, blobs,
    document::{CONFIG, Document, Platform, layer_type},
    source::{read_all, verified},
};

/// How many layers are brought in at once.
const AT_ONCE: usize = 4;

/// An image that another stands on.
#[derive(Debug, Clone)]
pub struct Below {
    /// As the lock pins it.
    pub from: BaseImage,
    /// Its layers, lowest first.
    pub layers: Vec<BelowLayer>,
    /// Its config, as it is.
    pub config: Value,
    /// The annotations of its manifest.
    pub annotations: BTreeMap<String, String>,
    access: Access,
}

/// One layer of it.
#[derive(Debug, Clone)]
pub struct BelowLayer {
    /// sha256 of the blob.
    pub digest: Sha256,
    /// The blob's size in bytes.
    pub size: u64,
    /// How it is packed.
    pub media_type: MediaType,
    /// sha256 of the tar inside.
    pub diff_id: Sha256,
    /// The annotations of its descriptor.
    pub annotations: BTreeMap<String, String>,
    /// Where the store has it, or would.
    pub path: PathBuf,
}

impl BelowLayer {
    /// What it says of itself, if it is one of ours.
    pub fn held(&self) -> Option<Held> {
        Held::read(&self.annotations)
    }
}

impl Below {
    /// Reads the image that a lock pins: manifest and config, out of the store, or from where it is.
    ///
    /// # Errors
    /// See [`Error`]: it is gone, damaged, for other machines, or of a form that nothing can stand on.
    pub fn load(from: &BaseImage, platform: &str, access: &Access) -> Result<Self> {
        let image = from.image.as_str();
        let manifest = document(from, "manifest", (&from.digest, from.size), access)?;
        let Document::Manifest(manifest) = Document::parse(image, &manifest)? else {
            return Err(bad(image, "its manifest", "it is an index, and no image"));
        };
        let digest = manifest.config.sha256(image)?;
        let config = document(from, "config", (&digest, manifest.config.size), access)?;
        let config: Value = serde_json::from_slice(&config)
            .map_err(|error| bad(image, "its config", &error.to_string()))?;
        let is: Platform = serde_json::from_value(config.clone())
            .map_err(|error| bad(image, "its config", &format!("{error}: it is no image's")))?;
        if !is.is(platform) {
            return Err(Error::Platform {
                image: image.to_owned(),
                found: is.to_string(),
                wanted: platform.to_owned(),
            });
        }
        let diff_ids = config.pointer("/rootfs/diff_ids").cloned();
        let diff_ids: Vec<Sha256> = serde_json::from_value(diff_ids.unwrap_or_default())
            .map_err(|error| bad(image, "its config", &format!("diff_ids: {error}")))?;
        if diff_ids.len() != manifest.layers.len() {
            let problem = format!(
                "it has {} diff_ids for {} layers",
                diff_ids.len(),
                manifest.layers.len()
            );
            return Err(bad(image, "its config", &problem));
        }
        let layers = manifest.layers.into_iter().zip(diff_ids);
        let layers = layers.map(|(layer, diff_id)| {
            let (digest, media_type) = layer_type(image, &layer)?;
            Ok(BelowLayer {
                digest,
                size: layer.size,
                media_type,
                diff_id,
                annotations: layer.annotations,
                path: access.store.blob_path(&digest),
            })
        });
        Ok(Self {
            from: from.clone(),
            layers: layers.collect::<Result<_>>()?,
            config,
            annotations: manifest.annotations,
            access: access.clone(),
        })
    }

    /// What its layers say of themselves; those that are not ours say nothing.
    pub fn held(&self) -> impl Iterator<Item = Held> {
        self.layers.iter().filter_map(BelowLayer::held)
    }

    /// Its packages of a kind: name to version. Of two versions the upper one counts, as in the image.
    pub fn packages(&self, is: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
        let held = self.held().filter(|held| is(&held.kind));
        held.flat_map(|held| held.packages).collect()
    }

    /// The Debian suite that its system is of, and the date, if it is one of ours.
    /// The date is one, in our form: it goes into locks.
    pub fn debian(&self) -> Option<(&str, &str)> {
        suite_and_date(self.annotations.get(DEBIAN)?)
    }

    /// The name that a registry has it under, for the annotation `org.opencontainers.image.base.name`.
    /// A file's path is none: it means nothing elsewhere.
    pub fn name(&self) -> Option<&str> {
        match self.from.image.parse() {
            Ok(ImageAt::Registry(_)) => Some(&self.from.image),
            _ => None,
        }
    }

    /// The layers that the store lacks, each once.
    pub fn missing(&self) -> Vec<&BelowLayer> {
        let mut seen = BTreeSet::new();
        let layers = self.layers.iter();
        layers
            .filter(|layer| !self.access.store.has_blob(&layer.digest, layer.size))
            .filter(|layer| seen.insert(layer.digest))
            .collect()
    }

    /// One of its layers as a file: that of the store, or one without a name into which it was brought,
    /// verified, and which is gone when it is closed.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn file(&self, digest: &Sha256, size: u64) -> Result<File> {
        let store = &self.access.store;
        if store.has_blob(digest, size) {
            let path = store.blob_path(digest);
            return File::open(&path).map_err(|source| Error::Io {
                image: self.from.image.clone(),
                path,
                source,
            });
        }
        let layers = self.layers.iter();
        let name = layers
            .filter(|layer| layer.digest == *digest)
            .map(name)
            .next();
        let source = source(&self.from, "layer", digest, &self.access)?;
        self.take((digest, size), name, &source, Store::take_unnamed)
    }

    /// Brings the layers that the store lacks into it, verified.
    ///
    /// # Errors
    /// See [`Error`]. What was brought before stays.
    pub fn bring(&self) -> Result<()> {
        let missing = self.missing();
        let Some(first) = missing.first() else {
            return Ok(());
        };
        let store = &self.access.store;
        let bytes = missing.iter().map(|layer| layer.size).sum();
        store.require_space(bytes, &format!("the image {}", self.from.image))?;
        let source = source(&self.from, "layer", &first.digest, &self.access)?;
        at_once(AT_ONCE, &missing, |layer| self.bring_one(&source, layer))?;
        Ok(())
    }

    fn bring_one(&self, source: &Source, layer: &BelowLayer) -> Result<()> {
        let blob = (&layer.digest, layer.size);
        self.take(blob, Some(name(layer)), source, Store::take_blob)
    }

    /// Brings a layer to where `take` puts it.
    fn take<T>(
        &self,
        (digest, size): (&Sha256, u64),
        name: Option<String>,
        source: &Source,
        take: TakeBlob<T>,
    ) -> Result<T> {
        let name = name.unwrap_or_else(|| format!("layer {digest}"));
        let progress = self.access.progress.clone();
        let task = ProgressTask::start(progress, TaskKind::Fetch, name, Some(size));
        let mut reader = source.blob("layer", digest, size)?;
        let advance = |bytes| task.advance(bytes);
        let taken = take(&self.access.store, (digest, size), &mut reader, &advance);
        let taken = taken.map_err(|error| blobs::told(&self.from.image, "layer", digest, error))?;
        task.done();
        Ok(taken)
    }
}

/// What people call a layer.
fn name(layer: &BelowLayer) -> String {
    match layer.held() {
        Some(held) if !held.part.is_empty() => held.part,
        _ => format!("layer {}", layer.digest),
    }
}

fn suite_and_date(text: &str) -> Option<(&str, &str)> {
    let (suite, date) = text.split_once(' ')?;
    let time: jiff::Timestamp = date.parse().ok()?;
    (time.to_string() == date).then_some((suite, date))
}

/// Manifest or config, verified: as the store keeps it, or from where the image is, to be kept.
fn document(
    from: &BaseImage,
    what: &'static str,
    (digest, size): (&Sha256, u64),
    access: &Access,
) -> Result<Vec<u8>> {
    if let Some(bytes) = blobs::kept(&from.image, &access.store, digest, size) {
        return Ok(bytes);
    }
    let source = source(from, what, digest, access)?;
    let bytes = if what == "manifest" {
        source.manifest(digest)?
    } else if size > CONFIG {
        let problem = format!("it would have {size} bytes, and more than {CONFIG} are not read");
        return Err(bad(&from.image, "its config", &problem));
    } else {
        let mut reader = source.blob(what, digest, size)?;
        let read = read_all(&from.image, "its config", &mut reader, CONFIG);
        let read = read.map_err(|source| Error::Read {
            image: from.image.clone(),
            what,
            digest: *digest,
            source,
        })?;
        verified(&from.image, what, digest, read?)?
    };
    if bytes.len() as u64 != size {
        return Err(Error::Size {
            image: from.image.clone(),
            what,
            digest: *digest,
            found: bytes.len() as u64,
            named: size,
        });
    }
    blobs::keep(&access.store, digest, &bytes)?;
    Ok(bytes)
}

/// The image's place, unless it would have to be asked over the network and may not.
fn source(
    from: &BaseImage,
    what: &'static str,
    digest: &Sha256,
    access: &Access,
) -> Result<Source> {
    if access.offline && matches!(from.image.parse::<ImageAt>()?, ImageAt::Registry(_)) {
        return Err(Error::Offline {
            image: from.image.clone(),
            what,
            digest: digest.to_oci(),
        });
    }
    Source::open(&from.image, access)
}

fn bad(image: &str, document: &'static str, problem: &str) -> Error {
    Error::Document {
        image: image.to_owned(),
        document,
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_one() {
        let date = "2026-01-02T03:04:05Z";
        let found = suite_and_date("forky 2026-01-02T03:04:05Z");
        assert_eq!(found, Some(("forky", date)));
        for none in [
            "forky",
            "forky ",
            "forky yesterday",
            "forky 2026-01-02T03:04:05Z\u{1b}[2J",
        ] {
            assert_eq!(suite_and_date(none), None, "{none:?}");
        }
    }
}
