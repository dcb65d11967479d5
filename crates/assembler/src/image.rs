//! The finished image: its documents in memory, its layers' blobs in the store.

use std::collections::BTreeMap;

use layer::LayerBlob;
use lock::{Lock, Sha256};
use sha2::Digest;

use crate::{
    Error, Result,
    archive::plain_path,
    config,
    document::{CONFIG, Descriptor, DockerImage, INDEX, Index, MANIFEST, Manifest},
};

/// What an image says of itself beside its layers. All of it comes from the lock.
#[derive(Debug, Clone)]
pub struct Meta {
    /// The edition's name.
    pub edition: String,
    /// What engines call it, with a tag: `strata/starter:latest`.
    pub reference: String,
    /// RFC 3339, UTC.
    pub created: String,
    /// `os/architecture`.
    pub platform: String,
    /// Title, description, labels and environment of the edition.
    pub image: lock::Image,
}

impl Meta {
    /// What the lock says, under the name `strata/<edition>:latest`.
    pub fn from_lock(lock: &Lock) -> Self {
        Self {
            edition: lock.edition.clone(),
            reference: format!("strata/{}:latest", lock.edition),
            created: lock.created.clone(),
            platform: lock.platform.clone(),
            image: lock.image.clone(),
        }
    }
}

/// A finished image.
#[derive(Debug, Clone)]
pub struct Image {
    /// What it says of itself.
    pub meta: Meta,
    /// Its layers, lowest first.
    pub layers: Vec<LayerBlob>,
    /// Digest of the manifest: the image's name among machines.
    pub digest: Sha256,
    /// The manifest, as stored.
    pub manifest: Vec<u8>,
    /// Digest of the config: Docker's image id.
    pub config_digest: Sha256,
    /// The config, as stored.
    pub config: Vec<u8>,
}

impl Image {
    /// Makes config and manifest for finished layers, lowest first.
    ///
    /// # Errors
    /// [`Error::NoLayers`], [`Error::Platform`].
    pub fn new(meta: Meta, layers: Vec<LayerBlob>) -> Result<Self> {
        if layers.is_empty() {
            return Err(Error::NoLayers);
        }
        let config = json("the config", &config::config(&meta, &layers)?)?;
        let config_digest = sha256(&config);
        let descriptors = layers
            .iter()
            .flat_map(|layer| &layer.parts)
            .map(|part| Descriptor {
                media_type: part.media_type(),
                digest: part.digest.to_oci(),
                size: part.size,
                annotations: BTreeMap::new(),
            });
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST,
            config: Descriptor {
                media_type: CONFIG,
                digest: config_digest.to_oci(),
                size: config.len() as u64,
                annotations: BTreeMap::new(),
            },
            layers: descriptors.collect(),
            annotations: BTreeMap::new(),
        };
        let manifest = json("the manifest", &manifest)?;
        let digest = sha256(&manifest);
        Ok(Self {
            meta,
            layers,
            digest,
            manifest,
            config_digest,
            config,
        })
    }

    /// `index.json` of a layout that holds this image alone.
    pub(crate) fn index(&self) -> Result<Vec<u8>> {
        let tag = self
            .meta
            .reference
            .rsplit_once(':')
            .map_or("latest", |(_, tag)| tag);
        let annotations = BTreeMap::from([
            (
                "io.containerd.image.name".to_owned(),
                format!("docker.io/{}", self.meta.reference),
            ),
            (
                "org.opencontainers.image.ref.name".to_owned(),
                tag.to_owned(),
            ),
        ]);
        let manifest = Descriptor {
            media_type: MANIFEST,
            digest: self.digest.to_oci(),
            size: self.manifest.len() as u64,
            annotations,
        };
        let index = Index {
            schema_version: 2,
            media_type: INDEX,
            manifests: vec![manifest],
        };
        json("the index", &index)
    }

    /// Docker's `manifest.json`, which names blobs by their paths in the layout.
    pub(crate) fn docker_manifest(&self) -> Result<Vec<u8>> {
        let parts = self.layers.iter().flat_map(|layer| &layer.parts);
        let image = DockerImage {
            config: blob_path(&self.config_digest),
            repo_tags: vec![self.meta.reference.clone()],
            layers: parts.map(|part| blob_path(&part.digest)).collect(),
        };
        json("manifest.json", &[image])
    }

    /// Docker's `manifest.json` for an archive of plain tars.
    pub(crate) fn plain_manifest(&self) -> Result<Vec<u8>> {
        let parts = self.layers.iter().flat_map(|layer| &layer.parts);
        let image = DockerImage {
            config: format!("{}.json", self.config_digest),
            repo_tags: vec![self.meta.reference.clone()],
            layers: parts.map(|part| plain_path(&part.diff_id)).collect(),
        };
        json("manifest.json", &[image])
    }

    /// Bytes that a user without any of its layers pulls.
    pub fn transfer_size(&self) -> u64 {
        let parts = self.layers.iter().flat_map(|layer| &layer.parts);
        parts.map(|part| part.size).sum::<u64>() + (self.manifest.len() + self.config.len()) as u64
    }
}

/// Where a layout has a blob (OCI image layout).
pub(crate) fn blob_path(digest: &Sha256) -> String {
    format!("blobs/sha256/{digest}")
}

fn json(document: &'static str, value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|source| Error::Json { document, source })
}

pub(crate) fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}
