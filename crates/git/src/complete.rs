//! What a lock says of a commit: its tree, date and size, and the submodules' commits.

use lock::{Git, Submodule};
use store::{Fetcher, Store};

use crate::{
    Commit, Result,
    fetch::{Wanted, fetch},
    submodules::address,
    tree::tree,
    walk::{Met, walk},
};

/// Fetches `git.commit` with its submodules, and fills in what only they tell: `tree`, `date`, `size` and
/// `submodules`. What is taken of the tree is checked on the way.
///
/// # Errors
/// See [`crate::Error`].
pub fn complete(store: &Store, fetcher: &Fetcher, git: &mut Git) -> Result<()> {
    let shown = git.shown();
    let wanted = Wanted {
        name: &shown,
        repository: &git.repository,
        commit: git.commit,
    };
    let commit = fetch(store, fetcher, wanted)?;
    let mut found = Vec::new();
    if !git.no_submodules {
        walk(&commit, &git.repository, &mut |met| {
            let (submodule, commit) = submodule(store, fetcher, &met, &shown)?;
            let address = submodule.repository.clone();
            found.push(submodule);
            Ok(Some((commit, address)))
        })?;
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    git.tree = commit.tree;
    git.date = commit.date.to_string();
    git.submodules = found;
    let tree = tree(store, fetcher, git)?;
    let sizes = tree.iter().map(|entry| match &entry.kind {
        layer::Kind::File(content) => content.size(),
        _ => 0,
    });
    git.size = sizes.sum();
    Ok(())
}

fn submodule(
    store: &Store,
    fetcher: &Fetcher,
    met: &Met<'_>,
    name: &str,
) -> Result<(Submodule, Commit)> {
    let (outer, path) = (met.outer, met.path.to_string());
    let below = met.below.to_string();
    let repository = address(fetcher, &outer.commit, &below, &outer.address)?;
    let name = format!("{name}, submodule {path}");
    let wanted = Wanted {
        name: &name,
        repository: &repository,
        commit: met.commit,
    };
    let commit = fetch(store, fetcher, wanted)?;
    let submodule = Submodule {
        path,
        commit: met.commit,
        tree: commit.tree,
        repository,
    };
    Ok((submodule, commit))
}
