//! The files of a commit, out of its tree objects (gitformat-pack(5) calls them trees; their form:
//! mode, space, name, NUL, 20 bytes; again for the next).

use std::{collections::BTreeSet, sync::Arc};

use layer::EntryPath;
use lock::ObjectId;

use crate::{Commit, Error, Result, objects::Objects};

const MOST_ENTRIES: usize = 1 << 20;
const MOST_SUBMODULES: usize = 256;
/// The most that the folders on one path may hold in memory, in bytes.
const MOST_HELD: usize = 256 << 20;
/// Folders and submodules in each other.
const DEEPEST: usize = 256;

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File {
        executable: bool,
    },
    Symlink,
    /// A submodule that is left out.
    Empty,
}

/// A file of a commit.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) path: EntryPath,
    pub(crate) kind: Kind,
    pub(crate) object: ObjectId,
    pub(crate) objects: Arc<Objects>,
}

/// The repository that a path lies in.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) commit: Commit,
    pub(crate) address: String,
    /// Where it stands in the outermost one.
    at: Option<EntryPath>,
}

/// A submodule as it is met.
pub(crate) struct Met<'m> {
    /// Its path in the outermost repository.
    pub(crate) path: &'m EntryPath,
    /// Its path in the repository that it is a submodule of.
    pub(crate) below: &'m EntryPath,
    pub(crate) commit: ObjectId,
    pub(crate) outer: &'m Repository,
}

/// Says what a submodule is: its commit and address, or nothing where it is left out.
pub(crate) type Submodules<'s> = dyn FnMut(Met<'_>) -> Result<Option<(Commit, String)>> + 's;

/// What a commit has.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// All its files, and those of its submodules.
    pub(crate) leaves: Vec<Leaf>,
    /// Its own tree objects, each once.
    pub(crate) trees: BTreeSet<ObjectId>,
    /// Its own submodules: path and commit.
    pub(crate) gitlinks: Vec<(EntryPath, ObjectId)>,
}

/// All of a commit and of its submodules.
pub(crate) fn walk(
    commit: &Commit,
    address: &str,
    submodules: &mut Submodules<'_>,
) -> Result<Walked> {
    let mut walking = Walking {
        found: Walked::default(),
        outermost: commit.id(),
        count: 0,
        held: 0,
        links: 0,
        submodules,
    };
    let repository = Repository {
        commit: commit.clone(),
        address: address.to_owned(),
        at: None,
    };
    walking.folder(&repository, commit.tree, None, 0)?;
    Ok(walking.found)
}

struct Walking<'w, 's> {
    found: Walked,
    outermost: ObjectId,
    count: usize,
    held: usize,
    links: usize,
    submodules: &'w mut Submodules<'s>,
}

impl Walking<'_, '_> {
    fn folder(
        &mut self,
        repository: &Repository,
        tree: ObjectId,
        at: Option<&EntryPath>,
        depth: usize,
    ) -> Result<()> {
        if depth > DEEPEST {
            return Err(self.too_many(DEEPEST, "folders in each other"));
        }
        let objects = &repository.commit.objects;
        let bytes = objects.read(tree, "tree")?;
        if repository.at.is_none() {
            self.found.trees.insert(tree);
        }
        self.held += bytes.len();
        if self.held > MOST_HELD {
            return Err(self.too_many(MOST_HELD, "bytes in folders in each other"));
        }
        let wrong = |problem: &str| Error::Object {
            object: tree,
            problem: problem.to_owned(),
        };
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (mode, name, object) = entry(&mut rest).ok_or_else(|| wrong("it is cut off"))?;
            let shown = String::from_utf8_lossy(name).into_owned();
            // git itself makes no such name; with one, a file could pass for the repository.
            if name.contains(&b'/') || name.eq_ignore_ascii_case(b".git") {
                return Err(wrong(&format!("it has an entry named {shown:?}")));
            }
            self.count += 1;
            if self.count > MOST_ENTRIES {
                return Err(self.too_many(MOST_ENTRIES, "entries"));
            }
            let name = EntryPath::new(name).map_err(|source| archive::Error::Path {
                path: shown,
                source,
            })?;
            let path = at.map_or_else(|| name.clone(), |folder| folder.join(&name));
            let kind = match mode {
                b"40000" | b"040000" => {
                    self.folder(repository, object, Some(&path), depth + 1)?;
                    continue;
                }
                b"160000" => {
                    self.submodule(repository, object, &path, depth)?;
                    continue;
                }
                b"120000" => Kind::Symlink,
                // 100664 was written by very old gits.
                b"100644" | b"100664" => Kind::File { executable: false },
                b"100755" => Kind::File { executable: true },
                other => {
                    let mode = String::from_utf8_lossy(other);
                    return Err(wrong(&format!("{path} has the mode {mode:?}")));
                }
            };
            let objects = objects.clone();
            self.found.leaves.push(Leaf {
                path,
                kind,
                object,
                objects,
            });
        }
        self.held -= bytes.len();
        Ok(())
    }

    fn submodule(
        &mut self,
        outer: &Repository,
        commit: ObjectId,
        path: &EntryPath,
        depth: usize,
    ) -> Result<()> {
        self.links += 1;
        if self.links > MOST_SUBMODULES {
            return Err(self.too_many(MOST_SUBMODULES, "submodules"));
        }
        if outer.at.is_none() {
            self.found.gitlinks.push((path.clone(), commit));
        }
        let inside = outer.at.as_ref().and_then(|at| path.below(at));
        let met = Met {
            path,
            below: inside.as_ref().unwrap_or(path),
            commit,
            outer,
        };
        match (self.submodules)(met)? {
            Some((commit, address)) => {
                let tree = commit.tree;
                let repository = Repository {
                    commit,
                    address,
                    at: Some(path.clone()),
                };
                self.folder(&repository, tree, Some(path), depth + 1)
            }
            None => {
                self.found.leaves.push(Leaf {
                    path: path.clone(),
                    kind: Kind::Empty,
                    object: commit,
                    objects: outer.commit.objects.clone(),
                });
                Ok(())
            }
        }
    }

    fn too_many(&self, limit: usize, what: &'static str) -> Error {
        Error::TooMany {
            commit: self.outermost,
            limit,
            what,
        }
    }
}

/// Takes the next entry of a tree: mode, name, object.
fn entry<'t>(rest: &mut &'t [u8]) -> Option<(&'t [u8], &'t [u8], ObjectId)> {
    let space = rest.iter().position(|byte| *byte == b' ')?;
    let (mode, after) = (&rest[..space], &rest[space + 1..]);
    let nul = after.iter().position(|byte| *byte == 0)?;
    let (name, after) = (&after[..nul], &after[nul + 1..]);
    let (object, after) = after.split_first_chunk::<20>()?;
    *rest = after;
    Some((mode, name, ObjectId(*object)))
}
