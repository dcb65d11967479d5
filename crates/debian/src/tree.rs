//! A configured root as entries: owners and modes as the system itself sees them, contents from
//! disk, and what differs from the root below.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
};

use layer::{Entry, EntryPath, FileContent, Kind, Tree};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, clean::left_out, error::io};

/// One file, folder or link of a configured root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: char,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    /// Target of a symbolic link; for a hard link the first path of its file.
    pub(crate) target: Vec<u8>,
}

/// The kind of a second name for a file, among `find`'s letters.
const HARD: char = 'h';

/// What stands in the root and belongs to a layer, by path.
pub(crate) fn items(sandbox: &sandbox::Sandbox) -> Result<Vec<Item>> {
    let listed = sandbox::list(sandbox).map_err(|source| Error::Program {
        step: "listing the system".to_owned(),
        source,
    })?;
    let mut items: BTreeMap<Vec<u8>, (Item, u64)> = BTreeMap::new();
    for found in listed {
        let is_dir = found.kind == 'd';
        if left_out(&String::from_utf8_lossy(&found.path), is_dir) {
            continue;
        }
        let item = Item {
            path: found.path.clone(),
            kind: found.kind,
            mode: found.mode & 0o7777,
            uid: found.uid,
            gid: found.gid,
            size: if found.kind == 'f' { found.size } else { 0 },
            target: found.target,
        };
        items.insert(found.path, (item, found.inode));
    }
    let mut first: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut result = Vec::with_capacity(items.len());
    for (path, (mut item, inode)) in items {
        if item.kind == 'f' {
            match first.get(&inode) {
                Some(target) => {
                    item.kind = HARD;
                    item.target.clone_from(target);
                }
                None => {
                    first.insert(inode, path);
                }
            }
        }
        result.push(item);
    }
    Ok(result)
}

/// Makes checked-hash bytecode (PEP 552), as the interpreter writes it under SOURCE_DATE_EPOCH,
/// unchecked: the image's files do not change, so nothing is to be checked at every start.
pub(crate) fn trust_bytecode(root: &Path, items: &[Item]) -> Result<()> {
    for item in items
        .iter()
        .filter(|item| item.kind == 'f' && item.path.ends_with(b".pyc"))
    {
        let Ok(path) = EntryPath::new(&item.path) else {
            continue;
        };
        let path = root.join(path.as_path());
        let mut file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io(&path))?;
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(io(&path))?;
        if head[4..] == [3, 0, 0, 0] {
            file.seek(SeekFrom::Start(4)).map_err(io(&path))?;
            file.write_all(&[1, 0, 0, 0]).map_err(io(&path))?;
        }
    }
    Ok(())
}

/// Copies a flattened root to `to`: contents that no script is expected to change in place (below
/// /usr, root's, of plain mode) are linked, the rest is copied.
pub(crate) fn replicate(from: &Path, items: &[Item], to: &Path) -> Result<()> {
    for item in items {
        let Ok(path) = EntryPath::new(&item.path) else {
            continue;
        };
        let (source, place) = (from.join(path.as_path()), to.join(path.as_path()));
        match item.kind {
            'd' => fs::create_dir_all(&place).map_err(io(&place))?,
            'l' => {
                use std::os::unix::ffi::OsStrExt;
                let target = std::ffi::OsStr::from_bytes(&item.target);
                std::os::unix::fs::symlink(target, &place).map_err(io(&place))?;
            }
            HARD => {
                let Ok(first) = EntryPath::new(&item.target) else {
                    continue;
                };
                fs::hard_link(to.join(first.as_path()), &place).map_err(io(&place))?;
            }
            _ if item.path.starts_with(b"usr/") && is_plain(item) => {
                fs::hard_link(&source, &place).map_err(io(&place))?;
            }
            _ => {
                fs::copy(&source, &place).map_err(io(&place))?;
            }
        }
    }
    Ok(())
}

/// Whether flattening left owner and mode as they were.
pub(crate) fn is_plain(item: &Item) -> bool {
    item.uid == 0 && item.gid == 0 && item.mode & 0o7000 == 0 && item.mode & 0o600 == 0o600
}

/// The entries of `items` that `below` does not have in the same form, with removals as whiteouts
/// (OCI image layer specification).
pub(crate) fn difference(
    root: &Path,
    items: &[Item],
    below: Option<(&Path, &[Item])>,
) -> Result<Tree> {
    let old: BTreeMap<&[u8], &Item> = below
        .map(|(_, items)| {
            items
                .iter()
                .map(|item| (item.path.as_slice(), item))
                .collect()
        })
        .unwrap_or_default();
    let mut tree = Tree::new();
    let bad = |item: &Item, source: String| Error::Member {
        artifact: "the configured system".to_owned(),
        path: String::from_utf8_lossy(&item.path).into_owned(),
        problem: source,
    };
    for item in items {
        let path = EntryPath::new(&item.path).map_err(|error| bad(item, error.to_string()))?;
        let same = old
            .get(item.path.as_slice())
            .is_some_and(|old| *old == item)
            && match below {
                Some((other, _)) if item.kind == 'f' => {
                    same_content(&root.join(path.as_path()), &other.join(path.as_path()))?
                }
                _ => true,
            };
        if same {
            continue;
        }
        let kind = match item.kind {
            'd' => Kind::Dir,
            'f' => Kind::File(Arc::new(FileContent::whole(
                root.join(path.as_path()),
                item.size,
            ))),
            'l' => Kind::Symlink(item.target.clone()),
            HARD => Kind::Hardlink(
                EntryPath::new(&item.target).map_err(|error| bad(item, error.to_string()))?,
            ),
            other => {
                return Err(bad(
                    item,
                    format!("files of kind {other:?} have no place here"),
                ));
            }
        };
        // Parents that did not change still have to be said as they are.
        let mut parent = path.parent();
        while let Some(folder) = parent {
            if let Some(found) = old.get(folder.as_bytes())
                && tree.get(folder.as_bytes()).is_none()
            {
                let mut entry = Entry::dir(folder.clone()).with_mode(found.mode);
                (entry.uid, entry.gid) = (found.uid, found.gid);
                tree.insert(entry)?;
            }
            parent = folder.parent();
        }
        let mut entry = Entry::dir(path).with_mode(item.mode);
        entry.kind = kind;
        (entry.uid, entry.gid) = (item.uid, item.gid);
        tree.insert(entry)?;
    }
    let new: std::collections::BTreeSet<&[u8]> =
        items.iter().map(|item| item.path.as_slice()).collect();
    for (path, item) in &old {
        if new.contains(path) {
            continue;
        }
        let path = EntryPath::new(path).map_err(|error| bad(item, error.to_string()))?;
        let name = [b".wh.", path.file_name()].concat();
        let name = EntryPath::new(name).map_err(|error| bad(item, error.to_string()))?;
        let parent_stays = path
            .parent()
            .is_none_or(|parent| new.contains(parent.as_bytes()));
        if parent_stays {
            let place = path
                .parent()
                .map_or(name.clone(), |parent| parent.join(&name));
            tree.insert(Entry::file(place, Arc::new(Vec::new()), false))?;
        }
    }
    Ok(tree)
}

fn same_content(one: &Path, other: &Path) -> Result<bool> {
    let (a, b) = (
        fs::metadata(one).map_err(io(one))?,
        fs::metadata(other).map_err(io(other))?,
    );
    if (a.dev(), a.ino()) == (b.dev(), b.ino()) {
        return Ok(true);
    }
    if a.len() != b.len() {
        return Ok(false);
    }
    let open = |path: &Path| {
        fs::File::open(path)
            .map(std::io::BufReader::new)
            .map_err(io(path))
    };
    let (mut a, mut b) = (open(one)?.bytes(), open(other)?.bytes());
    loop {
        match (
            a.next().transpose().map_err(io(one))?,
            b.next().transpose().map_err(io(other))?,
        ) {
            (None, None) => return Ok(true),
            (one, other) if one != other => return Ok(false),
            _ => {}
        }
    }
}
