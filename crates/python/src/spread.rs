//! A tree written into a folder, as the sandbox's root needs it.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use layer::{Kind, Tree};

use crate::{Error, Result};

/// Writes the tree below `folder`, which must be empty: nothing in it can lead elsewhere then, since no
/// entry of a tree lies below a link. All is the caller's own.
///
/// # Errors
/// [`Error::Io`], and [`Error::Source`] for a content that cannot be read.
pub fn spread(tree: &Tree, folder: &Path) -> Result<()> {
    for entry in tree.iter() {
        let path = folder.join(entry.path.as_path());
        let failed = |source: io::Error| Error::Io {
            path: path.clone(),
            source,
        };
        match &entry.kind {
            Kind::Dir => fs::create_dir_all(&path).map_err(failed)?,
            Kind::Symlink(target) => {
                let target = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(target);
                symlink(target, &path).map_err(failed)?;
            }
            // The file comes first: it is the first of its names.
            Kind::Hardlink(target) => {
                fs::hard_link(folder.join(target.as_path()), &path).map_err(failed)?;
            }
            Kind::File(content) => {
                let mut file = fs::File::create_new(&path).map_err(failed)?;
                content.copy_to(&mut file).map_err(|source| Error::Source {
                    path: entry.path.to_string(),
                    source,
                })?;
                file.set_permissions(fs::Permissions::from_mode(entry.mode))
                    .map_err(failed)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use layer::{Entry, EntryPath};

    use super::*;

    #[test]
    fn files_links_and_modes() {
        let at = |path: &str| EntryPath::new(path).unwrap();
        let mut tree = Tree::new();
        let text = Arc::new(b"text".to_vec());
        for entry in [
            Entry::file(at("a/file"), text, true),
            Entry::hardlink(at("a/twin"), at("a/file"), true),
            Entry::symlink(at("link"), "a/file"),
            Entry::dir(at("empty")),
        ] {
            tree.insert(entry).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        spread(&tree, folder.path()).unwrap();
        let file = |path| fs::read_to_string(folder.path().join(path)).unwrap();
        assert_eq!([file("a/twin"), file("link")], ["text", "text"]);
        let mode = fs::metadata(folder.path().join("a/file")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o755);
        assert!(folder.path().join("empty").is_dir());
        // Not into a folder that has something.
        assert!(spread(&tree, folder.path()).is_err());
    }
}
