//! A tree out of a git repository as file entries.
//!
//! A commit is fetched by its name, alone, through whatever git on the machine is configured with, into
//! a bare repository of the store. Its files are read straight from there: nothing is checked out, so no
//! filter, line ending or attribute has a say. Every object is held against its name, from the commit
//! down, so it does not matter who served it.
//!
//! Owners, times and modes are those of `archive`: 0:0, the layer's own time, 0755 and 0644.

mod clone;
mod commit;
mod complete;
mod content;
mod error;
mod fetch;
mod objects;
mod program;
mod recipe;
mod reference;
mod submodules;
mod tree;
mod walk;

pub use commit::Commit;
pub use complete::complete;
pub use error::{Error, Result};
pub use recipe::recipe_key;
pub use reference::look_up;
pub use tree::{is_absent, tree};
