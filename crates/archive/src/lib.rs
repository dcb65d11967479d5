//! Archives and local files as file entries: zip, a subfolder of a wheel, one file. Where they go is
//! the lock's business, how they are packed the format crates'.

mod error;
mod tree;

pub use error::{Error, Result};
pub use tree::tree;
