//! An entry of the cache as a document: written the same for the same parts, and read with distrust.

use std::collections::BTreeMap;

use layer::Part;
use lock::Sha256;
use registry::media_type;
use serde::{Deserialize, Serialize};
use store::Key;

use crate::{Result, Secret};

const KEY: &str = "strata.key";
const PARTS: &str = "strata.parts";
const SEAL: &str = "strata.seal";

/// Media type of a part's packed index.
pub(crate) const INDEX: &str = "application/vnd.strata.index.v1+json+zstd";

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// The parts of a recipe.
    Parts,
    /// That an image's parts do not hide each other's files.
    Owned,
}

impl About {
    /// The tag of the entry of a key.
    pub(crate) fn tag(self, key: &Key) -> String {
        match self {
            Self::Parts => format!("part-{key}"),
            Self::Owned => format!("owned-{key}"),
        }
    }

    fn artifact_type(self) -> &'static str {
        match self {
            Self::Parts => "application/vnd.strata.parts.v1",
            Self::Owned => "application/vnd.strata.owned.v1",
        }
    }
}

/// What names a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Descriptor {
    #[serde(rename = "mediaType")]
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
}

impl Descriptor {
    pub(crate) fn new(media_type: &str, digest: &Sha256, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest.to_oci(),
            size,
        }
    }

    pub(crate) fn sha256(&self) -> Option<Sha256> {
        self.digest.strip_prefix("sha256:")?.parse().ok()
    }

    fn empty() -> Self {
        use registry::BlobSource;

        let empty = registry::empty();
        Self::new(media_type::EMPTY, &empty.digest(), empty.size())
    }
}

/// An artifact manifest. Of unknown fields there are none: the seal would not cover them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
    #[serde(rename = "mediaType")]
    media_type: String,
    #[serde(rename = "artifactType", default)]
    artifact_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Document {
    fn new(about: About, key: &Key, layers: Vec<Descriptor>) -> Self {
        let annotations = BTreeMap::from([(KEY.to_owned(), key.to_string())]);
        Self {
            schema_version: 2,
            media_type: media_type::MANIFEST.to_owned(),
            artifact_type: about.artifact_type().to_owned(),
            config: Descriptor::empty(),
            layers,
            annotations,
        }
    }

    /// The document with its seal over all the rest of it.
    fn sealed(mut self, secret: &Secret) -> Result<Vec<u8>> {
        let seal = secret.seal(&serde_json::to_vec(&self)?);
        self.annotations.insert(SEAL.to_owned(), seal.to_string());
        Ok(serde_json::to_vec(&self)?)
    }

    /// Reads what stands under a key; what is wrong with it otherwise.
    fn read(about: About, key: &Key, bytes: &[u8], secret: &Secret) -> Result<Self, String> {
        let mut document: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("it is no entry of a cache: {error}"))?;
        if document.artifact_type != about.artifact_type() {
            return Err(format!(
                "it is of the type {:?} and not {:?}",
                document.artifact_type,
                about.artifact_type()
            ));
        }
        let says = document.annotations.get(KEY).cloned().unwrap_or_default();
        if says != key.to_string() {
            return Err(format!("it is the entry of another recipe, {says:?}"));
        }
        let seal = document.annotations.remove(SEAL).unwrap_or_default();
        let text = serde_json::to_vec(&document).map_err(|error| error.to_string())?;
        if !secret.seal(&text).is(&seal) {
            return Err(
                "its seal does not fit: it was changed after it was made, or made with another \
                 STRATA_CACHE_SECRET than is set here"
                    .to_owned(),
            );
        }
        Ok(document)
    }
}

/// The parts of a recipe, each with its packed index.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) parts: Vec<Part>,
    pub(crate) indexes: Vec<Descriptor>,
}

impl Entry {
    pub(crate) fn write(&self, key: &Key, secret: &Secret) -> Result<Vec<u8>> {
        let layers = self.blobs().chain(self.indexes.iter().cloned()).collect();
        let mut document = Document::new(About::Parts, key, layers);
        let parts = serde_json::to_string(&self.parts)?;
        document.annotations.insert(PARTS.to_owned(), parts);
        document.sealed(secret)
    }

    /// Reads the entry of a key.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(crate) fn read(key: &Key, bytes: &[u8], secret: &Secret) -> Result<Self, String> {
        let document = Document::read(About::Parts, key, bytes, secret)?;
        let parts = document.annotations.get(PARTS);
        let parts: Vec<Part> = serde_json::from_str(parts.map_or("", String::as_str))
            .map_err(|error| format!("what it says of its parts cannot be read: {error}"))?;
        if document.layers.len() != 2 * parts.len() {
            return Err(format!(
                "it has {} blobs for {} parts and their indexes",
                document.layers.len(),
                parts.len()
            ));
        }
        let indexes = document.layers[parts.len()..].to_vec();
        let entry = Self { parts, indexes };
        for (is, should) in document.layers.iter().zip(entry.blobs()) {
            if *is != should {
                return Err(format!(
                    "it points to the blob {}, and its record says {}",
                    is.digest, should.digest
                ));
            }
        }
        match entry.indexes.iter().find(|index| index.media_type != INDEX) {
            Some(other) => Err(format!("{} is no index of a part", other.digest)),
            None => Ok(entry),
        }
    }

    fn blobs(&self) -> impl Iterator<Item = Descriptor> {
        let parts = self.parts.iter();
        parts.map(|part| Descriptor::new(part.media_type(), &part.digest, part.size))
    }
}

/// The entry that says of an image's parts that they do not hide each other's files.
pub(crate) fn owned(key: &Key, secret: &Secret) -> Result<Vec<u8>> {
    Document::new(About::Owned, key, vec![Descriptor::empty()]).sealed(secret)
}

/// Reads such an entry.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn read_owned(key: &Key, bytes: &[u8], secret: &Secret) -> Result<(), String> {
    Document::read(About::Owned, key, bytes, secret).map(drop)
}

#[cfg(test)]
mod tests {
    use store::KeyBuilder;

    use super::*;

    fn key(name: &str) -> Key {
        KeyBuilder::new(name).finish()
    }

    fn entry(byte: u8) -> Entry {
        let digest = Sha256([byte; 32]).to_string();
        let json = format!(
            r#"{{"name":"p","digest":"{digest}","diff_id":"{digest}","size":5,"diff_size":9,
                "compression":{{"zstd":{{"level":3}}}},"rank":"Peer"}}"#
        );
        Entry {
            parts: vec![serde_json::from_str(&json).unwrap()],
            indexes: vec![Descriptor::new(INDEX, &Sha256([byte + 100; 32]), 7)],
        }
    }

    #[test]
    fn written_read_and_refused() {
        let secret = Secret::new("s");
        let bytes = entry(1).write(&key("a"), &secret).unwrap();
        let read = |key: &Key, bytes: &[u8], secret: &str| {
            Entry::read(key, bytes, &Secret::new(secret)).map(|entry| entry.parts[0].digest.0[0])
        };
        assert_eq!(bytes, entry(1).write(&key("a"), &secret).unwrap());
        assert_eq!(read(&key("a"), &bytes, "s"), Ok(1));
        let error = read(&key("b"), &bytes, "s").unwrap_err();
        assert!(error.contains("another recipe"), "{error}");
        let error = read(&key("a"), &bytes, "other").unwrap_err();
        assert!(error.contains("seal"), "{error}");
        assert!(read(&key("a"), b"{}", "s").is_err());

        // Another layer's blob under this key, with and without a seal of its own.
        let other = Sha256([2; 32]).to_oci();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let pointed = text.replacen(&Sha256([1; 32]).to_oci(), &other, 1);
        assert_ne!(pointed, text);
        let error = read(&key("a"), pointed.as_bytes(), "s").unwrap_err();
        assert!(error.contains("seal"), "{error}");
        let mut document: Document = serde_json::from_slice(&bytes).unwrap();
        document.annotations.remove(SEAL);
        document.layers[0].digest = other;
        let resealed = document.sealed(&secret).unwrap();
        let error = read(&key("a"), &resealed, "s").unwrap_err();
        assert!(error.contains("points to the blob"), "{error}");
    }

    #[test]
    fn a_verdict_is_of_its_key() {
        let secret = Secret::default();
        let bytes = owned(&key("a"), &secret).unwrap();
        assert_eq!(read_owned(&key("a"), &bytes, &secret), Ok(()));
        assert!(read_owned(&key("b"), &bytes, &secret).is_err());
        assert!(Entry::read(&key("a"), &bytes, &secret).is_err());
    }
}
