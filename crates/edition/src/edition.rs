//! An edition, whole: flattened over `extends`, every item with the place where it was written.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use lock::{LayerName, Owner, Sha256};

use crate::{DebianRequest, Requirement, Source, Spanned};

/// What one image is made of. Made by [`Edition::read`] and [`Edition::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Its name: the file's, without ending.
    pub name: String,
    /// Every file that it was read from: the edition, those it extends, requirement files.
    pub files: Vec<PathBuf>,
    /// The image below its layers, as it is written; it can be read as a [`lock::ImageAt`].
    pub from: Option<Spanned<String>>,
    /// Where Debian packages come from.
    pub debian: Debian,
    /// The interpreter, and rules for all Python packages.
    pub python: Python,
    /// What the image says of itself.
    pub image: Image,
    /// The layers that want something, lowest first.
    pub layers: BTreeMap<LayerName, Layer>,
    /// More Python indexes by name.
    pub indexes: BTreeMap<String, Spanned<Index>>,
    /// How packages are built from source, by normalised name.
    pub builds: BTreeMap<String, Spanned<Build>>,
    /// Who owns what several wheels bring; package names are normalised.
    pub owners: Vec<Spanned<Owner>>,
}

/// `[debian]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debian {
    /// Suite or codename.
    pub suite: Spanned<String>,
    /// Date of the snapshot (RFC 3339, UTC).
    pub snapshot: Option<Spanned<String>>,
    /// Components of the archive; at least one.
    pub components: Vec<String>,
    /// dpkg's architecture.
    pub architecture: String,
    /// Take what packages recommend, too.
    pub recommends: bool,
}

/// `[python]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    /// Version and flavour.
    pub version: Spanned<PythonVersion>,
    /// Where the interpreter comes from.
    pub source: PythonSource,
    /// Ignore files uploaded after this time (RFC 3339, UTC).
    pub exclude_newer: Option<Spanned<String>>,
    /// Normalised names of packages that may be built from source.
    pub from_source: Vec<Spanned<String>>,
    /// A PEP 751 lock that is taken as it is.
    pub pylock: Option<Spanned<PathBuf>>,
}

/// Version and flavour of CPython. Written `3.14` and `3.14t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PythonVersion {
    /// The 3 of 3.14.
    pub major: u32,
    /// The 14 of 3.14.
    pub minor: u32,
    /// Built without the GIL.
    pub free_threaded: bool,
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flavour = if self.free_threaded { "t" } else { "" };
        write!(f, "{}.{}{flavour}", self.major, self.minor)
    }
}

/// Where the interpreter comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PythonSource {
    /// Debian's packages.
    Debian,
    /// An archive of python-build-standalone.
    Standalone {
        /// Its URL.
        url: Spanned<String>,
        /// Its sha256.
        sha256: Sha256,
    },
}

/// `[image]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// `org.opencontainers.image.title`.
    pub title: String,
    /// `org.opencontainers.image.description`.
    pub description: String,
    /// More environment variables.
    pub env: BTreeMap<String, Spanned<String>>,
    /// More labels.
    pub labels: BTreeMap<String, Spanned<String>>,
}

/// `[layer.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layer {
    /// Debian packages.
    pub debian: Vec<Spanned<DebianRequest>>,
    /// Python packages, those of requirement files among them.
    pub python: Vec<Spanned<Requirement>>,
    /// Limits, those of constraint files among them.
    pub constraints: Vec<Spanned<Requirement>>,
    /// The same as in [`Python`], for the packages that this layer names.
    pub exclude_newer: Option<Spanned<String>>,
    /// Trees.
    pub sources: Vec<Spanned<Source>>,
}

/// `[index.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Its address.
    pub url: String,
    /// Normalised names of the packages that come from it, and from nowhere else.
    pub packages: Vec<String>,
}

/// `[build.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// What is there while it is built; `None`: what the package names itself.
    pub requires: Option<Vec<Spanned<Requirement>>>,
    /// Environment variables.
    pub environment: BTreeMap<String, Spanned<String>>,
}

impl Edition {
    /// What `layer` wants, if anything.
    pub fn layer(&self, layer: LayerName) -> Option<&Layer> {
        self.layers.get(&layer)
    }

    /// All Python requirements, the lowest layer's first.
    pub fn requirements(&self) -> impl Iterator<Item = (LayerName, &Spanned<Requirement>)> {
        self.layers
            .iter()
            .flat_map(|(name, layer)| layer.python.iter().map(|line| (*name, line)))
    }

    /// All limits, the lowest layer's first.
    pub fn constraints(&self) -> impl Iterator<Item = (LayerName, &Spanned<Requirement>)> {
        self.layers
            .iter()
            .flat_map(|(name, layer)| layer.constraints.iter().map(|line| (*name, line)))
    }
}
