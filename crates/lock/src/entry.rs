//! The entries of a lock file: one type for each table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Artifact, LayerName, Origin, Sha256};

/// `[debian]`: the suite that the packages come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DebianSuite {
    /// Codename or suite, such as `forky`.
    pub suite: String,
    /// dpkg's name of the architecture, such as `amd64`.
    pub architecture: String,
    /// Components of the archive, such as `main`.
    pub components: Vec<String>,
    /// `Date` of the InRelease file that the lock was made from (RFC 3339, UTC).
    pub date: String,
    /// The time whose state of the archive the edition asks for (RFC 3339, UTC), if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// `[image]`: what the edition adds to the image's config.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Image {
    /// `org.opencontainers.image.title`.
    pub title: String,
    /// `org.opencontainers.image.description`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// More environment variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// More labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// `[[owner]]`: which wheel owns a path that several wheels bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// A path as it stands in the wheels' RECORD: a file, or a folder with a `/` at its end.
    /// A script that an entry point becomes stands in no wheel: `../../../bin/name`, as the installed
    /// RECORD has it.
    pub path: String,
    /// Normalised name of the wheel that owns it; other wheels' files there are left out.
    pub package: String,
}

/// `[[deb]]`: a Debian binary package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Deb {
    /// The layer that it belongs to.
    pub layer: LayerName,
    /// `Package`.
    pub name: String,
    /// `Version`.
    pub version: String,
    /// `Architecture`.
    pub architecture: String,
    /// `Filename`: the path below the archive's root.
    pub filename: String,
    /// `Size` in bytes.
    pub size: u64,
    /// `SHA256`.
    pub sha256: Sha256,
    /// `Essential: yes`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub essential: bool,
    /// Names of the packages in this lock that satisfy its `Depends`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends: Vec<String>,
    /// Names of the packages in this lock that satisfy its `Pre-Depends`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pre_depends: Vec<String>,
}

impl Deb {
    /// The package as an artifact.
    pub fn artifact(&self) -> Artifact {
        Artifact {
            name: format!("{} {}", self.name, self.version),
            filename: base_name(&self.filename),
            size: self.size,
            sha256: self.sha256,
            origin: Origin::Debian {
                path: self.filename.clone(),
            },
        }
    }
}

/// `[[wheel]]`: a Python wheel (PEP 427).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Wheel {
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
    /// The edition itself names it: it gets a REQUESTED file (PEP 376).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requested: bool,
    /// The address that the edition gives for it, if it does not come from an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its path relative to the lock's folder, if it is a local file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The address of the index that the edition gives for it, if it is not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
}

impl Wheel {
    /// The wheel as an artifact.
    pub fn artifact(&self) -> Artifact {
        let origin = match (&self.url, &self.file) {
            (Some(url), _) => Origin::Url(url.clone()),
            (None, Some(file)) => Origin::File(file.clone()),
            (None, None) => Origin::of_project(&self.name, self.index.as_ref()),
        };
        Artifact {
            name: format!("{} {}", self.name, self.version),
            filename: self.filename.clone(),
            size: self.size,
            sha256: self.sha256,
            origin,
        }
    }
}

/// `[[source]]`: a tree taken out of an artifact and put somewhere in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Source {
    /// The layer that it belongs to.
    pub layer: LayerName,
    /// What a person calls it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What the artifact is.
    pub kind: SourceKind,
    /// `kind = "wheel"`: the project on the Python index that the wheel belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// `kind = "tar"`, `"zip"` or `"file"`: where the edition says it stands, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// File name; for a local file the path relative to the lock's folder.
    pub filename: String,
    /// Size in bytes.
    pub size: u64,
    /// sha256 of the file.
    pub sha256: Sha256,
    /// Only what lies in this folder of the artifact, without the folder's own path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subfolder: String,
    /// Where it goes: an absolute path in the image.
    pub to: String,
    /// Paths (files, or folders with a `/` at the end) below the subfolder that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// What kind of artifact a source is taken from. Git comes here too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A subfolder of a wheel on the Python index.
    Wheel,
    /// A tar archive: plain, gz, xz or zst.
    Tar,
    /// A zip archive.
    Zip,
    /// One file.
    File,
}

impl SourceKind {
    /// Of an artifact, by its name's ending, as a person would.
    pub fn of_filename(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ends(&[".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst"]) {
            Self::Tar
        } else if ends(&[".zip", ".whl"]) {
            Self::Zip
        } else {
            Self::File
        }
    }
}

impl Source {
    /// All of an artifact, for a place in the image.
    pub fn whole(artifact: &Artifact, layer: LayerName, kind: SourceKind, to: &str) -> Self {
        Self {
            layer,
            name: artifact.name.clone(),
            version: String::new(),
            kind,
            project: None,
            url: None,
            filename: artifact.filename.clone(),
            size: artifact.size,
            sha256: artifact.sha256,
            subfolder: String::new(),
            to: to.to_owned(),
            exclude: Vec::new(),
        }
    }

    /// The artifact that the tree is taken from.
    pub fn artifact(&self) -> Artifact {
        let origin = match (&self.project, &self.url) {
            (Some(project), _) => Origin::Python {
                project: project.clone(),
            },
            (None, Some(url)) => Origin::Url(url.clone()),
            (None, None) => Origin::File(self.filename.clone()),
        };
        Artifact {
            name: format!("{} {}", self.name, self.version),
            filename: base_name(&self.filename),
            size: self.size,
            sha256: self.sha256,
            origin,
        }
    }
}

fn base_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
