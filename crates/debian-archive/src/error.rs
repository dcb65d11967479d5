//! What can go wrong on the way from a suite's name to its packages, and from those to a closure.

use std::path::PathBuf;

/// The result of asking an archive.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an archive could not be read or trusted, or gave no closure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A Packages index that is none.
    #[error("{index}: {problem}")]
    Index {
        /// Which index.
        index: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// An InRelease file that is none, or one of another suite.
    #[error("{release}: {problem}")]
    Release {
        /// Which file, and from where.
        release: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// An InRelease file that nobody we trust has signed.
    #[error(
        "{release}: no valid signature by a key of {keyring}:{}\n\
         hint: if this archive has keys of its own, name their file in STRATA_DEBIAN_KEYRING",
        problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>()
    )]
    Signature {
        /// Which file, and from where.
        release: String,
        /// Where the keys come from.
        keyring: String,
        /// What is wrong with each signature.
        problems: Vec<String>,
    },
    /// A keyring that cannot be used.
    #[error("keyring {keyring}: {problem}")]
    Keyring {
        /// The file or artifact.
        keyring: String,
        /// What is wrong.
        problem: String,
    },
    /// No place has the suite.
    #[error(
        "no place has the Debian suite {suite}{}\n\
         hint: set STRATA_DEBIAN_MIRROR to the root of an archive that has it",
        tried.iter().map(|tried| format!("\n  {tried}")).collect::<String>()
    )]
    NoSuite {
        /// The suite.
        suite: String,
        /// Each place that was asked, and its answer.
        tried: Vec<String>,
    },
    /// No snapshot archive is known for a suite with a date.
    #[error(
        "no snapshot archive is known for {suite} at {date}: neither STRATA_DEBIAN_SNAPSHOT, nor apt's \
         sources, nor the suite's Release file names one\n\
         hint: set STRATA_DEBIAN_SNAPSHOT to its root, with @SNAPSHOTID@ where the date belongs"
    )]
    NoSnapshot {
        /// The suite.
        suite: String,
        /// The date asked for.
        date: String,
    },
    /// A date that is none.
    #[error("expected a snapshot's date such as 20261030T080801Z or 2026-10-30, found {0:?}")]
    Date(String),
    /// What was asked for cannot be had together.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// A file of this machine could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store, or fetching into it, failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A Debian package could not be read.
    #[error(transparent)]
    Debian(#[from] Box<debian::Error>),
}

/// Packages that cannot be had together, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no set of packages satisfies the request:\n{explanation}")]
pub struct Conflict {
    /// The resolver's own explanation, a tree of lines.
    pub explanation: String,
    /// Which of the requests take part, by their place in the request's list.
    pub requests: Vec<usize>,
}
