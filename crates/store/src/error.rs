//! What can go wrong in the store and on the way into it.

use std::{fmt, io, path::PathBuf};

use lock::Sha256;

/// The result of a store operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One place that was asked for an artifact, and what it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The address, without credentials.
    pub place: String,
    /// The answer, or why there was none.
    pub answer: String,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n  {}: {}", self.place, self.answer)
    }
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written. The source names its path.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said, with the path.
        source: io::Error,
    },
    /// The disk is full, or the user's quota.
    #[error(
        "no space left on the disk that holds {}: {source}\n\
         hint: free some, or put the store elsewhere with --store or STRATA_STORE",
        path.display()
    )]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Less space is free than something is known to need.
    #[error(
        "{what} needs {needed} bytes, and only {free} bytes are free in {}\n\
         hint: free some, or put the store elsewhere with --store or STRATA_STORE",
        path.display()
    )]
    Space {
        /// What needs the space.
        what: String,
        /// How much it needs, in bytes.
        needed: u64,
        /// How much is free, in bytes.
        free: u64,
        /// The store's folder.
        path: PathBuf,
    },
    /// The store was written by another version, or is no store.
    #[error(
        "the store {} has format {found:?}, this Strata knows format {known}\n\
         hint: update Strata, or use another store with --store or STRATA_STORE",
        path.display()
    )]
    Version {
        /// The store's folder.
        path: PathBuf,
        /// What its version file says.
        found: String,
        /// The format that this crate reads and writes.
        known: u32,
    },
    /// Neither a store nor a home folder is set.
    #[error("no folder for the store: set STRATA_STORE, XDG_CACHE_HOME or HOME")]
    NoStore,
    /// A record could not be written as JSON.
    #[error("cannot write the {kind} record {key} as JSON: {source}")]
    Record {
        /// Kind of the record.
        kind: String,
        /// Its key.
        key: String,
        /// What the serializer said.
        source: serde_json::Error,
    },
    /// A download in the store is not what it was when it was fetched. It has been removed.
    #[error(
        "{artifact}: the cached download {} was damaged (expected {expected}, found {found}) and \
         has been removed\nhint: run the same command again, and it will be fetched anew",
        path.display()
    )]
    Damaged {
        /// The artifact.
        artifact: String,
        /// What was expected: a size in bytes or a sha256.
        expected: String,
        /// What was found.
        found: String,
        /// Where it was.
        path: PathBuf,
    },
    /// Something is not in the store and may not be fetched.
    #[error(
        "{artifact} is not in the store{}, and fetching is off (--offline)\n\
         hint: run once without --offline",
        others(*more)
    )]
    Offline {
        /// The artifact.
        artifact: String,
        /// How many other artifacts are missing too.
        more: usize,
    },
    /// No place had the artifact.
    #[error(
        "cannot fetch {artifact} ({size} bytes, sha256 {sha256}){}{}\nhint: {hint}",
        if tried.is_empty() { ": no place to fetch it from is known" } else { "; tried:" },
        tried.iter().map(Tried::to_string).collect::<String>()
    )]
    Fetch {
        /// The artifact.
        artifact: String,
        /// Its size in bytes.
        size: u64,
        /// Its sha256.
        sha256: Sha256,
        /// Each place that was asked, in order.
        tried: Vec<Tried>,
        /// What the user can set.
        hint: String,
    },
    /// A file without a known digest could not be read from one place.
    #[error("{address}: {answer}")]
    Read {
        /// The address, without credentials.
        address: String,
        /// The answer, or why there was none.
        answer: String,
    },
    /// A place to fetch from is not an address.
    #[error("{setting}: {value:?} is not an http, https or file address: {problem}")]
    Place {
        /// The variable or option that says so.
        setting: String,
        /// What it says, without credentials.
        value: String,
        /// What is wrong.
        problem: String,
    },
    /// A client's settings could not be read.
    #[error("cannot read the settings {}: {problem}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The machine has no setting and no tool that names a Python index.
    #[error(
        "no Python index is known: {problem}\n\
         hint: set STRATA_PYTHON_INDEX to the address of a simple index (PEP 503)"
    )]
    NoPythonIndex {
        /// What was tried.
        problem: String,
    },
    /// A blob could not be read from where it is.
    #[error("reading the blob {digest}: {source}")]
    BlobUnread {
        /// Its digest.
        digest: Sha256,
        /// What the reader said.
        source: io::Error,
    },
    /// A blob is not what its digest names. It is not kept.
    #[error("the blob is damaged: expected {}, found {found}", expected.to_oci())]
    OtherBlob {
        /// What names it.
        expected: Sha256,
        /// What it is: a digest, or its size.
        found: String,
    },
    /// A fetch was given up since something else failed.
    #[error("fetching {artifact} was given up, since something else failed")]
    Stopped {
        /// The artifact.
        artifact: String,
    },
}

fn others(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => " (nor is 1 other artifact)".to_owned(),
        more => format!(" (nor are {more} other artifacts)"),
    }
}

/// Gives an I/O error its place: a full disk is an error of its own kind.
pub(crate) fn io_at(
    what: &'static str,
    path: impl Into<PathBuf>,
) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::DiskFull { path, source }
        }
        _ => Error::Io {
            what: format!("{what} {}", path.display()),
            source,
        },
    }
}
