//! What can go wrong between an archive and a tree.

/// The result of reading an archive.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an archive was refused. The artifact's name is added by whoever has it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The zip itself.
    #[error(transparent)]
    Zip(#[from] zip_reader::Error),
    /// The first bytes are not those of a tar, and of no compression that is read.
    #[error("expected a tar (plain, gzip, xz or zstd), found {found}")]
    NotTar {
        /// What it looks like.
        found: String,
    },
    /// The compressed stream is broken.
    #[error("broken {encoding} stream at {place}: {source}")]
    Stream {
        /// How it is compressed.
        encoding: &'static str,
        /// Which entry was being read.
        place: String,
        /// What the decoder said.
        source: std::io::Error,
    },
    /// The archive ends too early.
    #[error("cut short at {place}, after {size} bytes: fetch it again")]
    CutShort {
        /// Which entry was being read.
        place: String,
        /// How many bytes there were, decompressed.
        size: u64,
    },
    /// What should be a header is none: mostly because a size before it is wrong.
    #[error("no header at byte {offset}, {place}: {problem}")]
    Header {
        /// Where, in bytes of the decompressed archive.
        offset: u64,
        /// After which entry.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// An entry's headers contradict themselves, or ask for what is not read.
    #[error("entry {entry:?}: {problem}")]
    Entry {
        /// The entry.
        entry: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// An entry of a kind that may not stand in a layer.
    #[error(
        "entry {entry:?} is a {kind}, which is not taken from an archive; `exclude` can leave it out"
    )]
    Kind {
        /// The entry.
        entry: String,
        /// What it is.
        kind: String,
    },
    /// An entry's name, or a path of the lock, cannot be.
    #[error("{path:?}: {source}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        source: layer::PathError,
    },
    /// A symbolic link that leads out of the tree.
    #[error(
        "entry {entry:?} is a symbolic link to {target:?}, which {problem}; `exclude` can leave it \
         out"
    )]
    Leads {
        /// The link.
        entry: String,
        /// Its target, as it is written.
        target: String,
        /// Where it leads.
        problem: &'static str,
    },
    /// A hard link to nothing.
    #[error("entry {entry:?} is a hard link to {target:?}, which is no file before it")]
    HardLink {
        /// The link.
        entry: String,
        /// Its target, as it is written.
        target: String,
    },
    /// A path that stands twice, and not for the same.
    #[error("entry {entry:?} stands twice: {first}, then {second}")]
    Duplicate {
        /// The entry.
        entry: String,
        /// What it is first.
        first: String,
        /// What it is then.
        second: String,
    },
    /// An entry below something that is no folder.
    #[error("entry {entry:?} lies below {parent:?}, which is a {kind}")]
    NotAFolder {
        /// The entry.
        entry: String,
        /// What it lies below.
        parent: String,
        /// What that is.
        kind: &'static str,
    },
    /// It unpacks to far more than an honest archive of its size.
    #[error(
        "at {place} it unpacks to more than {limit} bytes; no more is read of an archive of {size} \
         bytes"
    )]
    TooLarge {
        /// Which entry was being read.
        place: String,
        /// The limit in bytes.
        limit: u64,
        /// The archive's own size in bytes.
        size: u64,
    },
    /// The lock's subfolder is not in the archive.
    #[error("it has no folder {wanted:?}; {there}")]
    NoFolder {
        /// The subfolder.
        wanted: String,
        /// The folders that are there, as half a sentence.
        there: String,
    },
    /// An exclusion that excludes nothing.
    #[error("nothing in its tree is called {0:?}, which `exclude` names")]
    Absent(String),
    /// Nothing is left.
    #[error("nothing is left of it: its folder {0:?} is empty, or all of it is excluded")]
    Empty(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Its path, or what it is.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The tree could not be made.
    #[error(transparent)]
    Tree(#[from] Box<layer::Error>),
}
