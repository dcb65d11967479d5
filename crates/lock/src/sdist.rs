//! `[[sdist]]`: a Python package that is taken as source.

use serde::{Deserialize, Serialize};

use crate::{Artifact, LayerName, Origin, Sha256};

/// A source distribution (PEP 517, PEP 625): a package that has no wheel for the target, or that the edition
/// wants built from source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sdist {
    /// The layer that it belongs to.
    pub layer: LayerName,
    /// Normalised name (PEP 503).
    pub name: String,
    /// Version (PEP 440).
    pub version: String,
    /// File name.
    pub filename: String,
    /// Size in bytes.
    pub size: u64,
    /// sha256 of the file.
    pub sha256: Sha256,
    /// The edition itself names it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requested: bool,
    /// The address of the index that the edition gives for it, if it is not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
}

impl Sdist {
    /// The source distribution as an artifact.
    pub fn artifact(&self) -> Artifact {
        Artifact {
            name: format!("{} {}", self.name, self.version),
            filename: self.filename.clone(),
            size: self.size,
            sha256: self.sha256,
            origin: Origin::of_project(&self.name, self.index.as_ref()),
        }
    }
}
