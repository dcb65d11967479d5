//! Splitting a tree that is over the size limit.

use std::collections::BTreeSet;

use crate::{
    Entry, Kind, Result, Tree,
    tar_form::{estimate, link_target},
};

/// A part holds at most about this many bytes of tar, where it can be split at all: a single file
/// is never cut.
pub const PART_LIMIT: u64 = 600_000_000;

/// Splits a tree into runs of entries, none over the limit where a run has more than one file.
/// Every run begins with the folders that its first entry lies in, so that each part stands on its
/// own, and no run is cut between a file and a hard link to it.
pub(crate) fn split(tree: Tree) -> Result<Vec<Vec<Entry>>> {
    let total: u64 = tree.iter().map(estimate).sum();
    if total <= PART_LIMIT {
        return Ok(vec![tree.into_iter().collect()]);
    }
    // Hard links go where their file goes: a run is cut only before an entry that is neither.
    let linked: BTreeSet<_> = tree.iter().filter_map(link_target).cloned().collect();
    let mut folders: Vec<Entry> = Vec::new();
    let mut runs: Vec<Tree> = vec![Tree::new()];
    let mut filled = 0;
    let mut with_links = Tree::new();
    for entry in tree {
        while folders
            .last()
            .is_some_and(|top| entry.path.below(&top.path).is_none())
        {
            folders.pop();
        }
        if link_target(&entry).is_some() || linked.contains(&entry.path) {
            insert_with(&mut with_links, &folders, entry)?;
            continue;
        }
        let size = estimate(&entry);
        if filled > 0 && filled + size > PART_LIMIT {
            runs.push(Tree::new());
            filled = 0;
        }
        if let Some(run) = runs.last_mut() {
            insert_with(run, &folders, entry.clone())?;
        }
        filled += size;
        if matches!(entry.kind, Kind::Dir) {
            folders.push(entry);
        }
    }
    if !with_links.is_empty() {
        runs.push(with_links);
    }
    Ok(runs
        .into_iter()
        .map(|run| run.into_iter().collect())
        .collect())
}

fn insert_with(run: &mut Tree, folders: &[Entry], entry: Entry) -> Result<()> {
    for folder in folders {
        if run.get(folder.path.as_bytes()).is_none() {
            run.insert(folder.clone())?;
        }
    }
    run.insert(entry)
}
