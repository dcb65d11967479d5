//! Where an entry stands in the image: a checked, relative path of bytes.

use std::{borrow::Borrow, fmt};

/// A path in a layer: relative to the image's root, `/`-separated, without `.` or `..`, without
/// empty components, NUL or a slash at either end. Bytes, for file names need not be UTF-8.
///
/// Ordering is by bytes, which is the order of entries in a layer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPath(Vec<u8>);

/// Why a path cannot stand in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// Nothing is left of it.
    #[error("the path is empty")]
    Empty,
    /// It starts at the root.
    #[error("the path is absolute")]
    Absolute,
    /// It has a `..` component.
    #[error("the path leads outside with `..`")]
    Outside,
    /// It has a NUL byte, an empty or a `.` component.
    #[error("the path has an empty component, `.` or NUL")]
    Malformed,
}

impl EntryPath {
    /// Checks a path as an archive gives it. One slash at the end (a folder's) and `./` at the
    /// start (as tar writes) are taken off; anything else that is not a plain relative path is
    /// refused.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn new(path: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let path = path.as_ref();
        if path.first() == Some(&b'/') {
            return Err(PathError::Absolute);
        }
        let path = path.strip_prefix(b"./").unwrap_or(path);
        let path = path.strip_suffix(b"/").unwrap_or(path);
        if path.is_empty() || path == b"." {
            return Err(PathError::Empty);
        }
        for component in path.split(|byte| *byte == b'/') {
            match component {
                b".." => return Err(PathError::Outside),
                b"" | b"." => return Err(PathError::Malformed),
                _ if component.contains(&0) => return Err(PathError::Malformed),
                _ => {}
            }
        }
        Ok(Self(path.to_vec()))
    }

    /// The path below the root of an absolute path in the image: `/usr/bin` gives `usr/bin`.
    ///
    /// # Errors
    /// See [`PathError`]; the root itself is [`PathError::Empty`].
    pub fn from_absolute(path: &str) -> Result<Self, PathError> {
        Self::new(path.strip_prefix('/').unwrap_or(path))
    }

    /// This path with another below it.
    pub fn join(&self, below: &Self) -> Self {
        Self([self.as_bytes(), b"/", below.as_bytes()].concat())
    }

    /// The folder that it stands in; `None` for one directly below the root.
    pub fn parent(&self) -> Option<Self> {
        let slash = self.0.iter().rposition(|byte| *byte == b'/')?;
        Some(Self(self.0[..slash].to_vec()))
    }

    /// The last component.
    pub fn file_name(&self) -> &[u8] {
        self.0
            .rsplit(|byte| *byte == b'/')
            .next()
            .unwrap_or(&self.0)
    }

    /// The rest below `folder`; `None` where it does not lie below it.
    pub fn below(&self, folder: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(folder.as_bytes())?.strip_prefix(b"/")?;
        Some(Self(rest.to_vec()))
    }

    /// The path as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as an operating system's path, relative.
    pub fn as_path(&self) -> &std::path::Path {
        use std::os::unix::ffi::OsStrExt;
        std::path::Path::new(std::ffi::OsStr::from_bytes(&self.0))
    }
}

impl Borrow<[u8]> for EntryPath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_archives_write() {
        for (given, kept) in [
            ("a/b", "a/b"),
            ("./a", "a"),
            ("a/", "a"),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(EntryPath::new(given).unwrap().to_string(), kept);
        }
    }

    #[test]
    fn refuses_hostile_paths() {
        for (given, why) in [
            ("", PathError::Empty),
            ("./", PathError::Empty),
            (".", PathError::Empty),
            ("/etc", PathError::Absolute),
            ("..", PathError::Outside),
            ("a/../b", PathError::Outside),
            ("a//b", PathError::Malformed),
            ("a/./b", PathError::Malformed),
            ("a\0b", PathError::Malformed),
        ] {
            assert_eq!(EntryPath::new(given), Err(why), "{given:?}");
        }
    }

    #[test]
    fn walks_up_and_down() {
        let path = EntryPath::new("a/b/c").unwrap();
        let parent = path.parent().unwrap();
        assert_eq!(parent.to_string(), "a/b");
        assert_eq!(path.file_name(), b"c");
        assert_eq!(path.below(&parent).unwrap().to_string(), "c");
        assert_eq!(EntryPath::new("a").unwrap().parent(), None);
        assert_eq!(
            EntryPath::new("ab")
                .unwrap()
                .below(&EntryPath::new("a").unwrap()),
            None
        );
    }
}
