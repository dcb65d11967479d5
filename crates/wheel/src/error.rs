//! What can be wrong with a wheel.

/// The result of reading or planning a wheel.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a wheel was refused. The artifact's name is added by whoever has it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The zip itself.
    #[error(transparent)]
    Zip(#[from] zip_reader::Error),
    /// A file that every wheel has is missing.
    #[error("the wheel has no {0}")]
    Missing(String),
    /// There is more than one `.dist-info` folder.
    #[error("the wheel has two .dist-info folders: {0} and {1}")]
    TwoDistInfo(String, String),
    /// It is not the package that the lock names.
    #[error("expected {field} {expected}, found {found}")]
    Other {
        /// `Name` or `Version`.
        field: &'static str,
        /// The lock's.
        expected: String,
        /// The wheel's.
        found: String,
    },
    /// A wheel format that this code does not know.
    #[error("Wheel-Version {0} is not supported (1.x is)")]
    WheelVersion(String),
    /// A line of a metadata file cannot be read.
    #[error("{file}, line {line}: {problem}")]
    Line {
        /// Which file.
        file: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// RECORD and the wheel's files differ.
    #[error("{path} is {problem}")]
    Record {
        /// The file.
        path: String,
        /// In which way.
        problem: &'static str,
    },
    /// An entry of a kind that wheels may not have.
    #[error("{path} is a {kind}, which a wheel may not have")]
    Kind {
        /// The entry.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// An unknown `.data` folder.
    #[error(
        "{path}: a .data folder has purelib, platlib, headers, scripts and data, not {found:?}"
    )]
    DataFolder {
        /// The entry.
        path: String,
        /// What stands there.
        found: String,
    },
    /// A path of the scheme or the wheel cannot stand in an image.
    #[error("{path}: {source}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        source: layer::PathError,
    },
    /// A file could not be read for its hash.
    #[error("{path}: {source}")]
    Unread {
        /// The file.
        path: String,
        /// What the zip said.
        source: layer::BoxError,
    },
    /// Two files of one wheel are installed to one place.
    #[error("two files of the wheel are installed as {0}")]
    Twice(String),
    /// Two wheels own a path with different contents.
    #[error(
        "{path} is in {first} and in {second} with different contents; say in the edition which \
         one wins:\n    [[owner]]\n    path = {record:?}\n    package = {first:?}"
    )]
    Shared {
        /// The path in the image.
        path: String,
        /// As RECORD has it.
        record: String,
        /// One wheel.
        first: String,
        /// The other.
        second: String,
    },
    /// The tree could not be made.
    #[error(transparent)]
    Tree(#[from] layer::Error),
}
