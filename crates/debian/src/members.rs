//! The members of a package's data archive, one after the other, as far as the archive says what they
//! are. Where they land is the business of `unpack`.

use std::{
    fs::{File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    time::{Duration, UNIX_EPOCH},
};

use layer::EntryPath;
use tar::EntryType;

use crate::{Error, Package, Result, fixup::Owned};

/// How much is best read at a time, in bytes.
pub(crate) const BUFFER: usize = 128 << 10;

/// A file, folder or link of a package, without its bytes.
#[derive(Debug)]
pub(crate) struct DataMember {
    /// Its path as the package writes it, for messages.
    pub(crate) shown: String,
    /// Its path.
    pub(crate) path: EntryPath,
    /// What it is: a folder, a file or a link of either kind.
    pub(crate) kind: EntryType,
    /// Where a link leads, as the package writes it; empty for others.
    pub(crate) target: Vec<u8>,
    /// Whose it is to be.
    pub(crate) owned: Owned,
    /// Its size, in bytes.
    size: u64,
    /// When it was changed last, in seconds since 1970 UTC.
    mtime: u64,
}

/// Reads the data archive and hands on each member with its bytes; none for the root itself.
///
/// # Errors
/// For an archive that is damaged, a path that leads out of the root, and members other than files,
/// folders and links; those of `take`.
pub(crate) fn read(
    package: &Package,
    mut take: impl FnMut(Option<DataMember>, &mut dyn Read) -> Result<()>,
) -> Result<()> {
    let damaged = |error: io::Error| bad(package, "data.tar", error);
    let mut archive = package.data()?;
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let member = member(package, &entry)?;
        take(member, &mut entry)?;
    }
    Ok(())
}

fn member<R: Read>(package: &Package, entry: &tar::Entry<'_, R>) -> Result<Option<DataMember>> {
    let raw = entry.path_bytes();
    if matches!(&*raw, b"./" | b"." | b"/") {
        return Ok(None);
    }
    let shown = String::from_utf8_lossy(&raw).into_owned();
    let path = EntryPath::new(&*raw).map_err(|error| bad(package, &shown, error))?;
    let kind = entry.header().entry_type();
    match kind {
        EntryType::Directory
        | EntryType::Regular
        | EntryType::Continuous
        | EntryType::Symlink
        | EntryType::Link => {}
        other => {
            let problem =
                format!("a member of type {other:?}: only files, folders and links are unpacked");
            return Err(bad(package, &shown, problem));
        }
    }
    let owned = owned(entry, kind).map_err(|problem| bad(package, &shown, problem))?;
    Ok(Some(DataMember {
        shown,
        path,
        kind,
        target: entry.link_name_bytes().unwrap_or_default().into_owned(),
        owned,
        size: entry.size(),
        mtime: entry.header().mtime().unwrap_or_default(),
    }))
}

impl DataMember {
    /// Whether it has bytes of its own.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.kind, EntryType::Regular | EntryType::Continuous)
    }

    /// Writes a file's bytes, of which there must be as many as the archive says, and sets time and mode,
    /// the latter as far as it is ours to set.
    pub(crate) fn write(
        &self,
        bytes: &mut dyn Read,
        file: &mut File,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        let mut copied = 0;
        loop {
            let read = match bytes.read(buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            file.write_all(&buffer[..read])?;
            copied += read as u64;
        }
        if copied != self.size {
            let size = self.size;
            let problem = format!("declared size is {size} bytes, found {copied}");
            return Err(io::Error::other(problem));
        }
        // As dpkg does: scripts may compare times, and when we read a package must not tell.
        if let Some(time) = UNIX_EPOCH.checked_add(Duration::from_secs(self.mtime)) {
            file.set_modified(time)?;
        }
        file.set_permissions(Permissions::from_mode(self.owned.has))
    }
}

/// An error that names a member.
pub(crate) fn bad(package: &Package, path: &str, problem: impl ToString) -> Error {
    Error::Member {
        artifact: package.artifact.clone(),
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

fn owned<R: Read>(entry: &tar::Entry<'_, R>, kind: EntryType) -> Result<Owned, String> {
    let header = entry.header();
    let mode = header.mode().map_err(|error| error.to_string())? & 0o7777;
    let id = |id: io::Result<u64>| {
        let id = id.map_err(|error| error.to_string())?;
        u32::try_from(id).map_err(|_| format!("owner {id} is not a number of 32 bits"))
    };
    // What we need to go on with it ourselves; the rest is set inside.
    let ours = if kind.is_dir() { 0o700 } else { 0o600 };
    let has = mode & 0o777 | ours;
    Ok(Owned {
        uid: id(header.uid())?,
        gid: id(header.gid())?,
        mode: Some(mode),
        has,
    })
}
