//! Where a member of a package lands on disk: parents that are links (usr-merge) are followed, but
//! only inside the root.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

use layer::EntryPath;

/// Links that may be followed for one path.
const MOST_LINKS: usize = 40;

/// Folders of a root, resolved. One for each unpacking thread.
#[derive(Debug)]
pub(crate) struct Resolver<'r> {
    root: &'r Path,
    known: HashMap<EntryPath, PathBuf>,
}

impl<'r> Resolver<'r> {
    pub(crate) fn new(root: &'r Path) -> Self {
        Self {
            root,
            known: HashMap::new(),
        }
    }

    /// Where `path` lies on disk; its parent is made where it is missing.
    pub(crate) fn place(&mut self, path: &EntryPath) -> io::Result<PathBuf> {
        let name = OsStr::from_bytes(path.file_name());
        Ok(match path.parent() {
            Some(parent) => self.folder(&parent)?.join(name),
            None => self.root.join(name),
        })
    }

    fn folder(&mut self, path: &EntryPath) -> io::Result<PathBuf> {
        if let Some(known) = self.known.get(path) {
            return Ok(known.clone());
        }
        let found = self.root.join(follow(self.root, path.as_path())?);
        match fs::symlink_metadata(&found) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(io::Error::other("a parent of it is not a folder")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(&found)?,
            Err(error) => return Err(error),
        }
        self.known.insert(path.clone(), found.clone());
        Ok(found)
    }
}

/// Follows every link in `path`, as a process whose root is `root` would, and gives the path below
/// the root. What does not exist is taken as written.
pub(crate) fn follow(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut done = PathBuf::new();
    let mut rest: Vec<std::ffi::OsString> = path
        .components()
        .rev()
        .map(|part| part.as_os_str().to_owned())
        .collect();
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
                    return Err(io::Error::other(
                        "a link of its path leads outside the root",
                    ));
                }
                continue;
            }
            _ => continue,
        }
        let here = done.join(&part);
        match fs::read_link(root.join(&here)) {
            Ok(target) => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::other("its path has too many links"));
                }
                rest.extend(
                    target
                        .components()
                        .rev()
                        .map(|part| part.as_os_str().to_owned()),
                );
            }
            Err(_) => done = here,
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_inside_only() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        symlink("usr/bin", root.path().join("bin")).unwrap();
        symlink("/usr", root.path().join("absolute")).unwrap();
        symlink("../../etc", root.path().join("out")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let place = |text: &str| {
            Resolver::new(root.path())
                .place(&EntryPath::new(text).unwrap())
                .map(|place| {
                    place
                        .strip_prefix(root.path())
                        .unwrap()
                        .to_string_lossy()
                        .into_owned()
                })
        };
        assert_eq!(place("bin/sh").unwrap(), "usr/bin/sh");
        assert_eq!(place("absolute/bin/sh").unwrap(), "usr/bin/sh");
        assert_eq!(place("new/folder/file").unwrap(), "new/folder/file");
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
    }
}
