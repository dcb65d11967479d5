//! What can go wrong between the name of an image and its bytes.

use std::path::PathBuf;

use lock::Sha256;

/// The result of reading an image.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an image cannot be stood on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text does not say where an image is.
    #[error(transparent)]
    Name(#[from] lock::ParseImageAtError),
    /// Nothing is there, or not what it should be.
    #[error("{image}: {problem}\nhint: {hint}")]
    Source {
        /// The image, as the edition writes it.
        image: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// The registry did not give it.
    #[error("{image}: {source}")]
    Registry {
        /// The image, as the edition writes it.
        image: String,
        /// What the client says.
        source: Box<registry::Error>,
    },
    /// A file of a layout or an archive could not be read.
    #[error("{image}: {}: {source}", path.display())]
    Io {
        /// The image, as the edition writes it.
        image: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It came in part.
    #[error(
        "{image}: reading the {what} {digest}: {source}\n\
         hint: run the same command again; what was read whole is kept"
    )]
    Read {
        /// The image, as the edition writes it.
        image: String,
        /// Config or layer.
        what: &'static str,
        /// Its digest.
        digest: Sha256,
        /// What the system said.
        source: std::io::Error,
    },
    /// The image has a document that Strata does not understand.
    #[error("{image}: {document}: {problem}")]
    Document {
        /// The image, as the edition writes it.
        image: String,
        /// Which document.
        document: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A layer that cannot be carried over.
    #[error("{image}: layer {digest} is of the type {media_type:?}, {why}\nhint: {hint}")]
    Layer {
        /// The image, as the edition writes it.
        image: String,
        /// Which layer.
        digest: Sha256,
        /// Its type.
        media_type: String,
        /// Why it will not do.
        why: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Bytes are not those that their digest names.
    #[error(
        "{image}: the {what} {expected} is damaged: its bytes are {found}\n\
         hint: nothing of it was kept; repair the image where it is, or take another"
    )]
    Damaged {
        /// The image, as the edition writes it.
        image: String,
        /// Manifest, config or layer.
        what: &'static str,
        /// The digest that names it.
        expected: Sha256,
        /// What its bytes are: size and digest.
        found: String,
    },
    /// A document has another size than what names it says.
    #[error(
        "{image}: the {what} {digest} has {found} bytes, and what names it says {named}\n\
         hint: of a manifest the lock names it, under [from], and `cargo xtask lock --update from` writes that \
         anew; of a config the image's own manifest does"
    )]
    Size {
        /// The image, as the edition writes it.
        image: String,
        /// Manifest or config.
        what: &'static str,
        /// Its digest.
        digest: Sha256,
        /// Its bytes.
        found: u64,
        /// What the lock or the manifest says.
        named: u64,
    },
    /// The lock's image is not there any more.
    #[error(
        "{image}: there is no {what} {digest} any more\n\
         hint: put the image back, or take what stands there now with `cargo xtask lock --update from`"
    )]
    Gone {
        /// The image, as the edition writes it.
        image: String,
        /// Manifest, config or layer.
        what: &'static str,
        /// Its digest.
        digest: Sha256,
    },
    /// Something of the image is not in the store and may not be fetched.
    #[error(
        "{image}: the {what} {digest} is not in the store, and fetching is off (--offline)\n\
         hint: run once without --offline"
    )]
    Offline {
        /// The image, as the edition writes it.
        image: String,
        /// Manifest, config or layer.
        what: &'static str,
        /// Its digest.
        digest: String,
    },
    /// The image is for other machines.
    #[error(
        "{image} is for {found}, the edition for {wanted}\n\
         hint: name an image that has {wanted}"
    )]
    Platform {
        /// The image, as the edition writes it.
        image: String,
        /// What it is for.
        found: String,
        /// What the lock says.
        wanted: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}
