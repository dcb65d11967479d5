//! What can go wrong between an archive and a tree.

/// The result of reading an archive.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an archive was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The zip itself.
    #[error(transparent)]
    Zip(#[from] zip_reader::Error),
    /// A kind of source that this version cannot read yet.
    #[error("sources of kind {0} cannot be read by this version")]
    Kind(&'static str),
    /// An entry that may not stand in a layer.
    #[error("{path} is a {kind}, which is not taken from a zip")]
    Entry {
        /// The entry.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A path of the lock cannot be.
    #[error("{path}: {source}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        source: layer::PathError,
    },
    /// The lock names something that the archive does not have.
    #[error("nothing in the archive is called {0}")]
    Absent(String),
    /// The file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// Its path.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The tree could not be made.
    #[error(transparent)]
    Tree(#[from] Box<layer::Error>),
}
