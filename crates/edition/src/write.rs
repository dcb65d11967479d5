//! Files that people edit, written whole or not at all.

use std::{fs::Permissions, io::Write, os::unix::fs::PermissionsExt, path::Path};

use crate::{Error, Result};

/// Puts `text` into the file at `path`, or leaves it as it was. A link stays one: what it leads to is
/// replaced. A file that was there keeps its mode; a new one gets 0644.
///
/// # Errors
/// [`Error::Write`]: it cannot be written.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = target
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut aside = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        aside.write_all(text.as_bytes())?;
        let mode = match std::fs::metadata(&target) {
            Ok(old) => old.permissions(),
            Err(_) => Permissions::from_mode(0o644),
        };
        aside.as_file().set_permissions(mode)?;
        aside.persist(&target)?;
        Ok(())
    };
    write().map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_modes_stay() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777;
        write(&file, "new").unwrap();
        assert_eq!(mode(), 0o644);
        std::fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        write(&link, "newer").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "newer");
        assert!(link.is_symlink());
        assert_eq!(mode(), 0o640);
        write(&folder.path().join("none/file"), "").unwrap_err();
    }
}
