//! What a configured root holds, as the image is to see it: owners and modes that the files on
//! disk do not have, since those are all the caller's own. Kept in the store beside the root.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use layer::{Entry, EntryPath, FileContent, Kind};
use rayon::prelude::*;
use sandbox::Listed;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, error::io as io_error};

/// All entries, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) entries: Vec<Kept>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) path: Text,
    pub(crate) mode: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) uid: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) gid: u32,
    pub(crate) is: Is,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) xattrs: BTreeMap<String, Vec<u8>>,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Is {
    /// A folder.
    Dir,
    /// A file of that many bytes.
    File(u64),
    /// A symbolic link to there.
    Symlink(Text),
    /// Another name of the file at that path.
    Hardlink(Text),
}

/// Bytes, readable in JSON where they are UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl Text {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// As a path on the host, relative.
    pub(crate) fn as_path(&self) -> &Path {
        use std::os::unix::ffi::OsStrExt;
        Path::new(std::ffi::OsStr::from_bytes(self.as_bytes()))
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The attribute of file capabilities (capabilities(7)).
const CAPABILITY: &str = "security.capability";

/// Extended attributes, by path. To be read before owners are changed, which takes them away.
pub(crate) type Xattrs = HashMap<Vec<u8>, Vec<u8>>;

/// Reads the capabilities of all files that may be run.
pub(crate) fn capabilities(root: &Path, listed: &[Listed]) -> Result<Xattrs> {
    use rustix::io::Errno;
    use std::os::unix::ffi::OsStrExt;
    let mut found = Xattrs::new();
    for listed in listed
        .iter()
        .filter(|listed| listed.kind == 'f' && listed.mode & 0o111 != 0)
    {
        let path = root.join(std::ffi::OsStr::from_bytes(&listed.path));
        let mut value = [0; 64];
        match rustix::fs::lgetxattr(&path, CAPABILITY, &mut value) {
            Ok(size) => {
                found.insert(listed.path.clone(), version_2(&value[..size]));
            }
            // A folder that is another's has nothing that runs with capabilities for all.
            Err(Errno::NODATA | Errno::NOTSUP | Errno::ACCESS) => {}
            Err(error) => return Err(io_error(path)(error.into())),
        }
    }
    Ok(found)
}

/// In a user namespace the kernel writes version 3, with the number of the namespace's root; in an
/// image it is version 2, without (`linux/capability.h`).
fn version_2(value: &[u8]) -> Vec<u8> {
    const REVISION: u32 = 0xff00_0000;
    match value
        .first_chunk::<4>()
        .map(|word| u32::from_le_bytes(*word))
    {
        Some(magic) if magic & REVISION == 0x0300_0000 && value.len() == 24 => {
            let magic = magic & !REVISION | 0x0200_0000;
            [&magic.to_le_bytes(), &value[4..20]].concat()
        }
        _ => value.to_vec(),
    }
}

impl Record {
    /// From a listing, sorted by path, that has been cleaned.
    pub(crate) fn new(listed: Vec<Listed>, mut xattrs: Xattrs) -> Result<Self> {
        let mut linked: HashMap<u64, Text> = HashMap::new();
        let mut entries = Vec::with_capacity(listed.len());
        for listed in listed {
            let path = Text::from(listed.path);
            let is = match listed.kind {
                'd' => Is::Dir,
                'l' => Is::Symlink(listed.target.into()),
                'f' if listed.nlink > 1 => match linked.get(&listed.inode) {
                    Some(first) => Is::Hardlink(first.clone()),
                    None => {
                        linked.insert(listed.inode, path.clone());
                        Is::File(listed.size)
                    }
                },
                'f' => Is::File(listed.size),
                other => {
                    let path = String::from_utf8_lossy(path.as_bytes()).into_owned();
                    let problem = format!(
                        "expected a file, folder or link, found the type {other:?} of find(1)"
                    );
                    return Err(Error::Root { path, problem });
                }
            };
            let attributes = xattrs.remove(path.as_bytes());
            entries.push(Kept {
                mode: if matches!(is, Is::Symlink(_)) {
                    0o777
                } else {
                    listed.mode
                },
                uid: listed.uid,
                gid: listed.gid,
                is,
                xattrs: attributes
                    .map(|value| (CAPABILITY.to_owned(), value))
                    .into_iter()
                    .collect(),
                path,
            });
        }
        Ok(Self { entries })
    }

    fn by_path(&self) -> BTreeMap<&[u8], &Kept> {
        self.entries
            .iter()
            .map(|kept| (kept.path.as_bytes(), kept))
            .collect()
    }

    /// Takes over the attributes of files that a copy has lost.
    pub(crate) fn restore_xattrs(&mut self, root: &Path, lower: &Self, below: &Path) -> Result<()> {
        let known = lower.by_path();
        for kept in self
            .entries
            .iter_mut()
            .filter(|kept| kept.xattrs.is_empty())
        {
            if let Some(old) = known
                .get(kept.path.as_bytes())
                .filter(|old| !old.xattrs.is_empty())
                && old.is == kept.is
                && same_bytes(
                    &root.join(kept.path.as_path()),
                    &below.join(old.path.as_path()),
                )?
            {
                kept.xattrs = old.xattrs.clone();
            }
        }
        Ok(())
    }

    /// The whole of it as a tree.
    pub(crate) fn tree(&self, root: &Path) -> Result<layer::Tree> {
        let mut tree = layer::Tree::new();
        for kept in &self.entries {
            tree.insert(kept.entry(root)?)?;
        }
        Ok(tree)
    }

    /// What it adds to and changes in `lower`, whose files lie in `below`. What is gone becomes a
    /// whiteout (OCI image layer specification). Folders on the way are repeated as they are.
    pub(crate) fn difference(
        &self,
        root: &Path,
        lower: &Self,
        below: &Path,
        cx: &layer::Context,
    ) -> Result<layer::Tree> {
        let old = lower.by_path();
        let new = self.by_path();
        let changed = cx.install(|| {
            self.entries
                .par_iter()
                .map(|kept| match old.get(kept.path.as_bytes()) {
                    Some(old) if kept == *old => match kept.is {
                        Is::File(_) => {
                            let path = kept.path.as_path();
                            same_bytes(&root.join(path), &below.join(path)).map(|same| !same)
                        }
                        _ => Ok(false),
                    },
                    _ => Ok(true),
                })
                .collect::<Result<Vec<bool>>>()
        })?;
        let mut wanted: BTreeMap<&[u8], &Kept> = BTreeMap::new();
        for (kept, changed) in self.entries.iter().zip(&changed) {
            if *changed {
                wanted.insert(kept.path.as_bytes(), kept);
            }
        }
        // All names of one file come together.
        let first = |kept: &Kept| match &kept.is {
            Is::Hardlink(first) => first.clone(),
            _ => kept.path.clone(),
        };
        let groups: std::collections::BTreeSet<Text> =
            wanted.values().map(|kept| first(kept)).collect();
        for kept in &self.entries {
            if matches!(kept.is, Is::File(_) | Is::Hardlink(_)) && groups.contains(&first(kept)) {
                wanted.insert(kept.path.as_bytes(), kept);
            }
        }
        let mut tree = layer::Tree::new();
        let insert = |tree: &mut layer::Tree, entry: Entry| -> Result<()> {
            let mut parent = entry.path.parent();
            while let Some(path) = parent.filter(|path| tree.get(path.as_bytes()).is_none()) {
                if let Some(folder) = new.get(path.as_bytes()) {
                    tree.insert(folder.entry(root)?)?;
                }
                parent = path.parent();
            }
            Ok(tree.insert(entry)?)
        };
        for kept in wanted.values() {
            insert(&mut tree, kept.entry(root)?)?;
        }
        for kept in lower
            .entries
            .iter()
            .filter(|kept| !new.contains_key(kept.path.as_bytes()))
        {
            let path = kept.entry_path()?;
            // Below a folder that is gone itself nothing more is to be said.
            let stands = path.parent().is_none_or(|parent| {
                new.get(parent.as_bytes())
                    .is_some_and(|parent| parent.is == Is::Dir)
            });
            if stands {
                let name = [b".wh.", path.file_name()].concat();
                let name = EntryPath::new(name).map_err(|error| kept.bad(error))?;
                let path = path
                    .parent()
                    .map_or_else(|| name.clone(), |parent| parent.join(&name));
                insert(
                    &mut tree,
                    Entry::file(path, std::sync::Arc::new(Vec::new()), false),
                )?;
            }
        }
        Ok(tree)
    }
}

impl Kept {
    fn bad(&self, problem: impl ToString) -> Error {
        let path = String::from_utf8_lossy(self.path.as_bytes()).into_owned();
        Error::Root {
            path,
            problem: problem.to_string(),
        }
    }

    fn entry_path(&self) -> Result<EntryPath> {
        EntryPath::new(self.path.as_bytes()).map_err(|error| self.bad(error))
    }

    fn entry(&self, root: &Path) -> Result<Entry> {
        let path = self.entry_path()?;
        let kind = match &self.is {
            Is::Dir => Kind::Dir,
            Is::File(size) => {
                let content = FileContent::whole(root.join(path.as_path()), *size);
                Kind::File(std::sync::Arc::new(content))
            }
            Is::Symlink(target) => Kind::Symlink(target.as_bytes().to_vec()),
            Is::Hardlink(first) => {
                Kind::Hardlink(EntryPath::new(first.as_bytes()).map_err(|error| self.bad(error))?)
            }
        };
        Ok(Entry {
            path,
            kind,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            xattrs: self.xattrs.clone(),
            package: None,
        })
    }
}

/// Whether two files hold the same bytes.
fn same_bytes(one: &Path, other: &Path) -> Result<bool> {
    use std::io::Read;
    let open = |path: &Path| std::fs::File::open(path).map_err(io_error(path));
    let (mut a, mut b) = (open(one)?, open(other)?);
    let mut buffers = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let read = a.read(&mut buffers.0).map_err(io_error(one))?;
        if read == 0 {
            return Ok(b.read(&mut buffers.1[..1]).map_err(io_error(other))? == 0);
        }
        match b.read_exact(&mut buffers.1[..read]) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(io_error(other)(error)),
        }
        if buffers.0[..read] != buffers.1[..read] {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::context;

    fn kept(path: &str, mode: u32, is: Is) -> Kept {
        let path = Text::from(path.as_bytes().to_vec());
        Kept {
            path,
            mode,
            uid: 0,
            gid: 0,
            is,
            xattrs: BTreeMap::new(),
        }
    }

    fn text(text: &str) -> Text {
        Text::from(text.as_bytes().to_vec())
    }

    /// A root and its record; files have the paths' own text.
    fn root(folder: &Path, entries: Vec<Kept>) -> Record {
        for kept in &entries {
            let path = folder.join(kept.path.as_path());
            match &kept.is {
                Is::Dir => fs::create_dir_all(path).unwrap(),
                Is::File(_) => fs::write(path, "1234").unwrap(),
                _ => {}
            }
        }
        Record { entries }
    }

    #[test]
    fn the_difference_is_what_changed() {
        let folder = tempfile::tempdir().unwrap();
        let cx = context(folder.path());
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        let lower = root(
            &old,
            vec![
                kept("gone", 0o755, Is::Dir),
                kept("gone/f", 0o644, Is::File(4)),
                kept("same", 0o700, Is::Dir),
                kept("same/a", 0o644, Is::File(4)),
                kept("same/b", 0o644, Is::File(4)),
                kept("same/link", 0o644, Is::Hardlink(text("same/b"))),
                kept("same/removed", 0o644, Is::File(4)),
                kept("turned", 0o755, Is::Dir),
                kept("turned/f", 0o644, Is::File(4)),
            ],
        );
        let upper = root(
            &new,
            vec![
                kept("same", 0o700, Is::Dir),
                kept("same/a", 0o644, Is::File(4)),
                kept("same/b", 0o644, Is::File(4)),
                kept("same/link", 0o600, Is::Hardlink(text("same/b"))),
                kept("turned", 0o777, Is::Symlink(text("same"))),
            ],
        );
        let told = |upper: &Record| -> Vec<String> {
            let tree = upper.difference(&new, &lower, &old, &cx).unwrap();
            tree.iter()
                .map(|entry| format!("{} {:o}", entry.path, entry.mode))
                .collect()
        };
        assert_eq!(
            told(&upper),
            [
                ".wh.gone 644",
                "same 700",
                "same/.wh.removed 644",
                "same/b 644",
                "same/link 600",
                "turned 777"
            ]
        );
        // The same size, other bytes.
        fs::write(new.join("same/a"), "4321").unwrap();
        assert!(told(&upper).contains(&"same/a 644".to_owned()));
    }

    #[test]
    fn json_keeps_every_name() {
        let entries = vec![
            kept("a", 0o4755, Is::File(7)),
            Kept {
                path: Text::from(b"\xff".to_vec()),
                ..kept("", 0o777, Is::Symlink(text("a")))
            },
            Kept {
                uid: 42,
                ..kept("b", 0o755, Is::Dir)
            },
        ];
        let record = Record { entries };
        let json = serde_json::to_string(&record).unwrap();
        assert!(
            json.contains(r#"{"path":"a","mode":2541,"is":{"file":7}}"#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Record>(&json).unwrap(), record);
    }

    #[test]
    fn names_of_one_inode_are_links_and_devices_are_refused() {
        let listed = |path: &str, kind, inode| Listed {
            path: path.into(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            inode,
            nlink: 2,
            size: 4,
            target: Vec::new(),
        };
        let all = vec![
            listed("a", 'f', 7),
            listed("b", 'f', 8),
            listed("c", 'f', 7),
        ];
        let record = Record::new(all, Xattrs::new()).unwrap();
        assert_eq!(record.entries[2].is, Is::Hardlink(text("a")));
        let error = Record::new(vec![listed("pipe", 'p', 1)], Xattrs::new()).unwrap_err();
        assert!(
            error.to_string().starts_with("pipe: expected a file"),
            "{error}"
        );
    }

    #[test]
    fn capabilities_lose_their_namespace() {
        let bits = [0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let v3 = [&[1, 0, 0, 3][..], &bits, &[0xa0, 0x86, 1, 0]].concat();
        let v2 = [&[1, 0, 0, 2][..], &bits].concat();
        assert_eq!(version_2(&v3), v2);
        assert_eq!(version_2(&v2), v2);
    }
}
