//! What a configured system has that does not belong into an image: traces of the machine and of
//! the moment, and caches that are made anew when they are missed. This is the whole list:
//!
//! | path | what is done |
//! |---|---|
//! | all in `/dev`, `/proc`, `/run` but `/run/lock`, `/sys`, `/tmp`, `/var/tmp` | removed; the folders stay |
//! | files in `/var/log` | removed; the folders stay, and so do files of size 0 |
//! | `/var/cache/apt/*.bin`, files in `/var/cache/apt/archives`, `/var/lib/apt/lists` | removed |
//! | `/var/cache/ldconfig/aux-cache` | removed |
//! | `/var/cache/debconf/*-old`, `/var/lib/dpkg/*-old` | removed |
//! | `/var/lib/systemd/random-seed`, `/var/lib/dbus/machine-id` | removed |
//! | `/etc/resolv.conf`, `/etc/hostname` | removed: the engine brings its own |
//! | `/etc/machine-id` | emptied (machine-id(5)) |
//! | `*.pyc` in `/usr` by time stamp | removed |
//! | `*.pyc` in `/usr` by hash, checked | made unchecked: the layer cannot change |

use std::{
    fs::{self, File},
    os::unix::{ffi::OsStrExt, fs::FileExt},
    path::Path,
};

use sandbox::Listed;

use crate::{Result, error::io as io_error};

/// What is done to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Remove,
    Empty,
    Bytecode,
}

/// Folders that are emptied.
const EMPTIED: [&[u8]; 7] = [
    b"dev",
    b"proc",
    b"run",
    b"sys",
    b"tmp",
    b"var/tmp",
    b"var/lib/apt/lists",
];

/// Paths that are removed.
const REMOVED: [&[u8]; 5] = [
    b"etc/hostname",
    b"etc/resolv.conf",
    b"var/cache/ldconfig/aux-cache",
    b"var/lib/dbus/machine-id",
    b"var/lib/systemd/random-seed",
];

/// How bytecode is checked against its source (PEP 552).
const BY_HASH: u32 = 0b01;
const CHECKED: u32 = 0b10;

fn below<'p>(path: &'p [u8], folder: &[u8]) -> Option<&'p [u8]> {
    path.strip_prefix(folder)?.strip_prefix(b"/")
}

fn fate(listed: &Listed) -> Fate {
    let path = listed.path.as_slice();
    let folder = listed.kind == 'd';
    let direct = |parent: &[u8]| below(path, parent).filter(|rest| !rest.contains(&b'/'));
    if EMPTIED.iter().any(|emptied| below(path, emptied).is_some()) {
        let keep = folder && matches!(path, b"run/lock" | b"var/lib/apt/lists/partial");
        return if keep { Fate::Keep } else { Fate::Remove };
    }
    if folder {
        return Fate::Keep;
    }
    let ends = |rest: Option<&[u8]>, end: &[u8]| rest.is_some_and(|rest| rest.ends_with(end));
    if REMOVED.contains(&path)
        || below(path, b"var/log").is_some() && (listed.size > 0 || listed.kind != 'f')
        || below(path, b"var/cache/apt/archives").is_some()
        || ends(direct(b"var/cache/apt"), b".bin")
        || ends(direct(b"var/cache/debconf"), b"-old")
        || ends(direct(b"var/lib/dpkg"), b"-old")
    {
        Fate::Remove
    } else if path == b"etc/machine-id" {
        Fate::Empty
    } else if listed.kind == 'f' && ends(below(path, b"usr"), b".pyc") {
        Fate::Bytecode
    } else {
        Fate::Keep
    }
}

/// Cleans what is listed, on disk and in the list. The root must be ours by now.
pub(crate) fn clean(root: &Path, listed: Vec<Listed>) -> Result<Vec<Listed>> {
    let mut kept = Vec::with_capacity(listed.len());
    let mut folders = Vec::new();
    for mut listed in listed {
        let path = root.join(std::ffi::OsStr::from_bytes(&listed.path));
        match fate(&listed) {
            Fate::Keep => {}
            Fate::Remove if listed.kind == 'd' => {
                folders.push(path);
                continue;
            }
            Fate::Remove => {
                fs::remove_file(&path).map_err(io_error(path))?;
                continue;
            }
            Fate::Empty => {
                fs::write(&path, b"").map_err(io_error(path))?;
                listed.size = 0;
            }
            Fate::Bytecode => {
                if !settle(&path)? {
                    fs::remove_file(&path).map_err(io_error(path))?;
                    continue;
                }
            }
        }
        kept.push(listed);
    }
    // The list has folders before what is in them.
    for path in folders.into_iter().rev() {
        fs::remove_dir(&path).map_err(io_error(path))?;
    }
    Ok(kept)
}

/// Makes bytecode unchecked. Not for bytecode that names a time: that is of no use in an image.
fn settle(path: &Path) -> Result<bool> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(io_error(path))?;
    let mut word = [0; 4];
    if file.read_exact_at(&mut word, 4).is_err() {
        return Ok(true); // not bytecode
    }
    let flags = u32::from_le_bytes(word);
    if flags & BY_HASH == 0 {
        return Ok(false);
    }
    if flags & CHECKED != 0 {
        let flags = flags & !CHECKED;
        file.write_all_at(&flags.to_le_bytes(), 4)
            .map_err(io_error(path))?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(path: &str, kind: char, size: u64) -> Listed {
        Listed {
            path: path.into(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            inode: 1,
            nlink: 1,
            size,
            target: Vec::new(),
        }
    }

    #[test]
    fn the_list() {
        for (path, kind, size, expected) in [
            ("tmp", 'd', 0, Fate::Keep),
            ("tmp/x", 'd', 0, Fate::Remove),
            ("tmpfile", 'f', 1, Fate::Keep),
            ("run/lock", 'd', 0, Fate::Keep),
            ("dev/null", 'c', 0, Fate::Remove),
            ("var/log/apt", 'd', 0, Fate::Keep),
            ("var/log/apt/term.log", 'f', 1, Fate::Remove),
            ("var/log/lastlog", 'f', 0, Fate::Keep),
            ("var/cache/apt/pkgcache.bin", 'f', 1, Fate::Remove),
            ("var/cache/apt/archives/lock", 'f', 0, Fate::Remove),
            ("var/cache/apt/archives/partial", 'd', 0, Fate::Keep),
            ("var/lib/dpkg/status-old", 'f', 1, Fate::Remove),
            ("var/lib/dpkg/info/x-old", 'f', 1, Fate::Keep),
            ("etc/machine-id", 'f', 33, Fate::Empty),
            ("usr/lib/python3/x.pyc", 'f', 1, Fate::Bytecode),
            ("usr/lib/python3/x.py", 'f', 1, Fate::Keep),
        ] {
            assert_eq!(fate(&listed(path, kind, size)), expected, "{path}");
        }
    }

    #[test]
    fn bytecode_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pyc");
        for (flags, kept) in [(0_u32, None), (1, Some(1)), (3, Some(1))] {
            let bytes = [&b"\x2b\x0e\r\n"[..], &flags.to_le_bytes(), &[7; 8]].concat();
            fs::write(&path, bytes).unwrap();
            assert_eq!(settle(&path).unwrap(), kept.is_some());
            if let Some(kept) = kept {
                assert_eq!(fs::read(&path).unwrap()[4..8], u32::to_le_bytes(kept));
            }
        }
    }

    #[test]
    fn removed_on_disk_and_in_the_list() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("tmp/a/b")).unwrap();
        fs::write(root.path().join("tmp/a/f"), "x").unwrap();
        let all = [
            ("tmp", 'd'),
            ("tmp/a", 'd'),
            ("tmp/a/b", 'd'),
            ("tmp/a/f", 'f'),
        ];
        let all = all.map(|(path, kind)| listed(path, kind, 1)).to_vec();
        let kept = clean(root.path(), all).unwrap();
        assert_eq!(kept.len(), 1);
        assert!(root.path().join("tmp").read_dir().unwrap().next().is_none());
    }
}
