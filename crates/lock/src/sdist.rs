//! `[[sdist]]`: a Python package that is built from source, and `[[tool]]`: a wheel that is there while one is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Artifact, Git, LayerName, ObjectId, Origin, Sha256, Submodule, Wheel};

/// A Python package that has no wheel for the target, or that the edition wants built from source: from a
/// source distribution (PEP 517, PEP 625) or from a commit. Exactly one of `file` and `git` is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sdist {
    /// The layer that it belongs to.
    pub layer: LayerName,
    /// Normalised name (PEP 503).
    pub name: String,
    /// Version (PEP 440).
    pub version: String,
    /// The edition itself names it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub requested: bool,
    /// What is there while it is built, each as `NAME==VERSION`: wheels of the lock, or its tools.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Environment variables while it is built.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// The source distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<SdistFile>,
    /// The commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<SdistGit>,
    /// The wheel that comes of it. Absent where nobody has built it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wheel: Option<BuiltWheel>,
}

/// `[sdist.file]`: a source distribution on an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SdistFile {
    /// File name.
    pub filename: String,
    /// Size in bytes.
    pub size: u64,
    /// sha256 of the file.
    pub sha256: Sha256,
    /// The address of the index that the edition gives for it, if it is not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
}

/// `[sdist.git]`: a commit, as in [`Git`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SdistGit {
    /// The repository's address.
    pub repository: String,
    /// What of it the edition asks for; absent where it names the commit itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The commit.
    pub commit: ObjectId,
    /// The commit's tree.
    pub tree: ObjectId,
    /// The committer's date (RFC 3339, UTC).
    pub date: String,
    /// Size of its files, in bytes.
    pub size: u64,
    /// The folder of the tree that has the package.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subfolder: String,
    /// Its submodules and theirs, by path.
    #[serde(default, rename = "submodule", skip_serializing_if = "Vec::is_empty")]
    pub submodules: Vec<Submodule>,
}

/// `[sdist.wheel]`: what building gave, and must give anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BuiltWheel {
    /// File name (PEP 427).
    pub filename: String,
    /// Size in bytes.
    pub size: u64,
    /// sha256 of the file.
    pub sha256: Sha256,
    /// CRC-32 of each file in it, as 8 hexadecimal digits, by path: to tell where another wheel differs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

/// `[[tool]]`: a wheel that is there while packages are built, and in no layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tool {
    /// Normalised name (PEP 503).
    pub name: String,
    /// Version (PEP 440).
    pub version: String,
    /// File name (PEP 427).
    pub filename: String,
    /// Size in bytes.
    pub size: u64,
    /// sha256 of the file.
    pub sha256: Sha256,
    /// The address of the index that the edition gives for it, if it is not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
}

impl Sdist {
    /// The source distribution as an artifact; `None` for a package from git.
    pub fn artifact(&self) -> Option<Artifact> {
        let file = self.file.as_ref()?;
        Some(Artifact {
            name: self.shown(),
            filename: file.filename.clone(),
            size: file.size,
            sha256: file.sha256,
            origin: Origin::of_project(&self.name, file.index.as_ref()),
        })
    }

    /// The commit's tree, to be put at `to`; `None` for a source distribution.
    pub fn tree(&self, to: &str) -> Option<Git> {
        let git = self.git.clone()?;
        Some(Git {
            layer: self.layer,
            name: self.name.clone(),
            version: self.version.clone(),
            repository: git.repository,
            reference: git.reference,
            commit: git.commit,
            tree: git.tree,
            date: git.date,
            size: git.size,
            keep_git: false,
            no_submodules: false,
            subfolder: git.subfolder,
            to: to.to_owned(),
            exclude: Vec::new(),
            submodules: git.submodules,
        })
    }

    /// The wheel that comes of it, as one of its layer; `None` where nobody has built it yet.
    pub fn built(&self) -> Option<Wheel> {
        let wheel = self.wheel.as_ref()?;
        Some(Wheel {
            layer: self.layer,
            name: self.name.clone(),
            version: self.version.clone(),
            filename: wheel.filename.clone(),
            size: wheel.size,
            sha256: wheel.sha256,
            requested: self.requested,
            url: None,
            file: None,
            index: None,
        })
    }

    /// Size of its source in bytes.
    pub fn size(&self) -> u64 {
        let file = self.file.as_ref().map(|file| file.size);
        file.or(self.git.as_ref().map(|git| git.size)).unwrap_or(0)
    }

    /// Its version, with the commit where it is from git.
    pub fn with_commit(&self) -> String {
        match &self.git {
            Some(git) => format!("{} ({})", self.version, git.commit.short()),
            None => self.version.clone(),
        }
    }

    /// How messages call it: name and version.
    pub fn shown(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

impl SdistGit {
    /// What a lock says of a tree, as of a package.
    pub fn of(git: Git) -> Self {
        Self {
            repository: git.repository,
            reference: git.reference,
            commit: git.commit,
            tree: git.tree,
            date: git.date,
            size: git.size,
            subfolder: git.subfolder,
            submodules: git.submodules,
        }
    }
}

impl Tool {
    /// As a wheel, which no layer has.
    pub fn wheel(&self) -> Wheel {
        Wheel {
            layer: LayerName::Base,
            name: self.name.clone(),
            version: self.version.clone(),
            filename: self.filename.clone(),
            size: self.size,
            sha256: self.sha256,
            requested: false,
            url: None,
            file: None,
            index: self.index.clone(),
        }
    }

    /// As [`Sdist::requires`] names it.
    pub fn id(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }
}
