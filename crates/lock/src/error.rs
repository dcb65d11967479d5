//! What can be wrong with a lock.

use std::path::PathBuf;

use crate::Problems;

/// The result of reading a lock.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a lock could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error(
        "cannot read the lock {}: {source}; `cargo xtask lock` writes it",
        path.display()
    )]
    Read {
        /// The lock's path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not TOML, not a lock's, or contradicts itself.
    #[error("{0}")]
    Malformed(Problems),
    /// Written by another Strata.
    #[error("{problem}")]
    Version {
        /// Where the format's number stands, and what to do.
        problem: Box<crate::Problem>,
        /// The format that the file says it has.
        found: u32,
        /// The format that this crate reads.
        known: u32,
    },
}
