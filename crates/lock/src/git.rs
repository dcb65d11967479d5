//! `[[git]]`: a tree out of a git repository.

use serde::{Deserialize, Serialize};

use crate::{LayerName, ObjectId};

/// A tree taken out of a commit and put somewhere in the image. What is taken is named by commit and
/// tree; the repository is where it is looked for, through whatever git on the machine makes of its
/// address (`insteadOf`, credentials, proxies).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Git {
    /// The layer that it belongs to.
    pub layer: LayerName,
    /// What a person calls it.
    pub name: String,
    /// Its version: as the edition says, or the tag, or the commit's first digits.
    pub version: String,
    /// The repository's address, as the edition has it.
    pub repository: String,
    /// What of it the edition asks for: `HEAD`, `refs/heads/…` or `refs/tags/…`; absent where it names the
    /// commit itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The commit.
    pub commit: ObjectId,
    /// The commit's tree.
    pub tree: ObjectId,
    /// The committer's date (RFC 3339, UTC).
    pub date: String,
    /// Size of the files that are taken, in bytes.
    pub size: u64,
    /// `.git` comes along, as a shallow clone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_git: bool,
    /// Submodules are left as empty folders.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_submodules: bool,
    /// Only what lies in this folder of the tree, without the folder's own path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subfolder: String,
    /// Where it goes: an absolute path in the image.
    pub to: String,
    /// Paths (files, or folders with a `/` at the end) below the subfolder that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Its submodules and theirs, by path.
    #[serde(default, rename = "submodule", skip_serializing_if = "Vec::is_empty")]
    pub submodules: Vec<Submodule>,
}

/// `[[git.submodule]]`: what stands in a submodule's place (gitsubmodules(7)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submodule {
    /// Its path below the outermost repository's root.
    pub path: String,
    /// Its repository's address; one relative to the outer repository's is resolved.
    pub repository: String,
    /// The commit that the outer tree's gitlink names.
    pub commit: ObjectId,
    /// The commit's tree.
    pub tree: ObjectId,
}

impl Git {
    /// Its version with the commit, where the version is not the commit's own.
    pub fn with_commit(&self) -> String {
        let commit = self.commit.short();
        match self.version == commit {
            true => commit,
            false => format!("{} ({commit})", self.version),
        }
    }

    /// How messages call it: name and version.
    pub fn shown(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}
