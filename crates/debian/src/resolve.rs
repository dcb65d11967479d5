//! Where a member of a package lands on disk: parents that are links (usr-merge) are followed, but
//! only inside the root, and what is written is written through the folder's own descriptor, so
//! that no link that appears meanwhile leads anywhere else.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use layer::EntryPath;
use rustix::{
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
};

use crate::{Result, error::io as io_error};

/// Links that may be followed for one path.
const MOST_LINKS: usize = 40;

/// A place on disk: a name in a folder that is open.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The folder.
    pub(crate) folder: Arc<OwnedFd>,
    /// The name in it.
    pub(crate) name: OsString,
    /// The path from the root, every link on the way followed.
    pub(crate) path: PathBuf,
}

/// Folders of a root, resolved. One for each unpacking thread.
#[derive(Debug)]
pub(crate) struct Resolver<'r> {
    root: &'r Path,
    folders: HashMap<EntryPath, PathBuf>,
    /// The folder that was asked for last: archives have their files folder by folder.
    last: Option<(PathBuf, Arc<OwnedFd>)>,
}

impl<'r> Resolver<'r> {
    pub(crate) fn new(root: &'r Path) -> Self {
        Self {
            root,
            folders: HashMap::new(),
            last: None,
        }
    }

    /// Where `path` lies on disk; its parents are made where they are missing.
    pub(crate) fn place(&mut self, path: &EntryPath) -> io::Result<Place> {
        let name = OsStr::from_bytes(path.file_name()).to_owned();
        let parent = match path.parent() {
            None => PathBuf::new(),
            Some(parent) => match self.folders.get(&parent) {
                Some(known) => known.clone(),
                None => {
                    let found = follow(self.root, parent.as_path())?;
                    self.folders.insert(parent, found.clone());
                    found
                }
            },
        };
        let folder = match &self.last {
            Some((path, folder)) if *path == parent => folder.clone(),
            _ => {
                let folder = Arc::new(open_folder(self.root, &parent)?);
                self.last = Some((parent.clone(), folder.clone()));
                folder
            }
        };
        Ok(Place {
            path: parent.join(&name),
            folder,
            name,
        })
    }
}

/// Opens a folder below the root, and makes it where it is missing. No link is followed.
fn open_folder(root: &Path, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut folder = rustix::fs::open(root, flags, Mode::empty())?;
    let flags = flags | OFlags::NOFOLLOW;
    for part in path {
        folder = match rustix::fs::openat(&folder, part, flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                make_folder(&folder, part)?;
                rustix::fs::openat(&folder, part, flags, Mode::empty())?
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Err(io::Error::other("a parent of it is not a folder"));
            }
            other => other?,
        };
    }
    Ok(folder)
}

/// Makes a folder, 0755 whatever the umask, unless another thread has made it.
fn make_folder(folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
    let mode = Mode::from_raw_mode(0o755);
    match rustix::fs::mkdirat(folder, name, mode) {
        Ok(()) => Ok(rustix::fs::chmodat(folder, name, mode, AtFlags::empty())?),
        Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes the folder at `path` below the root, and its parents, 0755 whatever the umask.
pub(crate) fn make_folders(root: &Path, path: &str) -> Result<()> {
    let at = root.join(path);
    open_folder(root, Path::new(path))
        .map(drop)
        .map_err(io_error(at))
}

/// Follows every link in `path`, as a process whose root is `root` would, and gives the path below
/// the root. What does not exist is taken as written.
pub(crate) fn follow(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let parts = |path: &Path| -> Vec<OsString> {
        path.components()
            .rev()
            .map(|part| part.as_os_str().to_owned())
            .collect()
    };
    let mut done = PathBuf::new();
    let mut rest = parts(path);
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match Path::new(&part).components().next() {
            Some(Component::Normal(_)) => {}
            Some(Component::RootDir) => {
                done = PathBuf::new();
                continue;
            }
            Some(Component::ParentDir) => {
                if !done.pop() {
                    return Err(io::Error::other("a link on its way leads outside the root"));
                }
                continue;
            }
            _ => continue,
        }
        let here = done.join(&part);
        match std::fs::read_link(root.join(&here)) {
            Ok(target) => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::other("there are too many links on its way"));
                }
                rest.extend(parts(&target));
            }
            Err(_) => done = here,
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn links_are_followed_inside_only() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        symlink("usr/bin", root.path().join("bin")).unwrap();
        symlink("/usr", root.path().join("absolute")).unwrap();
        symlink("../../etc", root.path().join("out")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let place = |text: &str| {
            let place = Resolver::new(root.path()).place(&EntryPath::new(text).unwrap())?;
            Ok::<_, io::Error>(place.path.to_string_lossy().into_owned())
        };
        assert_eq!(place("bin/sh").unwrap(), "usr/bin/sh");
        assert_eq!(place("absolute/bin/sh").unwrap(), "usr/bin/sh");
        assert_eq!(place("new/folder/file").unwrap(), "new/folder/file");
        assert!(root.path().join("new/folder").is_dir());
        assert!(
            place("out/passwd")
                .unwrap_err()
                .to_string()
                .contains("outside")
        );
        assert!(
            place("loop/x")
                .unwrap_err()
                .to_string()
                .contains("too many")
        );
        assert!(
            place("file/x")
                .unwrap_err()
                .to_string()
                .contains("not a folder")
        );
    }

    #[test]
    fn a_link_that_appears_later_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let path = EntryPath::new("a/file").unwrap();
        let mut resolver = Resolver::new(root.path());
        resolver.place(&path).unwrap();
        // The answer is remembered, the descriptor not: as after other folders were asked for.
        resolver.last = None;
        fs::remove_dir(root.path().join("a")).unwrap();
        symlink(outside.path(), root.path().join("a")).unwrap();
        assert!(resolver.place(&path).is_err());
    }
}
