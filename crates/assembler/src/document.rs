//! The JSON documents of an image: OCI's from `oci-spec`'s types (OCI image specification 1.1), and
//! the `manifest.json` that `docker load` reads.

use lock::Sha256;
use oci_spec::image::{Descriptor, Digest, MediaType};
use serde::Serialize;

use crate::{Error, Result};

pub(crate) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// One image in Docker's `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DockerImage {
    pub(crate) config: String,
    pub(crate) repo_tags: Vec<String>,
    pub(crate) layers: Vec<String>,
}

/// `value` as JSON on one line, keys in order: the types of OCI have hash maps in them.
pub(crate) fn json(document: &'static str, value: &impl Serialize) -> Result<Vec<u8>> {
    let failed = |source| Error::Json { document, source };
    let mut value = serde_json::to_value(value).map_err(failed)?;
    // A no-op unless some crate of the build asks serde_json to keep the order of insertion.
    value.sort_all_objects();
    serde_json::to_vec(&value).map_err(failed)
}

/// A digest as `oci-spec` has it.
pub(crate) fn digest(sha256: &Sha256) -> Result<Digest> {
    sha256.to_oci().parse().map_err(|source| Error::Document {
        document: "a digest",
        source,
    })
}

/// What names a blob in a manifest.
pub(crate) fn descriptor(media_type: MediaType, size: u64, sha256: &Sha256) -> Result<Descriptor> {
    Ok(Descriptor::new(media_type, size, digest(sha256)?))
}
