//! The finished layer: parts on disk, what it adds to the image's config, what is inside.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use lock::Sha256;
use serde::{Deserialize, Serialize};
use store::Key;

use crate::{Compression, Context, Elsewhere, Plan, Result, build_parts, pipeline::Tar};

/// A finished layer: one or more OCI layers ("parts") as files in the store, with what the layer
/// adds to the image's config.
#[derive(Debug, Clone)]
pub struct LayerBlob {
    /// The layer's name.
    pub name: String,
    /// Its parts, lowest first.
    pub parts: Vec<Part>,
    /// What it adds to the image's config.
    pub config: ConfigPatch,
    /// The packages inside.
    pub packages: Vec<Package>,
    /// How long it took to have it.
    pub took: Duration,
}

impl LayerBlob {
    /// Builds the plans' parts and makes a layer of them.
    ///
    /// # Errors
    /// See [`build_parts`].
    pub fn build(
        cx: &Context,
        name: &str,
        plans: Vec<Plan<'_>>,
        config: ConfigPatch,
        packages: Vec<Package>,
    ) -> Result<Self> {
        let start = Instant::now();
        let parts = build_parts(cx, plans)?;
        Ok(Self {
            name: name.to_owned(),
            parts,
            config,
            packages,
            took: start.elapsed(),
        })
    }
}

/// One OCI layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// What it holds, for history and tables: `torch`, `base 2/3`.
    pub name: String,
    /// sha256 of the blob as it is stored and transferred.
    pub digest: Sha256,
    /// sha256 of the tar inside (OCI `diff_id`).
    pub diff_id: Sha256,
    /// Size of the blob in bytes.
    pub size: u64,
    /// Size of the tar in bytes.
    pub diff_size: u64,
    /// How it is compressed.
    pub compression: Compression,
    /// How its files stand to those of other parts.
    #[serde(default)]
    pub rank: Rank,
    /// The blob in the store.
    #[serde(skip)]
    pub path: PathBuf,
    /// The recipe key that it stands under.
    #[serde(skip, default = "Key::zero")]
    pub key: Key,
    /// The key of its tar, whatever that is compressed with.
    #[serde(skip, default = "Key::zero")]
    pub tars: Key,
    /// The packages inside, sorted: those of its plan. All of them for each part of a plan that became several.
    #[serde(skip)]
    pub packages: Arc<[Package]>,
    /// Whether it was built now or found in the store, and why.
    #[serde(skip)]
    pub origin: PartOrigin,
    /// Where it is, if it was found elsewhere: the store may lack it then.
    #[serde(skip)]
    pub elsewhere: Option<Elsewhere>,
    /// The cache that said what comes of its recipe, where it was not made on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<String>,
}

impl Part {
    pub(crate) fn tar(&self) -> Tar {
        Tar {
            diff_id: self.diff_id,
            size: self.diff_size,
        }
    }

    /// The OCI media type of the blob.
    pub fn media_type(&self) -> &'static str {
        match self.compression {
            Compression::Zstd { .. } => "application/vnd.oci.image.layer.v1.tar+zstd",
            Compression::Gzip { .. } => "application/vnd.oci.image.layer.v1.tar+gzip",
        }
    }
}

/// How the files of a part stand to those of parts below.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rank {
    /// A path belongs to one part alone, unless two have the same there.
    #[default]
    Peer,
    /// One of several stages of a system: a later one may change what an earlier one has.
    Stage,
}

/// Whether a part was built or found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PartOrigin {
    /// Found in the store under its recipe key.
    #[default]
    Reused,
    /// Built now; why.
    Built(&'static str),
    /// Found under its recipe key in a cache of this name.
    Cached(String),
}

/// A package inside a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// `deb`, `wheel`, `source`, `git`, or `archive` for the interpreter's.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What a layer adds to the OCI image config. The assembler merges the patches, lowest layer first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigPatch {
    /// Variables to set; a higher layer's value replaces a lower one's.
    pub env: BTreeMap<String, String>,
    /// Folders to put in front of `PATH`, the first one first.
    pub path: Vec<String>,
    /// Folders to put in front of `LD_LIBRARY_PATH`, the first one first.
    pub library_path: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The user, if the layer sets one.
    pub user: Option<String>,
    /// The working directory, if the layer sets one.
    pub working_dir: Option<String>,
    /// The entrypoint, if the layer sets one.
    pub entrypoint: Option<Vec<String>>,
    /// The command, if the layer sets one.
    pub cmd: Option<Vec<String>>,
    /// Ports, as `8188/tcp`.
    pub exposed_ports: Vec<String>,
    /// Volumes.
    pub volumes: Vec<String>,
    /// The signal that stops it.
    pub stop_signal: Option<String>,
    /// The health check.
    pub healthcheck: Option<HealthCheck>,
}

/// A health check, as Docker's image config knows it (the OCI config has no word for it, and
/// engines that do not know the key pass over it).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The command, `["CMD", …]`.
    pub test: Vec<String>,
    /// Between two checks.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// How long failures do not count after the start.
    pub start_period: Duration,
    /// How many failures in a row make it unhealthy.
    pub retries: u32,
}
