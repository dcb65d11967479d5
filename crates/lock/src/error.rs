//! What can be wrong with a lock.

use std::path::PathBuf;

/// The result of reading a lock.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a lock could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("cannot read the lock {}: {source}", path.display())]
    Read {
        /// The lock's path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not TOML, or not a lock's.
    #[error("{name}: {source}")]
    Syntax {
        /// The lock's name or path.
        name: String,
        /// Where and what, with line and column.
        source: Box<toml::de::Error>,
    },
    /// Written by a newer Strata.
    #[error(
        "{name}: lock format {found} is newer than this Strata knows ({known}); \
         update Strata, or write the lock anew with it"
    )]
    Version {
        /// The lock's name or path.
        name: String,
        /// The format that the file says it has.
        found: u32,
        /// The newest format that this crate reads.
        known: u32,
    },
    /// The lock contradicts itself.
    #[error("{name}: {entry}: {problem}")]
    Inconsistent {
        /// The lock's name or path.
        name: String,
        /// The entry, such as `deb adduser`.
        entry: String,
        /// What is wrong with it, and what was expected.
        problem: String,
    },
}
