//! What can go wrong between wheels and a layer's parts.

use std::path::PathBuf;

/// The result of working with the image's Python.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the interpreter, or bytecode, could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The lock has no package that brings the interpreter.
    #[error("no Debian package {package} in the lock brings the interpreter {interpreter}")]
    NoInterpreter {
        /// The package that was looked for.
        package: String,
        /// The interpreter's path in the image.
        interpreter: String,
    },
    /// An archive that should bring the interpreter does not.
    #[error("{archive}: no interpreter of python-build-standalone for this image: {problem}")]
    Standalone {
        /// Its file name.
        archive: String,
        /// What is wrong.
        problem: String,
    },
    /// The interpreter's archive could not be read.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The interpreter's archive could not be fetched, or its tree not be made.
    #[error(transparent)]
    Layer(#[from] Box<layer::Error>),
    /// The interpreter answered something that is not an answer.
    #[error("the interpreter answered {found:?} while compiling {path}")]
    Answer {
        /// The module.
        path: String,
        /// The answer's first line.
        found: String,
    },
    /// Talking to the interpreter failed.
    #[error("the interpreter went away while compiling {path}: {source}")]
    Gone {
        /// The module.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A module's text could not be read.
    #[error("{path}: {source}")]
    Source {
        /// The module.
        path: String,
        /// What its wheel said.
        source: layer::BoxError,
    },
    /// A kept pack of bytecode is damaged.
    #[error("{}: damaged bytecode pack: {problem}; remove the file and build again", path.display())]
    Pack {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The sandbox refused.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The interpreter's packages could not be unpacked.
    #[error(transparent)]
    Debian(#[from] debian::Error),
}
