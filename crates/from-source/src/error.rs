//! What can go wrong between a source and its wheel.

use std::path::PathBuf;

/// The result of building from source.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a wheel could not be built, or is not the one that it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The lock does not say yet what comes of it.
    #[error(
        "its wheel is not in the lock yet: nobody has built it for this lock\n\
         hint: `cargo xtask lock EDITION` builds it and writes the wheel's sha256 into the lock"
    )]
    NotBuilt,
    /// The build failed.
    #[error(
        "building its wheel failed: {source}\n\
         hint: all that it said is kept in {}; what it needs while it is built can be named in the edition's \
         [build.{package}]",
        log.display()
    )]
    Build {
        /// The package.
        package: String,
        /// What the sandbox said, with the build's last words.
        source: sandbox::Error,
        /// The file with all that the build said.
        log: PathBuf,
    },
    /// The build ended well and left something else than one wheel.
    #[error("building it left {found}, expected one wheel")]
    Left {
        /// What was there.
        found: String,
    },
    /// The source holds no package.
    #[error("no pyproject.toml and no setup.py in {folder:?} of its source")]
    NoPackage {
        /// The folder that was looked in; empty for the root.
        folder: String,
    },
    /// The wheel is not the one of the lock.
    #[error(transparent)]
    Other(#[from] Box<OtherWheel>),
    /// The lock names something that is there while the package is built, and does not have it.
    #[error("it is built with {0}, which is not in the lock")]
    Requirement(String),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The source distribution could not be read.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The commit could not be had.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// A wheel that is there while it is built, or the one that came of it, is no good.
    #[error("{file}: {source}")]
    Wheel {
        /// The wheel.
        file: String,
        /// What is wrong with it.
        source: Box<wheel::Error>,
    },
    /// The wheel that came of it cannot be read.
    #[error(transparent)]
    Zip(#[from] zip_reader::Error),
    /// The system below could not be made.
    #[error(transparent)]
    Debian(#[from] debian::Error),
    /// The interpreter could not be had.
    #[error(transparent)]
    Python(#[from] python::Error),
    /// A tree could not be put together.
    #[error(transparent)]
    Layer(#[from] Box<layer::Error>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A wheel that is not the one of the lock.
#[derive(Debug, thiserror::Error)]
#[error(
    "building it gave another wheel than the lock has: {filename}, sha256 {found}, expected {expected}\n\
     {differences}\n\
     hint: the wheel built here is kept as {}; `cargo xtask lock EDITION --update {package}` takes it", kept.display()
)]
pub struct OtherWheel {
    /// The package.
    pub package: String,
    /// The wheel's file name.
    pub filename: String,
    /// Its sha256.
    pub found: lock::Sha256,
    /// The lock's.
    pub expected: lock::Sha256,
    /// Which files differ, and where.
    pub differences: String,
    /// Where the wheel lies.
    pub kept: PathBuf,
}

/// Names the path that an I/O error is about.
pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { path, source }
}
