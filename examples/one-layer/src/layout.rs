//! An OCI image layout as a folder (OCI image specification 1.1): opened or begun, one layer at a
//! time put on top, written back. Blobs that are no longer named stay where they are.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A layer to put on top: a compressed tar and what the specification wants to know of it.
pub struct Addition<'a> {
    /// The file.
    pub blob: &'a Path,
    /// Its media type.
    pub media_type: &'a str,
    /// `sha256:…` of the file.
    pub digest: String,
    /// `sha256:…` of the tar inside.
    pub diff_id: String,
    /// The file's size in bytes.
    pub size: u64,
    /// What the image's history says of it.
    pub created_by: String,
}

/// A layout that holds one image.
pub struct Layout {
    folder: PathBuf,
    index: Value,
    manifest: Value,
    config: Value,
}

impl Layout {
    /// Opens the layout in `folder`, or begins an empty image where there is none.
    pub fn open(folder: &Path) -> Result<Self> {
        if !folder.exists() {
            return Self::empty(folder);
        }
        let index = read(&folder.join("index.json"))?;
        let images = list(&index, "manifests")?;
        let [image] = images.as_slice() else {
            bail!(
                "{} has {} images; expected one",
                folder.display(),
                images.len()
            );
        };
        if image["mediaType"] != MANIFEST {
            bail!(
                "{} holds {}; expected one image for one platform",
                folder.display(),
                image["mediaType"]
            );
        }
        let manifest = read(&blob(folder, &image["digest"])?)?;
        let config = read(&blob(folder, &manifest["config"]["digest"])?)?;
        Ok(Self {
            folder: folder.to_owned(),
            index,
            manifest,
            config,
        })
    }

    fn empty(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder.join("blobs/sha256"))?;
        fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )?;
        Ok(Self {
            folder: folder.to_owned(),
            index: json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [{}] }),
            manifest: json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": {}, "layers": [] }),
            config: json!({
                "architecture": "amd64", "os": "linux", "config": {},
                "rootfs": { "type": "layers", "diff_ids": [] }, "history": [],
            }),
        })
    }

    /// Puts a layer on top; `false` if the image has it already.
    pub fn add(&mut self, layer: &Addition<'_>) -> Result<bool> {
        let layers = list(&self.manifest, "layers")?;
        if layers.iter().any(|there| there["digest"] == layer.digest) {
            return Ok(false);
        }
        let to = blob(&self.folder, &json!(layer.digest))?;
        // What is there may be a link to the very same file: never write over it.
        if !to.exists() {
            fs::copy(layer.blob, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
        push(
            &mut self.manifest["layers"],
            descriptor(layer.media_type, &layer.digest, layer.size),
        )?;
        push(&mut self.config["rootfs"]["diff_ids"], json!(layer.diff_id))?;
        // An image may have no history; one entry alone would then be wrong.
        if self.config["history"].is_array() {
            push(
                &mut self.config["history"],
                json!({ "created_by": layer.created_by }),
            )?;
        }
        Ok(true)
    }

    /// Writes config, manifest and index, and gives the manifest's digest.
    pub fn finish(mut self) -> Result<String> {
        let (digest, size) = self.write_blob(&self.config)?;
        self.manifest["config"] = descriptor(CONFIG, &digest, size);
        let (digest, size) = self.write_blob(&self.manifest)?;
        // The annotations stay, the tag's name among them.
        let image = &mut self.index["manifests"][0];
        let annotations = image["annotations"].take();
        *image = descriptor(MANIFEST, &digest, size);
        if !annotations.is_null() {
            image["annotations"] = annotations;
        }
        let text = serde_json::to_vec(&self.index)?;
        fs::write(self.folder.join("index.json"), text)?;
        Ok(digest)
    }

    fn write_blob(&self, document: &Value) -> Result<(String, usize)> {
        let text = serde_json::to_vec(document)?;
        let hex: String = Sha256::digest(&text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let digest = format!("sha256:{hex}");
        fs::write(blob(&self.folder, &json!(digest))?, &text)?;
        Ok((digest, text.len()))
    }
}

fn descriptor(media_type: &str, digest: &str, size: impl Into<Value>) -> Value {
    json!({ "mediaType": media_type, "digest": digest, "size": size.into() })
}

/// Where the blob of a digest lies. A digest is foreign text: nothing but hexadecimal may pass.
fn blob(folder: &Path, digest: &Value) -> Result<PathBuf> {
    let hex = digest
        .as_str()
        .and_then(|text| text.strip_prefix("sha256:"));
    match hex {
        Some(hex) if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(folder.join("blobs/sha256").join(hex))
        }
        _ => bail!("{}: {digest} is no sha256 digest", folder.display()),
    }
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", path.display()))
}

fn list<'v>(document: &'v Value, key: &str) -> Result<&'v Vec<Value>> {
    document[key]
        .as_array()
        .with_context(|| format!("the document has no list {key:?}"))
}

fn push(list: &mut Value, value: Value) -> Result<()> {
    list.as_array_mut()
        .context("expected a list in the image's documents")?
        .push(value);
    Ok(())
}
