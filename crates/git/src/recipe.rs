//! What a tree out of git depends on.

use lock::Git;
use store::{Key, KeyBuilder};

use crate::clone;

/// Version of everything here that shapes a tree.
const FORMAT: &str = "strata git tree 1";

/// The key of the tree that [`crate::tree()`] gives: the trees by their names, what is taken of them and
/// where it goes. Two commits with one tree have one key,
/// unless `.git` is kept.
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
    // A clone has its commit in it, and where that came from.
    if git.keep_git {
        key.field("clone", clone::FORMAT)
            .field("commit", git.commit.0)
            .field("repository", &git.repository)
            .field("reference", git.reference.as_deref().unwrap_or_default());
        for submodule in &git.submodules {
            key.field("submodule commit", submodule.commit.0);
        }
    }
    key.finish()
}
