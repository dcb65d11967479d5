//! What can keep an image from being checked. What is wrong with the image is no error: that is a
//! [`Finding`](crate::Finding).

use std::path::PathBuf;

/// The result of a check.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an image could not be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A part's index could not be read, or threads were not to be had.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The image's interpreter could not be started.
    #[error("cannot run {program} of the image: {source}")]
    Sandbox {
        /// The program.
        program: String,
        /// What the sandbox said.
        source: sandbox::Error,
    },
    /// A part's blob could not be read to its end.
    #[error("the part {part:?} cannot be read ({}): {source}", path.display())]
    Part {
        /// The part's name.
        part: String,
        /// The blob.
        path: PathBuf,
        /// What was wrong.
        source: std::io::Error,
    },
    /// The image could not be unpacked.
    #[error("cannot unpack the part {part:?}: {source}")]
    Unpack {
        /// The part's name.
        part: String,
        /// What was wrong.
        source: std::io::Error,
    },
    /// The image's config is not what the assembler writes.
    #[error("the image's config is no JSON: {0}")]
    Config(serde_json::Error),
    /// The lock's version of Python is none.
    #[error("the lock's Python {version:?} is no version: {source}")]
    Version {
        /// What the lock has.
        version: String,
        /// What is wrong with it.
        source: pep440_rs::VersionParseError,
    },
}
