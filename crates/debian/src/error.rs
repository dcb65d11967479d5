//! What can go wrong with Debian packages.

use std::path::PathBuf;

/// The result of working with packages.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a package, or a system made of packages, could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The ar archive or one of its members is damaged.
    #[error("{artifact}: {problem}")]
    Format {
        /// The package.
        artifact: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// It is not the package that the lock names.
    #[error("{artifact}: expected {field} {expected}, found {found}")]
    Other {
        /// The package.
        artifact: String,
        /// Which control field.
        field: &'static str,
        /// The lock's.
        expected: String,
        /// The package's.
        found: String,
    },
    /// A member that may not be unpacked.
    #[error("{artifact}: {path}: {problem}")]
    Member {
        /// The package.
        artifact: String,
        /// The member's path.
        path: String,
        /// Why it was refused.
        problem: String,
    },
    /// Two packages bring one file.
    #[error("{artifact}: {path} is also in {other}, and neither package replaces the other")]
    Overwrites {
        /// The later package.
        artifact: String,
        /// The file.
        path: String,
        /// The earlier package.
        other: String,
    },
    /// A name that the lock does not have.
    #[error("the lock has no Debian package {0}")]
    Unknown(String),
    /// A program of the system failed.
    #[error("{step}: {source}")]
    Program {
        /// What was being done.
        step: String,
        /// What the sandbox said, with the program's last words.
        source: sandbox::Error,
    },
    /// A package that dpkg could not bring to its end.
    #[error("{package}: expected the state \"install ok installed\", found {found:?}")]
    State {
        /// The package.
        package: String,
        /// Its `Status` field.
        found: String,
    },
    /// Something in the configured system that no layer can hold.
    #[error("{path}: {problem}")]
    Root {
        /// Its path in the image.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No program could be run in the system, or it could not be listed.
    #[error("listing the configured system: {0}")]
    Listing(#[source] sandbox::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A tree could not be made.
    #[error(transparent)]
    Layer(#[from] Box<layer::Error>),
}

impl From<layer::Error> for Error {
    fn from(error: layer::Error) -> Self {
        Self::Layer(Box::new(error))
    }
}

/// Names the path in an I/O error.
pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { path, source }
}
