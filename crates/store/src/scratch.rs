//! Scratch folders: private to one piece of work, gone when it ends, however it ends.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{Result, error::io_at, temp};

/// A private folder in the store, on the store's file system. It is removed when this is dropped;
/// if the process is killed, the next `Store::open` removes it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// The folder itself, held by an flock while the owner lives.
    _held: std::fs::File,
}

impl Scratch {
    pub(crate) fn new(root: &Path, name: &str) -> Result<Self> {
        let tmp = root.join("tmp");
        temp::while_no_sweep(root, || {
            let folder = tempfile::Builder::new()
                .prefix(&format!("{name}-"))
                .permissions(Permissions::from_mode(0o755))
                .tempdir_in(&tmp)
                .map_err(io_at("make a folder in", &tmp))?;
            // Once more, for this also takes away the bit by which a folder hands on its group.
            std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755))
                .map_err(io_at("set the mode of", folder.path()))?;
            let held = std::fs::File::open(folder.path()).map_err(io_at("open", folder.path()))?;
            temp::retry(|| held.lock()).map_err(io_at("lock", folder.path()))?;
            Ok(Self {
                path: folder.keep(),
                _held: held,
            })
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes a file or a folder with all that is in it, as far as the system lets us.
pub(crate) fn remove(path: &Path) {
    let Ok(about) = std::fs::symlink_metadata(path) else {
        return;
    };
    if !about.is_dir() {
        let _ = std::fs::remove_file(path);
    } else if std::fs::remove_dir_all(path).is_err() {
        // A folder without write permission keeps its entries from being removed.
        make_removable(path);
        let _ = std::fs::remove_dir_all(path);
    }
}

/// Gives the owner all rights on a folder and on every folder in it. Links are not followed.
pub(crate) fn make_removable(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let _ = std::fs::set_permissions(&folder, Permissions::from_mode(0o700));
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        let inner = entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()));
        folders.extend(inner.map(|entry| entry.path()));
    }
}
