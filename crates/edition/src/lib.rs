//! Edition files, `editions/<name>.toml`: what each layer of an image wants, in the terms of its
//! field. Read with positions, flattened over `extends`, edited in place. No network and no
//! resolution: what it all comes to, file by file, is the lock's business.
//!
//! One table of keys ([`keys::EDITION`]) drives the check of a file's shape, the JSON schema
//! ([`schema`]) and the test of the reference page, `docs/editions.md`.

mod debian_request;
mod edit;
mod edition;
mod error;
mod extract;
mod finish;
pub mod keys;
mod layer;
mod merge;
mod place;
mod read;
mod reader;
mod requirement;
mod requirement_file;
mod schema;
mod shape;
mod sheet;
mod source;
mod splice;
mod values;
mod write;

pub use debian_request::{DebianRequest, Relation};
pub use edit::{Change, EditionFile, ListKind};
pub use edition::{
    Build, Debian, Edition, Image, Index, Layer, Python, PythonSource, PythonVersion,
};
pub use error::{Error, Result};
pub use place::{Place, Spanned};
pub use requirement::{Requirement, RequirementFrom};
pub use schema::schema;
pub use source::{GitRef, Source, SourceFrom};
pub use write::write;
