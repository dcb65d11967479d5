//! Unpacking: the members of packages to files on disk, in parallel. Owners and special modes are
//! only noted (see `fixup`); scripts and dpkg's database are others' business.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, Permissions},
    io::{self, Read, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
};

use layer::EntryPath;
use rayon::prelude::*;
use rustix::{
    fs::{AtFlags, Mode, OFlags},
    io::Errno,
};
use tar::EntryType;

use crate::{
    Error, Package, Result,
    claims::{Claimant, Claims, Refused},
    fixup::Owned,
    resolve::{Place, Resolver, follow},
};

/// How much is read at a time, in bytes.
const BUFFER: usize = 128 << 10;

/// Where a diverted path is written, and the package that is not diverted.
pub(crate) type Diversions = BTreeMap<Vec<u8>, (Vec<u8>, String)>;

/// What is done to a member on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    /// dpkg's diversions.
    pub(crate) diversions: &'a Diversions,
    /// Conffiles are written beside their place, for dpkg to put there.
    pub(crate) conffiles_aside: bool,
}

/// The paths for dpkg's list: absolute, in the package's order.
pub(crate) type List = Vec<Vec<u8>>;

/// Unpacks packages below `root`, several at once, the largest first. Gives their lists, in the
/// order of the packages.
pub(crate) fn unpack_all(
    cx: &layer::Context,
    packages: &[&Package],
    root: &Path,
    rules: Rules<'_>,
    claims: &mut Claims,
) -> Result<Vec<List>> {
    let numbers: Vec<usize> = packages
        .iter()
        .map(|package| claims.add(Claimant::of(package)))
        .collect();
    let mut order: Vec<usize> = (0..packages.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(packages[*at].data_size()));
    let claims = &*claims;
    let mut lists = cx.install(|| {
        // A bridge hands the packages out one by one, in this order.
        order
            .into_iter()
            .par_bridge()
            .map(|at| {
                let package = packages[at];
                let unpacker = Unpacker {
                    package,
                    number: numbers[at],
                    root,
                    rules,
                    claims,
                };
                unpacker.run().map(|list| (at, list))
            })
            .collect::<Result<Vec<_>>>()
    })?;
    lists.sort_by_key(|(at, _)| *at);
    Ok(lists.into_iter().map(|(_, list)| list).collect())
}

struct Unpacker<'a> {
    package: &'a Package,
    number: usize,
    root: &'a Path,
    rules: Rules<'a>,
    claims: &'a Claims,
}

/// A member on its way, and how messages call it.
struct Item {
    shown: String,
    absolute: Vec<u8>,
    place: Place,
    owned: Owned,
}

impl Unpacker<'_> {
    fn bad(&self, path: &str, problem: impl ToString) -> Error {
        let artifact = self.package.artifact.clone();
        Error::Member {
            artifact,
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }

    fn refused(&self, path: &str, why: Refused) -> Error {
        match why {
            Refused::Held(other) => Error::Overwrites {
                artifact: self.package.artifact.clone(),
                path: path.to_owned(),
                other,
            },
            Refused::Twice => self.bad(path, "it stands twice in the package"),
            Refused::Io(error) => self.bad(path, error),
        }
    }

    fn run(&self) -> Result<List> {
        let conffiles: BTreeSet<Vec<u8>> = match self.rules.conffiles_aside {
            true => self
                .package
                .conffiles()
                .into_iter()
                .map(String::into_bytes)
                .collect(),
            false => BTreeSet::new(),
        };
        let mut resolver = Resolver::new(self.root);
        let mut list = List::new();
        let mut buffer = vec![0; BUFFER];
        let mut archive = self.package.data()?;
        for entry in archive
            .entries()
            .map_err(|error| self.bad("data.tar", error))?
        {
            let mut entry = entry.map_err(|error| self.bad("data.tar", error))?;
            let raw = entry.path_bytes().into_owned();
            if matches!(raw.as_slice(), b"./" | b"." | b"/") {
                list.push(b"/.".to_vec());
                continue;
            }
            let shown = String::from_utf8_lossy(&raw).into_owned();
            let path = EntryPath::new(&raw).map_err(|error| self.bad(&shown, error))?;
            let absolute = [b"/", path.as_bytes()].concat();
            list.push(absolute.clone());
            let kind = entry.header().entry_type();
            let written = self.diverted(&path, &absolute);
            let mut place = resolver
                .place(&written)
                .map_err(|error| self.bad(&shown, error))?;
            if conffiles.contains(&absolute) && kind == EntryType::Regular {
                place.name.push(".dpkg-new");
                place.path.as_mut_os_string().push(".dpkg-new");
            }
            let owned = owned(&entry, kind).map_err(|problem| self.bad(&shown, problem))?;
            let item = Item {
                shown,
                absolute,
                place,
                owned,
            };
            match kind {
                EntryType::Directory => self.folder(&item)?,
                EntryType::Regular | EntryType::Continuous => {
                    self.file(&item, &mut entry, &mut buffer)?;
                }
                EntryType::Symlink => {
                    let target = entry.link_name_bytes().unwrap_or_default();
                    self.symlink(&item, &target)?;
                }
                EntryType::Link => {
                    let target = entry.link_name_bytes().unwrap_or_default();
                    self.hard_link(&item, &target, &mut resolver)?;
                }
                other => {
                    let problem = format!(
                        "a member of type {other:?}: only files, folders and links are unpacked"
                    );
                    return Err(self.bad(&item.shown, problem));
                }
            }
        }
        Ok(list)
    }

    /// The path that is written: another one where another package's diversion says so.
    fn diverted(&self, path: &EntryPath, absolute: &[u8]) -> EntryPath {
        match self.rules.diversions.get(absolute) {
            Some((to, by)) if *by != self.package.name => {
                EntryPath::new(to.strip_prefix(b"/").unwrap_or(to)).unwrap_or_else(|_| path.clone())
            }
            _ => path.clone(),
        }
    }

    fn folder(&self, item: &Item) -> Result<()> {
        let Place { folder, name, path } = &item.place;
        let make = || {
            match rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o755)) {
                Ok(()) => {
                    // Set rather than given at creation: the umask takes no part.
                    let mode = Mode::from_raw_mode(item.owned.has);
                    rustix::fs::chmodat(folder, name, mode, AtFlags::empty())?;
                    return Ok(true);
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            // A link to a folder will do, but what it leads to is judged as the image sees it.
            let found = follow(self.root, path)?;
            if !self
                .root
                .join(&found)
                .symlink_metadata()
                .is_ok_and(|found| found.is_dir())
            {
                let problem = "it is a folder, and a file stands there";
                return Err(Refused::Io(io::Error::other(problem)));
            }
            Ok(found == *path)
        };
        self.claims
            .folder(path, self.number, item.owned, make)
            .map_err(|why| self.refused(&item.shown, why))
    }

    fn claim<T>(
        &self,
        item: &Item,
        owned: Option<Owned>,
        make: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<Option<T>> {
        self.claims
            .file(&item.place.path, self.number, &item.absolute, owned, || {
                make().map_err(Into::into)
            })
            .map_err(|why| self.refused(&item.shown, why))
    }

    fn file(&self, item: &Item, entry: &mut impl Declared, buffer: &mut [u8]) -> Result<()> {
        let Place { folder, name, .. } = &item.place;
        let failed = |error: io::Error| self.bad(&item.shown, error);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = self.claim(item, Some(item.owned), || {
            clear(&item.place)?;
            rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o600))
        })?;
        let Some(made) = made else { return Ok(()) };
        let mut file = File::from(made);
        let size = entry.declared();
        let mut copied = 0;
        loop {
            let read = match entry.read(buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error)),
            };
            file.write_all(&buffer[..read]).map_err(failed)?;
            copied += read as u64;
        }
        if copied != size {
            let problem = format!("declared size is {size} bytes, found {copied}");
            return Err(self.bad(&item.shown, problem));
        }
        file.set_permissions(Permissions::from_mode(item.owned.has))
            .map_err(failed)
    }

    fn symlink(&self, item: &Item, target: &[u8]) -> Result<()> {
        let Place { folder, name, .. } = &item.place;
        if target.is_empty() {
            return Err(self.bad(&item.shown, "a symbolic link without a target"));
        }
        let target = std::ffi::OsStr::from_bytes(target);
        let owned = Owned {
            mode: None,
            ..item.owned
        };
        let stood = self.claims.stood(&item.place.path);
        self.claim(item, Some(owned), || {
            // Not made anew: others may be on their way through it.
            let stands = rustix::fs::readlinkat(folder, name, Vec::new());
            if stands.is_ok_and(|stands| stands.as_bytes() == target.as_bytes()) {
                return Ok(());
            }
            match clear(&item.place) {
                // As dpkg: a folder that stood there stays.
                Err(Errno::ISDIR) if stood => return Ok(()),
                other => other?,
            }
            rustix::fs::symlinkat(target, folder, name)
        })?;
        Ok(())
    }

    fn hard_link(&self, item: &Item, target: &[u8], resolver: &mut Resolver<'_>) -> Result<()> {
        let target = EntryPath::new(target)
            .map_err(|error| self.bad(&item.shown, format!("its link target: {error}")))?;
        let absolute = [b"/", target.as_bytes()].concat();
        let from = resolver
            .place(&self.diverted(&target, &absolute))
            .map_err(|error| self.bad(&item.shown, error))?;
        if !self.claims.holds(&from.path, self.number) {
            let problem = format!("a hard link to {target}, which is no file before it");
            return Err(self.bad(&item.shown, problem));
        }
        let Place { folder, name, .. } = &item.place;
        // Owner and mode are the other name's already.
        self.claim(item, None, || {
            clear(&item.place)?;
            rustix::fs::linkat(&*from.folder, &from.name, folder, name, AtFlags::empty())
        })?;
        Ok(())
    }
}

/// Takes away the file or link that stands at a place.
fn clear(place: &Place) -> Result<(), Errno> {
    match rustix::fs::unlinkat(&place.folder, &place.name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// A reader that says how long it claims to be.
trait Declared: Read {
    fn declared(&self) -> u64;
}

impl<R: Read> Declared for tar::Entry<'_, R> {
    fn declared(&self) -> u64 {
        self.size()
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
