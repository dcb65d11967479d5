//! A client of OCI registries (distribution-spec 1.1): blocking, bounded in memory, for many threads.
//!
//! Blobs are streamed from wherever they are, gone on with after a break, and verified on their way
//! back. Credentials come from the caller or from the files of Docker and Podman; TLS trust and
//! proxies are the system's. What is in a manifest is not known here, save for the `subject` that a
//! registry without the referrers API needs help with.
//!
//! ```no_run
//! use strata_registry::{Bytes, Client, File, Options, Reference, media_type};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(Options::default());
//! let image: Reference = "ghcr.io/someone/comfyui:today".parse()?;
//! let cache = image.repository().sibling("someone/comfyui-cache")?;
//!
//! // Blobs first, from as many threads as one likes; the manifest last, by each of its tags.
//! # let (digest, size) = (lock::Sha256([0; 32]), 0);
//! client.push_blob(image.repository(), &File::new(digest, size, "layer.tar.zst"), &[cache])?;
//! client.push_blob(image.repository(), &Bytes::new(&b"{}"[..]), &[])?;
//! # let manifest = b"{}";
//! client.push_manifest(image.repository(), image.by(), media_type::MANIFEST, manifest)?;
//!
//! // Whoever has the reference finds it again, pinned.
//! if let Some(found) = client.head_manifest(image.repository(), image.by())? {
//!     println!("{}", image.with_digest(found.digest));
//! }
//! println!("{} bytes sent", client.sent());
//! # Ok(())
//! # }
//! ```

mod auth;
mod blob;
mod client;
mod credentials;
mod error;
mod http;
mod manifest;
mod options;
mod reference;
mod retry;
mod said;

pub use blob::{BlobReader, BlobSource, Bytes, File, Mount, Pushed, Upload, empty};
pub use client::Client;
pub use credentials::Credentials;
pub use error::{Error, Result};
pub use lock::Sha256;
pub use manifest::{Found, MANIFEST_LIMIT, Manifest, media_type};
pub use options::{Login, Options, Patience};
pub use reference::{By, Reference, Repository};
