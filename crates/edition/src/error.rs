//! What can be wrong with an edition.

use std::path::PathBuf;

use lock::Problems;

/// The result of reading or editing an edition.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an edition could not be used or edited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The edition could not be read.
    #[error("cannot read the edition {}: {source}", path.display())]
    Read {
        /// The edition's path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The edition could not be written.
    #[error("cannot write the edition {}: {source}", path.display())]
    Write {
        /// The edition's path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// All that is wrong with it and the files that it names.
    #[error("{0}")]
    Malformed(Problems),
    /// What should be added is not valid.
    #[error("{spec:?} is not a {what}: {problem}")]
    Spec {
        /// What was given.
        spec: String,
        /// What was expected: `Debian package` or `PEP 508 requirement`.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// What should be removed is not there.
    #[error("{file}: [layer.{layer}] has no {name} in `{list}`{elsewhere}")]
    Absent {
        /// The edition.
        file: String,
        /// The layer that was asked for.
        layer: lock::LayerName,
        /// The list in it.
        list: &'static str,
        /// The name that was looked for.
        name: String,
        /// Where else it stands, as the end of a sentence; empty if nowhere.
        elsewhere: String,
    },
    /// The file is written in a form that is not edited here.
    #[error(
        "{file}: cannot edit `{list}` of layer {layer} where it stands; \
         write it as a list below a line [layer.{layer}]"
    )]
    Form {
        /// The edition.
        file: String,
        /// The layer.
        layer: lock::LayerName,
        /// The list in it.
        list: &'static str,
    },
    /// A pin that cannot be written.
    #[error("cannot pin {name} to {version}: {problem}")]
    Pin {
        /// The package.
        name: String,
        /// The version.
        version: String,
        /// Why not, and what to do.
        problem: String,
    },
}
