//! Unpacking: the members of packages to files on disk, in parallel. Owners and special modes are
//! only noted: an ordinary user may not set them here, so they are set inside the sandbox.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{OpenOptionsExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use layer::EntryPath;
use rayon::prelude::*;

use crate::{Error, Package, Result, resolve::Resolver};

/// An owner or a mode that the unpacked file does not have yet.
#[derive(Debug, Clone)]
pub(crate) struct Fixup {
    pub(crate) path: Vec<u8>,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) mode: u32,
    pub(crate) link: bool,
}

/// What unpacking one package gave.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// Paths for dpkg's list, absolute, in the package's order.
    pub(crate) list: Vec<Vec<u8>>,
    pub(crate) fixups: Vec<Fixup>,
}

/// Where a diverted path is written, and the package that is not diverted.
pub(crate) type Diversions = BTreeMap<Vec<u8>, (Vec<u8>, String)>;

type Owners = Mutex<BTreeMap<PathBuf, usize>>;

/// Unpacks packages below `root`, several at once. The one that brings the usr-merge links, if it
/// is among them, comes first.
pub(crate) fn unpack_all(
    cx: &layer::Context,
    packages: &[Package],
    root: &Path,
    diversions: &Diversions,
    dpkg_new: bool,
) -> Result<Vec<Unpacked>> {
    let owners = Owners::default();
    let one = |at: usize| {
        let unpacker = Unpacker {
            packages,
            at,
            root,
            diversions,
            conffiles: match dpkg_new {
                true => packages[at]
                    .conffiles()
                    .into_iter()
                    .map(String::into_bytes)
                    .collect(),
                false => BTreeSet::new(),
            },
            owners: &owners,
        };
        unpacker.run()
    };
    let first = packages
        .iter()
        .position(|package| package.name == "base-files");
    let early = first.map(one).transpose()?;
    let mut rest = cx.install(|| {
        (0..packages.len())
            .into_par_iter()
            .filter(|at| Some(*at) != first)
            .map(one)
            .collect::<Result<Vec<_>>>()
    })?;
    if let (Some(at), Some(early)) = (first, early) {
        rest.insert(at, early);
    }
    Ok(rest)
}

struct Unpacker<'a> {
    packages: &'a [Package],
    at: usize,
    root: &'a Path,
    diversions: &'a Diversions,
    conffiles: BTreeSet<Vec<u8>>,
    owners: &'a Owners,
}

impl Unpacker<'_> {
    fn package(&self) -> &Package {
        &self.packages[self.at]
    }

    fn bad(&self, path: &str, problem: impl ToString) -> Error {
        let artifact = self.package().artifact.clone();
        Error::Member {
            artifact,
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }

    fn run(&self) -> Result<Unpacked> {
        let mut resolver = Resolver::new(self.root);
        let mut out = Unpacked {
            list: Vec::new(),
            fixups: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        let mut archive = self.package().data()?;
        for entry in archive
            .entries()
            .map_err(|error| self.bad("data.tar", error))?
        {
            let mut entry = entry.map_err(|error| self.bad("data.tar", error))?;
            let raw = entry.path_bytes().into_owned();
            let shown = String::from_utf8_lossy(&raw).into_owned();
            if matches!(raw.as_slice(), b"./" | b"." | b"/") {
                out.list.push(b"/.".to_vec());
                continue;
            }
            let path = EntryPath::new(&raw).map_err(|error| self.bad(&shown, error))?;
            let absolute = [b"/", path.as_bytes()].concat();
            out.list.push(absolute.clone());
            let kind = entry.header().entry_type();
            if !kind.is_dir() && !seen.insert(path.clone()) {
                return Err(self.bad(&shown, "the path stands twice in the package"));
            }
            let written = self.written_as(&path, &absolute);
            let place = resolver
                .place(&written)
                .map_err(|error| self.bad(&shown, error))?;
            let mode = entry
                .header()
                .mode()
                .map_err(|error| self.bad(&shown, error))?
                & 0o7777;
            let uid = entry
                .header()
                .uid()
                .map_err(|error| self.bad(&shown, error))?;
            let gid = entry
                .header()
                .gid()
                .map_err(|error| self.bad(&shown, error))?;
            let failed = |error: io::Error| self.bad(&shown, error);
            let link = match kind {
                tar::EntryType::Directory => {
                    self.folder(&place, mode).map_err(failed)?;
                    false
                }
                tar::EntryType::Regular | tar::EntryType::Continuous => {
                    if !self.claim(&place, &shown)? {
                        continue;
                    }
                    let size = entry.size();
                    let copied = write_file(&place, mode, &mut entry).map_err(failed)?;
                    if copied != size {
                        let problem = format!("declared size is {size} bytes, found {copied}");
                        return Err(self.bad(&shown, problem));
                    }
                    false
                }
                tar::EntryType::Symlink => {
                    if place.is_dir() {
                        continue; // as dpkg: a folder that stands there stays
                    }
                    if !self.claim(&place, &shown)? {
                        continue;
                    }
                    let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                    symlink(std::ffi::OsStr::from_bytes(&target), &place).map_err(failed)?;
                    true
                }
                tar::EntryType::Link => {
                    if !self.claim(&place, &shown)? {
                        continue;
                    }
                    let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                    let target =
                        EntryPath::new(&target).map_err(|error| self.bad(&shown, error))?;
                    if !seen.contains(&target) {
                        let problem = format!("a hard link to {target}, which is not before it");
                        return Err(self.bad(&shown, problem));
                    }
                    let absolute = [b"/", target.as_bytes()].concat();
                    let target = self.written_as(&target, &absolute);
                    let target = resolver.place(&target).map_err(failed)?;
                    fs::hard_link(target, &place).map_err(failed)?;
                    continue;
                }
                other => {
                    let problem = format!("members of type {other:?} are not unpacked");
                    return Err(self.bad(&shown, problem));
                }
            };
            if uid != 0 || gid != 0 || (!link && mode & 0o7000 != 0) {
                let inside = place.strip_prefix(self.root).unwrap_or(&place);
                let path = inside.as_os_str().as_bytes().to_vec();
                out.fixups.push(Fixup {
                    path,
                    uid,
                    gid,
                    mode,
                    link,
                });
            }
        }
        Ok(out)
    }

    /// Diverted, or a conffile that dpkg is to put in place.
    fn written_as(&self, path: &EntryPath, absolute: &[u8]) -> EntryPath {
        let mut written = path.as_bytes().to_vec();
        if let Some((to, by)) = self.diversions.get(absolute)
            && *by != self.package().name
        {
            written = to.strip_prefix(b"/").unwrap_or(to).to_vec();
        }
        if self.conffiles.contains(absolute) {
            written.extend_from_slice(b".dpkg-new");
        }
        EntryPath::new(&written).unwrap_or_else(|_| path.clone())
    }

    fn folder(&self, place: &Path, mode: u32) -> io::Result<()> {
        match fs::create_dir(place) {
            // Readable and writable for us while we work; the mode as far as it goes otherwise.
            Ok(()) => fs::set_permissions(place, Permissions::from_mode(mode & 0o777 | 0o700)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && place.is_dir() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes way for a file at `place`; `false` where another package's file stays.
    fn claim(&self, place: &Path, shown: &str) -> Result<bool> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = owners.get(place).copied().filter(|other| *other != self.at) {
            let other = &self.packages[other];
            if replaces(other, self.package()) {
                return Ok(false);
            }
            if !replaces(self.package(), other) {
                return Err(Error::Overwrites {
                    artifact: self.package().artifact.clone(),
                    path: shown.to_owned(),
                    other: other.artifact.clone(),
                });
            }
        }
        owners.insert(place.to_owned(), self.at);
        match fs::remove_file(place) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(self.bad(shown, error)),
        }
        Ok(true)
    }
}

fn replaces(package: &Package, other: &Package) -> bool {
    package.field("Replaces").is_some_and(|field| {
        field.split(',').any(|name| {
            name.split([' ', '(', ':', '\n']).find(|s| !s.is_empty()) == Some(&other.name)
        })
    })
}

fn write_file(place: &Path, mode: u32, from: &mut impl io::Read) -> io::Result<u64> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(place)?;
    let copied = io::copy(from, &mut file)?;
    // Set rather than given at creation: the umask takes no part.
    file.set_permissions(Permissions::from_mode(mode & 0o777 | 0o600))?;
    Ok(copied)
}
