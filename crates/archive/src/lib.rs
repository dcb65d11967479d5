//! Archives and local files as file entries: tar (plain, gzip, xz, zstd), zip, a subfolder of a
//! wheel, one file. Where they go is the lock's business, how streams are packed that of `decode`
//! and `zip`.
//!
//! Owners, times and modes are normalised: 0:0, the layer's own time, 0755 for whatever has an
//! execute bit and 0644 for the rest. The order inside an archive does not matter. An archive that
//! can be read in two ways is refused.

mod error;
mod extended;
mod links;
mod members;
mod pax;
mod recipe;
mod selection;
mod sparse;
mod stream;
mod tar_tree;
mod tree;
mod zip_tree;

pub use error::{Error, Result};
pub use links::wrong as link_problem;
pub use recipe::recipe_key;
pub use selection::Selection;
pub use tree::tree;
