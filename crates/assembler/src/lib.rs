//! Layers to an image: they are built at the same time, their parts become the layers of an OCI
//! image manifest, and the image is written as a layout folder or as one archive.
//!
//! What lives here: the order of layers, config and manifest, layout, archive, and layers on top of another
//! image. What does not: what a layer holds, or how it is made; how another image is read. The documents follow the OCI image specification 1.1; their
//! JSON has its keys in order, so the same layers give the same digest.

mod archive;
mod below;
mod blobs;
mod build;
mod config;
mod document;
mod edition;
mod error;
mod forecast;
mod image;
mod layout;
mod ocipkg_traits;
mod ownership;
mod pull;
mod push;

pub use archive::{write_archive, write_plain_archive};
pub use below::fits;
pub use blobs::Blob;
pub use build::{assemble, assemble_disputed};
pub use edition::layers;
pub use error::{Error, Result};
pub use forecast::{PlannedPart, forecast, forecast_on, is_lacking, rebuilt, to_fetch};
pub use image::{Image, Meta};
pub use layout::{LayoutBuilder, LayoutOutcome, write_layout};
pub use ownership::is_owned;
pub use pull::{Download, downloads, planned_downloads, pulled};
pub use push::{Pushed, push};
