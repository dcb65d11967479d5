//! What can be wrong with a zip.

use std::path::PathBuf;

/// The result of reading a zip.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a zip, or an entry of one, was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no end record: not a zip, or cut short.
    #[error("not a zip, or cut short: no end of central directory found")]
    NoEnd,
    /// A record does not lie where it should, or is cut short.
    #[error("the zip is damaged at byte {offset}: {problem}")]
    Damaged {
        /// Where, in bytes from the start.
        offset: u64,
        /// What was expected and what was found.
        problem: String,
    },
    /// A zip over several disks.
    #[error("the zip is split over several disks, which is not supported")]
    MultiDisk,
    /// An entry's name cannot stand in an image.
    #[error("entry {entry:?}: {source}")]
    Path {
        /// The name as the zip has it.
        entry: String,
        /// Why.
        source: layer::PathError,
    },
    /// Two entries of one name.
    #[error("entry {0:?} stands twice")]
    Duplicate(String),
    /// Two entries share bytes.
    #[error("entry {entry:?} overlaps the entry before it")]
    Overlap {
        /// The later one.
        entry: String,
    },
    /// A way of packing that wheels and archives do not use.
    #[error("entry {entry:?}: {feature} is not supported")]
    Unsupported {
        /// The entry.
        entry: String,
        /// What it needs.
        feature: String,
    },
    /// The local header says something else than the central directory.
    #[error("entry {entry:?}: its local header says {found}, the central directory {expected}")]
    Disagrees {
        /// The entry.
        entry: String,
        /// What the central directory says.
        expected: String,
        /// What the local header says.
        found: String,
    },
    /// An entry's bytes are not as many as declared.
    #[error("entry {entry:?}: declared size is {expected} bytes, found {found}")]
    Size {
        /// The entry.
        entry: String,
        /// Declared, in bytes.
        expected: u64,
        /// Found; `more` where reading stopped at the declared size.
        found: String,
    },
    /// An entry's bytes are not what they were.
    #[error("entry {entry:?}: expected CRC-32 {expected:08x}, found {found:08x}")]
    Crc {
        /// The entry.
        entry: String,
        /// Declared.
        expected: u32,
        /// Found.
        found: u32,
    },
    /// The deflate stream is broken.
    #[error("entry {entry:?}: broken deflate stream: {problem}")]
    Deflate {
        /// The entry.
        entry: String,
        /// What the decoder said.
        problem: String,
    },
    /// An entry is larger than whoever reads it can use.
    #[error("entry {entry:?} has {size} bytes, at most {limit} expected")]
    TooLarge {
        /// The entry.
        entry: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
}
