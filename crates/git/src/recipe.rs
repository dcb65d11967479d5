//! What a tree out of git depends on.

use lock::Git;
use store::{Key, KeyBuilder};

/// Version of everything here that shapes a tree.
const FORMAT: &str = "strata git tree 1";

/// The key of the tree that [`crate::tree()`] gives: the trees by their names, what is taken of them and
/// where it goes. Two commits with one tree have one key.
pub fn recipe_key(git: &Git) -> Key {
    let mut key = KeyBuilder::new(FORMAT);
    key.field("tree", git.tree.0)
        .field("subfolder", &git.subfolder)
        .field("to", &git.to)
        .list("exclude", git.exclude.iter())
        .number("no submodules", u64::from(git.no_submodules));
    for submodule in &git.submodules {
        key.field("submodule", &submodule.path)
            .field("tree", submodule.tree.0);
    }
    key.finish()
}
