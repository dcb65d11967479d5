//! A tar as a tree. A tar is read from its beginning to its end, once: the files that are wanted
//! are written one after another into a file without a name, and their contents read from it.

use std::{
    collections::{BTreeMap, btree_map},
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use layer::{Content, Entry, EntryPath, FileContent, Tree};
use lock::Source;
use store::Store;

use crate::{
    Error, Result, links,
    members::{Member, MemberKind, Members},
    selection::{Selection, bad_path},
};

/// What a path of the archive is. Hard links are resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Dir,
    /// A regular file, by its number among the archive's.
    File(usize),
    Symlink(Vec<u8>),
}

impl Named {
    fn word(&self) -> &'static str {
        match self {
            Self::Dir => "folder",
            Self::File(_) => "file",
            Self::Symlink(_) => "symbolic link",
        }
    }
}

/// A regular file of the archive.
#[derive(Debug)]
struct Stored {
    size: u64,
    executable: bool,
    /// Where it begins in the spool, in bytes, if it was wanted.
    offset: Option<u64>,
}

pub(crate) fn tree(source: &Source, path: &Path, to: &EntryPath, store: &Store) -> Result<Tree> {
    let mut reading = Reading {
        selection: Selection::new(&source.subfolder, &source.exclude)?,
        spool: Spool {
            file: Arc::new(store.unnamed_file()?),
            end: 0,
        },
        files: Vec::new(),
        names: BTreeMap::new(),
        wanted: BTreeMap::new(),
    };
    reading.scan(path)?;
    reading.selection.finish(reading.wanted.is_empty())?;
    reading.fetch_linked(path)?;
    reading.spool.finish()?;
    reading.into_tree(to)
}

struct Reading<'s> {
    selection: Selection<'s>,
    spool: Spool,
    /// The archive's regular files, in its order.
    files: Vec<Stored>,
    /// All of the archive's paths, for hard links.
    names: BTreeMap<EntryPath, Named>,
    /// What the tree will have, by path in it.
    wanted: BTreeMap<EntryPath, Named>,
}

impl Reading<'_> {
    fn scan(&mut self, path: &Path) -> Result<()> {
        let mut members = Members::open(path)?;
        while let Some(member) = members.next()? {
            let shown = String::from_utf8_lossy(&member.name).into_owned();
            let is_dir = matches!(member.kind, MemberKind::Dir);
            if is_dir && matches!(member.name.as_slice(), b"." | b"./") {
                continue;
            }
            let at = EntryPath::new(&member.name).map_err(bad_path(&shown))?;
            let below = self.selection.take(&at, is_dir);
            let named = match &member.kind {
                MemberKind::Dir => Named::Dir,
                MemberKind::Symlink(target) => Named::Symlink(target.clone()),
                MemberKind::Hardlink(target) => self.linked(&shown, target)?,
                MemberKind::File => {
                    let offset = match below {
                        Some(_) => Some(self.spool.take(&mut members, &member)?),
                        None => None,
                    };
                    self.files.push(Stored {
                        size: member.size,
                        executable: member.executable,
                        offset,
                    });
                    Named::File(self.files.len() - 1)
                }
                MemberKind::Other(kind) if below.is_some() => {
                    let kind = kind.clone();
                    return Err(Error::Kind { entry: shown, kind });
                }
                MemberKind::Other(_) => continue,
            };
            if let Some(below) = below {
                self.want(&shown, below, named.clone())?;
            }
            // As for whoever unpacks it, a hard link means what the path is when the link comes.
            self.names.insert(at, named);
        }
        Ok(())
    }

    /// What a hard link is another name of.
    fn linked(&self, shown: &str, target: &[u8]) -> Result<Named> {
        let found = EntryPath::new(target)
            .ok()
            .and_then(|target| self.names.get(&target).cloned());
        match found {
            Some(named @ (Named::File(_) | Named::Symlink(_))) => Ok(named),
            _ => Err(Error::HardLink {
                entry: shown.to_owned(),
                target: String::from_utf8_lossy(target).into_owned(),
            }),
        }
    }

    fn want(&mut self, shown: &str, below: EntryPath, named: Named) -> Result<()> {
        let first = match self.wanted.entry(below) {
            btree_map::Entry::Vacant(slot) => {
                slot.insert(named);
                return Ok(());
            }
            btree_map::Entry::Occupied(slot) => slot.get().clone(),
        };
        if first == named {
            return Ok(());
        }
        let (mut first_word, mut word) = (first.word(), named.word());
        if let (Named::File(one), Named::File(other)) = (&first, &named) {
            let (one, other) = (&self.files[*one], &self.files[*other]);
            if one.executable == other.executable && self.spool.same(one, other)? {
                return Ok(());
            }
            (first_word, word) = ("a file", "one with other bytes or another mode");
        } else if first_word == word {
            (first_word, word) = ("a symbolic link", "one to another target");
        }
        Err(Error::Duplicate {
            entry: shown.to_owned(),
            first: first_word.to_owned(),
            second: word.to_owned(),
        })
    }

    /// Reads the archive again for files that are taken only through a hard link.
    fn fetch_linked(&mut self, path: &Path) -> Result<()> {
        let mut missing = std::collections::BTreeSet::new();
        for named in self.wanted.values() {
            if let Named::File(number) = named
                && self.files[*number].offset.is_none()
            {
                missing.insert(*number);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let mut members = Members::open(path)?;
        let mut number = 0;
        while let Some(member) = members.next()? {
            if matches!(member.kind, MemberKind::File) {
                if missing.contains(&number) {
                    self.files[number].offset = Some(self.spool.take(&mut members, &member)?);
                }
                number += 1;
            }
        }
        Ok(())
    }

    fn into_tree(self, to: &EntryPath) -> Result<Tree> {
        let links: BTreeMap<EntryPath, Vec<u8>> = self
            .wanted
            .iter()
            .filter_map(|(at, named)| match named {
                Named::Symlink(target) => Some((at.clone(), target.clone())),
                _ => None,
            })
            .collect();
        let mut tree = Tree::new();
        // The first name by path is the file, whatever the archive's order: so the file comes
        // before its links in the layer.
        let mut places: BTreeMap<usize, EntryPath> = BTreeMap::new();
        for (at, named) in &self.wanted {
            self.check_parents(at)?;
            let place = to.join(at);
            let entry = match named {
                Named::Dir => Entry::dir(place),
                Named::Symlink(target) => {
                    if let Some(problem) = links::wrong(&links, at, target) {
                        return Err(Error::Leads {
                            entry: self.selection.in_archive(at).to_string(),
                            target: String::from_utf8_lossy(target).into_owned(),
                            problem,
                        });
                    }
                    Entry::symlink(place, target.clone())
                }
                Named::File(number) => {
                    let file = &self.files[*number];
                    match places.get(number) {
                        Some(first) => Entry::hardlink(place, first.clone(), file.executable),
                        None => {
                            places.insert(*number, place.clone());
                            Entry::file(place, self.spool.content(file), file.executable)
                        }
                    }
                }
            };
            tree.insert(entry).map_err(Box::new)?;
        }
        Ok(tree)
    }

    /// No entry lies below a file or a link.
    fn check_parents(&self, at: &EntryPath) -> Result<()> {
        let mut parent = at.parent();
        while let Some(path) = parent {
            match self.wanted.get(&path) {
                None | Some(Named::Dir) => parent = path.parent(),
                Some(other) => {
                    return Err(Error::NotAFolder {
                        entry: self.selection.in_archive(at).to_string(),
                        parent: self.selection.in_archive(&path).to_string(),
                        kind: other.word(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// The wanted files, one after another. Holes stay holes.
struct Spool {
    file: Arc<File>,
    end: u64,
}

impl Spool {
    /// Writes the member's data and gives its offset.
    fn take(&mut self, members: &mut Members, member: &Member) -> Result<u64> {
        let offset = self.end;
        let end = offset.saturating_add(member.size);
        members.allow(end)?;
        let file = &self.file;
        members.data(member, &mut |at, bytes| {
            file.write_all_at(bytes, offset + at).map_err(spool_error)
        })?;
        self.end = end;
        Ok(offset)
    }

    /// The last file may end with a hole.
    fn finish(&self) -> Result<()> {
        self.file.set_len(self.end).map_err(spool_error)
    }

    fn content(&self, file: &Stored) -> Arc<dyn Content> {
        let offset = file.offset.unwrap_or_default();
        Arc::new(FileContent::of_open(self.file.clone(), offset, file.size))
    }

    /// Whether two files have the same bytes, both being here.
    fn same(&self, one: &Stored, other: &Stored) -> Result<bool> {
        let (Some(at), Some(other_at)) = (one.offset, other.offset) else {
            return Ok(false);
        };
        if one.size != other.size {
            return Ok(false);
        }
        self.finish()?;
        let mut buffers = [vec![0; 64 << 10], vec![0; 64 << 10]];
        let mut done = 0;
        while done < one.size {
            let want = (one.size - done).min(64 << 10) as usize;
            for (buffer, at) in buffers.iter_mut().zip([at, other_at]) {
                self.file
                    .read_exact_at(&mut buffer[..want], at + done)
                    .map_err(spool_error)?;
            }
            if buffers[0][..want] != buffers[1][..want] {
                return Ok(false);
            }
            done += want as u64;
        }
        Ok(true)
    }
}

fn spool_error(source: std::io::Error) -> Error {
    Error::Io {
        path: "unpacked files of the archive, in the store".to_owned(),
        source,
    }
}
