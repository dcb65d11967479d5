//! A locked commit as a tree: what is taken of it, at its place.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use archive::{Selection, link_problem};
use layer::{Entry, EntryPath, Tree};
use lock::{Git, ObjectId};
use store::{Fetcher, Store};

use crate::{
    Commit, Error, Result, clone,
    content::Blob,
    fetch::{Wanted, fetch},
    objects::Objects,
    walk::{Kind, Leaf, Met, walk},
};

/// How a pointer of Git LFS begins (git-lfs, spec.md), and the most that one has, in bytes.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
const LARGEST_POINTER: u64 = 1024;

/// The tree of a locked commit, fetched where the store has it not. Its files are read from the store
/// when they are asked for their bytes.
///
/// # Errors
/// See [`Error`]; a tree that is not the lock's is one, and a subfolder or exclusion that matches nothing.
pub fn tree(store: &Store, fetcher: &Fetcher, git: &Git) -> Result<Tree> {
    let shown = git.shown();
    let get = |name: &str, repository: &str, commit, tree| -> Result<Commit> {
        let wanted = Wanted {
            name,
            repository,
            commit,
        };
        let commit = fetch(store, fetcher, wanted)?;
        is_tree(&commit, tree)?;
        Ok(commit)
    };
    let commit = get(&shown, &git.repository, git.commit, git.tree)?;
    let walked = walk(&commit, &git.repository, &mut |met| {
        if git.no_submodules {
            return Ok(None);
        }
        let locked = locked(git, &met)?;
        let name = format!("{shown}, submodule {}", locked.path);
        let commit = get(&name, &locked.repository, locked.commit, locked.tree)?;
        Ok(Some((commit, locked.repository.clone())))
    })?;
    let clone = match git.keep_git {
        true => clone::files(store, git, &commit, &walked)?,
        false => Vec::new(),
    };
    let mut tree = build(git, walked.leaves)?;
    for entry in clone {
        tree.insert(entry).map_err(Box::new)?;
    }
    Ok(tree)
}

/// Whether a commit of `git`, or of a submodule in it, is neither in the store nor in its repository. A
/// repository that fails is taken to have it.
pub fn is_absent(store: &Store, fetcher: &Fetcher, git: &Git) -> bool {
    let submodules = git.submodules.iter().map(|submodule| submodule.commit);
    let mut commits = submodules.chain([git.commit]);
    if commits.all(|commit| store.repository(&commit).is_some()) {
        return false;
    }
    matches!(tree(store, fetcher, git), Err(Error::NoCommit { .. }))
}

/// The lock's entry of a submodule.
fn locked<'g>(git: &'g Git, met: &Met<'_>) -> Result<&'g lock::Submodule> {
    let path = met.path.to_string();
    let found = git.submodules.iter().find(|locked| locked.path == path);
    let problem = match found {
        Some(locked) if locked.commit == met.commit => return Ok(locked),
        Some(locked) => format!(
            "the lock has commit {}, the tree {}",
            locked.commit, met.commit
        ),
        None => "the lock does not have it: run `cargo xtask lock` again".to_owned(),
    };
    Err(Error::Submodule { path, problem })
}

fn is_tree(commit: &Commit, expected: ObjectId) -> Result<()> {
    match commit.tree == expected {
        true => Ok(()),
        false => Err(Error::Tree {
            commit: commit.id(),
            expected,
            found: commit.tree,
        }),
    }
}

fn build(git: &Git, leaves: Vec<Leaf>) -> Result<Tree> {
    let bad = |source| archive::Error::Path {
        path: git.to.clone(),
        source,
    };
    let to = EntryPath::from_absolute(&git.to).map_err(bad)?;
    let with_lfs = with_lfs(&leaves)?;
    let mut selection = Selection::new(&git.subfolder, &git.exclude)?;
    let mut taken = Vec::new();
    for leaf in leaves {
        if let Some(below) = selection.take(&leaf.path, leaf.kind == Kind::Empty) {
            taken.push((below, leaf));
        }
    }
    selection.finish(taken.is_empty())?;
    let sizes = sizes(&taken)?;
    let links = links(&taken)?;
    let mut tree = Tree::new();
    for (at, (below, leaf)) in taken.iter().enumerate() {
        let place = to.join(below);
        let entry = match leaf.kind {
            Kind::Empty => Entry::dir(place),
            Kind::Symlink => {
                let target = &links[below];
                if let Some(problem) = link_problem(&links, below, target) {
                    return Err(Error::Selection(archive::Error::Leads {
                        entry: leaf.path.to_string(),
                        target: String::from_utf8_lossy(target).into_owned(),
                        problem,
                    }));
                }
                Entry::symlink(place, target.clone())
            }
            Kind::File { executable } => {
                let (objects, object, size) = (leaf.objects.clone(), leaf.object, sizes[at]);
                if size <= LARGEST_POINTER
                    && with_lfs.contains(&objects.commit())
                    && objects.read(object, "blob")?.starts_with(POINTER)
                {
                    return Err(Error::Lfs {
                        path: leaf.path.to_string(),
                    });
                }
                let blob = Blob {
                    objects,
                    object,
                    size,
                };
                Entry::file(place, Arc::new(blob), executable)
            }
        };
        tree.insert(entry).map_err(Box::new)?;
    }
    Ok(tree)
}

/// The commits in which a `.gitattributes` gives files to Git LFS.
fn with_lfs(leaves: &[Leaf]) -> Result<BTreeSet<ObjectId>> {
    let mut with = BTreeSet::new();
    for leaf in leaves {
        let commit = leaf.objects.commit();
        if leaf.path.file_name() == b".gitattributes"
            && matches!(leaf.kind, Kind::File { .. })
            && !with.contains(&commit)
        {
            let text = leaf.objects.read(leaf.object, "blob")?;
            if String::from_utf8_lossy(&text).contains("filter=lfs") {
                with.insert(commit);
            }
        }
    }
    Ok(with)
}

/// The sizes of files, in the order of what is taken; 0 for what is no file.
fn sizes(taken: &[(EntryPath, Leaf)]) -> Result<Vec<u64>> {
    let mut of: BTreeMap<ObjectId, (Arc<Objects>, Vec<usize>)> = BTreeMap::new();
    for (at, (_, leaf)) in taken.iter().enumerate() {
        if matches!(leaf.kind, Kind::File { .. }) {
            let entry = of.entry(leaf.objects.commit());
            let (_, places) = entry.or_insert_with(|| (leaf.objects.clone(), Vec::new()));
            places.push(at);
        }
    }
    let mut sizes = vec![0; taken.len()];
    for (objects, places) in of.values() {
        let ids: Vec<ObjectId> = places.iter().map(|at| taken[*at].1.object).collect();
        for (at, size) in places.iter().zip(objects.sizes(&ids)?) {
            sizes[*at] = size;
        }
    }
    Ok(sizes)
}

/// The targets of symbolic links, by path.
fn links(taken: &[(EntryPath, Leaf)]) -> Result<BTreeMap<EntryPath, Vec<u8>>> {
    let links = taken.iter().filter(|(_, leaf)| leaf.kind == Kind::Symlink);
    links
        .map(|(below, leaf)| Ok((below.clone(), leaf.objects.read(leaf.object, "blob")?)))
        .collect()
}
