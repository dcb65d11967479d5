//! What can go wrong between an edition and its lock.

use std::path::PathBuf;

/// The result of resolving.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an edition has no lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The Python requirements cannot be met together.
    #[error(
        "the edition's Python packages do not resolve\n{explanation}{}",
        written(lines)
    )]
    Python {
        /// The resolver's own words.
        explanation: String,
        /// The edition's lines that it speaks of.
        lines: Vec<String>,
    },
    /// The Debian packages cannot be had together.
    #[error(
        "the edition's Debian packages do not resolve\n{explanation}{}",
        written(lines)
    )]
    Debian {
        /// The resolver's own words.
        explanation: String,
        /// The edition's lines that it speaks of.
        lines: Vec<String>,
    },
    /// The archive could not be read or trusted.
    #[error(transparent)]
    Archive(#[from] debian_archive::Error),
    /// A package has no wheel for the interpreter.
    #[error(
        "{package} has no wheel for this Python and platform\n\
         hint: ask for another version of it, or leave it out"
    )]
    NoWheel {
        /// Name and version.
        package: String,
    },
    /// A file that should be a PEP 751 lock is none, or not a usable one.
    #[error("{file}: {problem}")]
    Pylock {
        /// Which file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A source distribution does not say what it needs.
    #[error("{file}: {problem}")]
    Sdist {
        /// Which file.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// There is no pinned uv for this machine.
    #[error("no uv is pinned for this kind of machine; set {variable} to the path of one")]
    NoUv {
        /// The variable.
        variable: &'static str,
    },
    /// A wheel that Strata itself needs is not what it should be.
    #[error("{file}: {problem}")]
    Wheel {
        /// Which one.
        file: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The interpreter is not among the packages.
    #[error("{place}: Python {version} is wanted, but no layer asks for Debian's python{version}")]
    NoInterpreter {
        /// Where the edition says so.
        place: String,
        /// The version.
        version: String,
    },
    /// The interpreter's archive is none, or not for this image.
    #[error("{place}: {source}")]
    Interpreter {
        /// Where the edition names it.
        place: String,
        /// Why.
        source: Box<python::Error>,
    },
    /// The archive has another Python than the edition wants.
    #[error("{place}: Python {wanted} is wanted, but {archive} has Python {found}")]
    OtherPython {
        /// Where the edition says so.
        place: String,
        /// The version, with a `t` for the free-threaded flavour.
        wanted: String,
        /// What the archive has.
        found: String,
        /// Its file name.
        archive: String,
    },
    /// Something that an edition can say and that cannot be locked yet.
    #[error("{place}: {what} cannot be locked yet")]
    NotYet {
        /// Where the edition says so.
        place: String,
        /// What.
        what: &'static str,
    },
    /// A local file that a lock cannot name.
    #[error(
        "{place}: {} is outside of the edition's folder: a lock names local files by their path below it",
        path.display()
    )]
    Outside {
        /// Where the edition says so.
        place: String,
        /// The file.
        path: PathBuf,
    },
    /// The image below cannot be stood on.
    #[error("{place}: {source}")]
    From {
        /// Where the edition names it.
        place: String,
        /// Why.
        source: Box<oci_image::Error>,
    },
    /// An artifact is not what the edition says.
    #[error("{place}: {file}: expected sha256 {expected}, found {found}")]
    Digest {
        /// Where the edition says so.
        place: String,
        /// The file.
        file: String,
        /// In the edition.
        expected: String,
        /// Of the file.
        found: String,
    },
    /// A git repository does not have what the edition asks for, or does not answer.
    #[error("{place}: {name}: {source}")]
    Git {
        /// Where the edition says so.
        place: String,
        /// The tree's name.
        name: String,
        /// What git said.
        source: Box<git::Error>,
    },
    /// A package could not be built from source.
    #[error("{package}: {source}")]
    FromSource {
        /// Which one.
        package: String,
        /// Why.
        source: Box<from_source::Error>,
    },
    /// `[build.NAME]` of a package that is not built.
    #[error(
        "{place}: {package} is not built from source\n\
         hint: name it in `from-source` of [python], ask for it from git, or leave the table out"
    )]
    NothingToBuild {
        /// Where the edition says so.
        place: String,
        /// The package.
        package: String,
    },
    /// What packages are built with could not be had.
    #[error(transparent)]
    Layer(#[from] Box<layer::Error>),
    /// A thread ended without a result.
    #[error("a thread of the resolution ended without a result")]
    Lost,
    /// The store failed, or fetching into it.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A lock that was made does not hold together.
    #[error("the lock that came out does not hold together: {0}")]
    Lock(#[from] lock::Error),
    /// The lock could not be written as TOML.
    #[error("cannot write the lock as TOML: {0}")]
    Write(#[from] toml::ser::Error),
    /// A file could not be read or written, or a program not started.
    #[error("{}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

fn written(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let list: String = lines.iter().map(|line| format!("\n  {line}")).collect();
    format!("\nwhat the edition says of them:{list}")
}
