//! A file tree in memory: entries by path, without their bytes.

use std::{
    collections::{BTreeMap, btree_map},
    sync::Arc,
};

use crate::{Content, EntryPath, Error, Result};

/// One file, folder or link of a layer.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stands.
    pub path: EntryPath,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with setuid, setgid and sticky: at most `0o7777`.
    pub mode: u32,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Extended attributes, such as `security.capability`.
    pub xattrs: BTreeMap<String, Vec<u8>>,
    /// The package that brought it, for messages and the part's index; not for the tar.
    pub package: Option<Arc<str>>,
}

/// What an entry is. Device nodes, fifos and sockets have no place in a layer.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A folder.
    Dir,
    /// A regular file.
    File(Arc<dyn Content>),
    /// A symbolic link and its target, as it is written.
    Symlink(Vec<u8>),
    /// Another name of the regular file at this path.
    Hardlink(EntryPath),
}

impl Kind {
    /// The word for it in messages.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Dir => "folder",
            Self::File(_) => "file",
            Self::Symlink(_) => "symbolic link",
            Self::Hardlink(_) => "hard link",
        }
    }
}

impl Entry {
    fn plain(path: EntryPath, kind: Kind, mode: u32) -> Self {
        Self {
            path,
            kind,
            mode,
            uid: 0,
            gid: 0,
            xattrs: BTreeMap::new(),
            package: None,
        }
    }

    /// A folder, 0755, root's.
    pub fn dir(path: EntryPath) -> Self {
        Self::plain(path, Kind::Dir, 0o755)
    }

    /// A regular file, root's: 0755 where it is executable, else 0644.
    pub fn file(path: EntryPath, content: Arc<dyn Content>, executable: bool) -> Self {
        Self::plain(
            path,
            Kind::File(content),
            if executable { 0o755 } else { 0o644 },
        )
    }

    /// A symbolic link, root's.
    pub fn symlink(path: EntryPath, target: impl Into<Vec<u8>>) -> Self {
        Self::plain(path, Kind::Symlink(target.into()), 0o777)
    }

    /// The same entry, brought by this package.
    #[must_use]
    pub fn of_package(mut self, package: &Arc<str>) -> Self {
        self.package = Some(package.clone());
        self
    }

    /// Another name of the file at `target`, with that file's executable bit.
    pub fn hardlink(path: EntryPath, target: EntryPath, executable: bool) -> Self {
        let mode = if executable { 0o755 } else { 0o644 };
        Self::plain(path, Kind::Hardlink(target), mode)
    }

    /// The same entry with another mode.
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }
}

/// A file tree: every path once, every parent a folder. Iterates in the order of a layer.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    entries: BTreeMap<EntryPath, Entry>,
}

impl Tree {
    /// An empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry, and parents that are not there yet (0755, root's).
    ///
    /// A folder that is there already is replaced by the folder given: so its own mode wins over
    /// that of a parent made in passing.
    ///
    /// # Errors
    /// [`Error::DuplicatePath`] for any other path that is there already,
    /// [`Error::NotAFolder`] when a parent is not a folder.
    pub fn insert(&mut self, entry: Entry) -> Result<()> {
        let mut parent = entry.path.parent();
        while let Some(path) = parent {
            match self.entries.get(&path) {
                Some(Entry {
                    kind: Kind::Dir, ..
                }) => break,
                Some(other) => {
                    let path = entry.path.to_string();
                    let parent = other.path.to_string();
                    return Err(Error::NotAFolder {
                        path,
                        parent,
                        kind: other.kind.word(),
                    });
                }
                None => {
                    parent = path.parent();
                    self.entries.insert(path.clone(), Entry::dir(path));
                }
            }
        }
        match self.entries.entry(entry.path.clone()) {
            btree_map::Entry::Vacant(slot) => {
                slot.insert(entry);
            }
            btree_map::Entry::Occupied(mut slot) => {
                match (&slot.get().kind, &entry.kind) {
                    (Kind::Dir, Kind::Dir) => slot.insert(entry),
                    _ => {
                        return Err(Error::DuplicatePath {
                            path: entry.path.to_string(),
                        });
                    }
                };
            }
        }
        Ok(())
    }

    /// The entry at `path`.
    pub fn get(&self, path: &[u8]) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Takes an entry out. Its parents stay.
    pub fn remove(&mut self, path: &[u8]) -> Option<Entry> {
        self.entries.remove(path)
    }

    /// The entries, by path.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// How many entries there are, folders included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl IntoIterator for Tree {
    type Item = Entry;
    type IntoIter = btree_map::IntoValues<EntryPath, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> EntryPath {
        EntryPath::new(text).unwrap()
    }

    fn file(text: &str) -> Entry {
        Entry::file(path(text), Arc::new(Vec::new()), false)
    }

    #[test]
    fn parents_come_once_and_first() {
        let mut tree = Tree::new();
        tree.insert(file("a/b/c")).unwrap();
        tree.insert(Entry::dir(path("a")).with_mode(0o1777))
            .unwrap();
        tree.insert(file("a.b")).unwrap();
        let paths: Vec<_> = tree.iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(paths, ["a", "a.b", "a/b", "a/b/c"]);
        assert_eq!(tree.get(b"a").unwrap().mode, 0o1777);
    }

    #[test]
    fn refuses_duplicates_and_files_in_place_of_folders() {
        let mut tree = Tree::new();
        tree.insert(file("a/b")).unwrap();
        assert!(matches!(
            tree.insert(file("a/b")),
            Err(Error::DuplicatePath { .. })
        ));
        assert!(matches!(
            tree.insert(Entry::dir(path("a/b"))),
            Err(Error::DuplicatePath { .. })
        ));
        assert!(matches!(
            tree.insert(file("a/b/c")),
            Err(Error::NotAFolder { .. })
        ));
    }
}
