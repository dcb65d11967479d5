//! An immutable input: what it is called, how large it is, its sha256, and in whose terms it is found.

use std::fmt;

use crate::Sha256;

/// An immutable input of a build, named by its sha256.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Artifact {
    /// What a person calls it, for messages: `torch 2.14.1`.
    pub name: String,
    /// Its file name, without folders.
    pub filename: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the whole file.
    pub sha256: Sha256,
    /// In whose terms it is found.
    pub origin: Origin,
}

/// The terms in which an artifact is found; never a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A file of a Debian archive, by its path below the archive's root (`pool/…`).
    Debian {
        /// The `Filename` field of the Packages index.
        path: String,
    },
    /// A file of a project on the Python index (PEP 503, PEP 691).
    Python {
        /// The project's normalised name (PEP 503).
        project: String,
    },
    /// A file of a project on an index that the edition itself names.
    Index {
        /// The index's address (PEP 503).
        index: String,
        /// The project's normalised name (PEP 503).
        project: String,
    },
    /// A file at an address that the edition itself names.
    Url(String),
    /// A file beside the lock, by its path relative to the lock's folder.
    File(String),
}

impl Origin {
    /// A file of a project: on the default index, or on the one that the edition gives.
    pub(crate) fn of_project(project: &str, index: Option<&String>) -> Self {
        let project = project.to_owned();
        match index.cloned() {
            Some(index) => Self::Index { index, project },
            None => Self::Python { project },
        }
    }
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.filename)
    }
}
