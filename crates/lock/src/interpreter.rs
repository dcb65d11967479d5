//! `[python]`: the interpreter, as Debian has it or out of an archive.

use serde::{Deserialize, Serialize};

use crate::{Artifact, Origin, Sha256};

/// `[python]`: the interpreter and its installation scheme. All paths are absolute, in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Python {
    /// Upstream version, such as `3.14.8`.
    pub version: String,
    /// Interpreter tag (PEP 425) with the flavour: `cp314`, `cp314t`.
    pub tag: String,
    /// The interpreter's path.
    pub interpreter: String,
    /// Where pure wheels go.
    pub purelib: String,
    /// Where platform wheels go.
    pub platlib: String,
    /// Where scripts and entry points go.
    pub scripts: String,
    /// Where headers go; each project gets a folder below it.
    pub headers: String,
    /// The prefix for `.data/data`. An interpreter from an archive is itself installed there.
    pub data: String,
    /// The archive that it comes from, if it is not Debian's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<PythonArchive>,
}

/// `[python.archive]`: an archive of python-build-standalone, of the kind `install_only`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PythonArchive {
    /// The address that the edition gives for it.
    pub url: String,
    /// File name.
    pub filename: String,
    /// Size in bytes.
    pub size: u64,
    /// sha256 of the file.
    pub sha256: Sha256,
}

impl Python {
    /// The archive as an artifact, if the interpreter comes from one.
    pub fn artifact(&self) -> Option<Artifact> {
        self.archive.as_ref().map(|archive| Artifact {
            name: format!("Python {}", self.version),
            filename: archive.filename.clone(),
            size: archive.size,
            sha256: archive.sha256,
            origin: Origin::Url(archive.url.clone()),
        })
    }
}
