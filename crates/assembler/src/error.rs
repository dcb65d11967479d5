//! What can go wrong between finished layers and an image.

use std::path::PathBuf;

/// The result of assembling.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an image could not be made or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer could not be built.
    #[error("layer {layer}: {source}")]
    Layer {
        /// The layer's name.
        layer: String,
        /// Why.
        source: Box<layer::Error>,
    },
    /// A layer's thread ended without a result.
    #[error("layer {layer}: its thread ended without a result")]
    Lost {
        /// The layer's name.
        layer: String,
    },
    /// A registry did not take the image.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// Two parts have different things at one path.
    #[error(
        "/{path} comes from {lower} as a {lower_kind} and from {upper} as a different {upper_kind}\n\
         An [[owner]] entry of the edition (path as in the wheel's RECORD, package) says which \
         wheel's file is kept."
    )]
    Owned {
        /// The path, relative to the root.
        path: String,
        /// Who has it in the lower part.
        lower: String,
        /// What it is there.
        lower_kind: &'static str,
        /// Who has it in the upper part.
        upper: String,
        /// What it is there.
        upper_kind: &'static str,
    },
    /// The image below could not be read.
    #[error("the image below: {0}")]
    Below(#[from] oci_image::Error),
    /// Files of the image below would be seen beside what takes their place.
    #[error(
        "the image below, {image}, has packages or parts that the edition does not have as they are; their \
         files would stay to be seen:{list}\n\
         hint: lock both to the same versions (`cargo xtask lock` of the edition keeps to those below, where \
         its lines allow them), or stand on another image"
    )]
    Shows {
        /// The image, as the lock writes it.
        image: String,
        /// The packages and parts, each on a line of its own.
        list: String,
    },
    /// A layer of the image below is wanted and is not in the store.
    #[error("{name} ({digest}) has not been brought into the store")]
    NotBrought {
        /// What a person calls it.
        name: String,
        /// Its digest.
        digest: lock::Sha256,
    },
    /// A layer of the image below has another tar inside than its config says.
    #[error("{name}: its tar should be {expected}, as the image's config says, and is {found}")]
    OtherTar {
        /// What a person calls it.
        name: String,
        /// In the config.
        expected: lock::Sha256,
        /// In the blob.
        found: lock::Sha256,
    },
    /// What a part holds could not be looked up.
    #[error(transparent)]
    Part(#[from] layer::Error),
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is nothing to assemble.
    #[error("an image needs at least one layer")]
    NoLayers,
    /// The platform is not `os/architecture`.
    #[error("the platform must be written as os/architecture, found {0:?}")]
    Platform(String),
    /// A document could not be written as JSON.
    #[error("cannot write {document} as JSON: {source}")]
    Json {
        /// Which one.
        document: &'static str,
        /// What serde said.
        source: serde_json::Error,
    },
    /// A document is not what OCI's specification wants.
    #[error("cannot make {document}: {source}")]
    Document {
        /// Which one.
        document: &'static str,
        /// What is wrong.
        source: oci_spec::OciSpecError,
    },
    /// A name that engines do not take.
    #[error(
        "{0:?} cannot be an image's name: the edition's name must be made of lower-case letters and \
         digits, with single dots, dashes or underscores between them"
    )]
    Name(String),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The archive could not be written to where it goes.
    #[error("cannot write the archive: {0}")]
    Write(#[source] std::io::Error),
}
