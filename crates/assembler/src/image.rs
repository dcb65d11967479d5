//! The finished image: its documents in memory, its layers' blobs in the store.

use std::{collections::HashMap, sync::Arc};

use layer::{LayerBlob, Part};
use lock::{LayerName, Lock, Sha256};
use oci_image::{Below, DEBIAN};
use oci_spec::image::{ImageIndexBuilder, ImageManifest, ImageManifestBuilder, MediaType};
use ocipkg::{ImageName, Name, Reference};
use store::{Key, sha256_of};

use crate::{
    Blob, Error, Result,
    archive::plain_path,
    config,
    document::{DockerImage, descriptor, json},
    ownership,
};

/// The registry that engines mean when a name has none.
const DOCKER: &str = "docker.io";
/// What the names of OCI's pre-defined annotations begin with.
const ANNOTATIONS: &str = "org.opencontainers.image.";
const MANIFEST: &str = "the manifest";
const INDEX: &str = "the index";

/// What an image says of itself beside its layers. All of it comes from the lock.
#[derive(Debug, Clone)]
pub struct Meta {
    /// The edition's name.
    pub edition: String,
    /// What engines call it, with a tag.
    pub name: ImageName,
    /// RFC 3339, UTC.
    pub created: String,
    /// `os/architecture`.
    pub platform: String,
    /// The Debian suite and its date, with a space between; empty where there is none.
    pub debian: String,
    /// Title, description, labels and environment of the edition.
    pub image: lock::Image,
    /// The image that it stands on, if it does.
    pub below: Option<Arc<Below>>,
    /// It has all layers of its edition, and does not end early.
    pub whole: bool,
}

impl Meta {
    /// What the lock says, under the name `strata/<edition>` with the tag `latest`.
    ///
    /// # Errors
    /// [`Error::Name`] for an edition whose name cannot be an image's.
    pub fn from_lock(lock: &Lock) -> Result<Self> {
        Ok(Self {
            edition: lock.edition.clone(),
            name: name(&format!("strata/{}", lock.edition), "latest")?,
            created: lock.created.clone(),
            platform: lock.platform.clone(),
            debian: format!("{} {}", lock.debian.suite, lock.debian.date),
            image: lock.image.clone(),
            below: None,
            whole: true,
        })
    }

    /// The same on top of another image.
    #[must_use]
    pub fn on(mut self, below: Option<Arc<Below>>) -> Self {
        self.below = below;
        self
    }

    /// The same with the layer's name as tag, for an image that ends there.
    ///
    /// # Errors
    /// None: layers' names are tags.
    pub fn up_to(mut self, layer: LayerName) -> Result<Self> {
        self.name = name(&self.name.name, &layer.to_string())?;
        self.whole = layer == LayerName::Runtime;
        Ok(self)
    }

    /// The name as people write it: `strata/starter:latest`.
    pub fn reference(&self) -> String {
        format!("{}:{}", self.name.name, self.name.reference)
    }
}

fn name(name: &str, tag: &str) -> Result<ImageName> {
    let parsed = Name::new(name).and_then(|name| Ok((name, Reference::new(tag)?)));
    let (found, reference) = parsed.map_err(|_| Error::Name(format!("{name}:{tag}")))?;
    Ok(ImageName {
        hostname: DOCKER.to_owned(),
        port: None,
        name: found,
        reference,
    })
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
    /// Makes config and manifest for finished layers, lowest first, on top of the image below.
    ///
    /// # Errors
    /// [`Error::NoLayers`], [`Error::Platform`].
    pub fn new(meta: Meta, layers: Vec<LayerBlob>) -> Result<Self> {
        if layers.is_empty() {
            return Err(Error::NoLayers);
        }
        let config = config::config(&meta, &layers)?;
        let config_digest = sha256_of(&config);
        let mut image = Self {
            meta,
            layers,
            digest: Sha256([0; 32]),
            manifest: Vec::new(),
            config_digest,
            config,
        };
        image.manifest = image.made_manifest()?;
        image.digest = sha256_of(&image.manifest);
        Ok(image)
    }

    fn made_manifest(&self) -> Result<Vec<u8>> {
        let config = &self.config;
        let layers = self.blobs().into_iter().map(|blob| {
            let media_type = MediaType::from(blob.media_type.as_str());
            let mut descriptor = descriptor(media_type, blob.size, &blob.digest)?;
            if !blob.annotations.is_empty() {
                descriptor.set_annotations(Some(blob.annotations.into_iter().collect()));
            }
            Ok(descriptor)
        });
        let mut manifest = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .config(descriptor(
                MediaType::ImageConfig,
                config.len() as u64,
                &self.config_digest,
            )?)
            .layers(layers.collect::<Result<Vec<_>>>()?);
        let mut annotations = self.labels()?;
        annotations.extend(self.meta.below.iter().flat_map(|below| config::base(below)));
        if !self.meta.debian.is_empty() {
            annotations.insert(DEBIAN.to_owned(), self.meta.debian.clone());
        }
        if !annotations.is_empty() {
            manifest = manifest.annotations(annotations);
        }
        let manifest = manifest.build().map_err(|source| Error::Document {
            document: MANIFEST,
            source,
        })?;
        manifest_json(&manifest)
    }

    /// The config's labels that are OCI's pre-defined annotations too: registries show a manifest's
    /// annotations and do not look into configs.
    fn labels(&self) -> Result<HashMap<String, String>> {
        #[derive(Default, serde::Deserialize)]
        struct Config {
            #[serde(default)]
            config: Inner,
        }
        #[derive(Default, serde::Deserialize)]
        struct Inner {
            #[serde(default, rename = "Labels")]
            labels: HashMap<String, String>,
        }
        let config: Config =
            serde_json::from_slice(&self.config).map_err(|source| Error::Json {
                document: "the config",
                source,
            })?;
        let mut labels = config.config.labels;
        labels.retain(|name, _| name.starts_with(ANNOTATIONS));
        Ok(labels)
    }

    /// What the answer stands under whether its parts hide each other's files.
    pub fn owned_key(&self) -> Key {
        ownership::key(self.parts())
    }

    /// Every part of ours, lowest first; see also [`Image::blobs`].
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.layers.iter().flat_map(|layer| &layer.parts)
    }

    /// Docker's `manifest.json`, which names blobs by their paths in the layout.
    pub(crate) fn docker_manifest(&self) -> Result<Vec<u8>> {
        let image = DockerImage {
            config: blob_path(&self.config_digest),
            repo_tags: vec![self.meta.reference()],
            layers: self.layer_paths(|blob| blob_path(&blob.digest)),
        };
        json("manifest.json", &[image])
    }

    /// Docker's `manifest.json` for an archive of plain tars.
    pub(crate) fn plain_manifest(&self) -> Result<Vec<u8>> {
        let image = DockerImage {
            config: format!("{}.json", self.config_digest),
            repo_tags: vec![self.meta.reference()],
            layers: self.layer_paths(|blob| plain_path(&blob.diff_id)),
        };
        json("manifest.json", &[image])
    }

    fn layer_paths(&self, path: impl Fn(&Blob) -> String) -> Vec<String> {
        self.blobs().iter().map(path).collect()
    }

    /// Bytes that a user without any of its layers pulls.
    pub fn transfer_size(&self) -> u64 {
        self.blobs().iter().map(|blob| blob.size).sum::<u64>()
            + (self.manifest.len() + self.config.len()) as u64
    }
}

/// Where a layout has a blob (OCI image layout).
pub(crate) fn blob_path(digest: &Sha256) -> String {
    format!("blobs/sha256/{digest}")
}

/// The manifest as it is stored.
pub(crate) fn manifest_json(manifest: &ImageManifest) -> Result<Vec<u8>> {
    json(MANIFEST, manifest)
}

/// `index.json` of a layout that holds this one manifest.
pub(crate) fn index_json(name: &ImageName, manifest: &[u8]) -> Result<Vec<u8>> {
    let annotations = HashMap::from([
        (
            "io.containerd.image.name".to_owned(),
            format!("{}/{}:{}", name.hostname, name.name, name.reference),
        ),
        (
            "org.opencontainers.image.ref.name".to_owned(),
            name.reference.to_string(),
        ),
    ]);
    let digest = sha256_of(manifest);
    let mut manifest = descriptor(MediaType::ImageManifest, manifest.len() as u64, &digest)?;
    manifest.set_annotations(Some(annotations));
    let index = ImageIndexBuilder::default()
        .schema_version(2_u32)
        .media_type(MediaType::ImageIndex)
        .manifests([manifest])
        .build()
        .map_err(|source| Error::Document {
            document: INDEX,
            source,
        })?;
    json(INDEX, &index)
}
