//! Unpacking: the members of packages to files on disk, in parallel. Owners and special modes are
//! only noted (see `fixup`); scripts and dpkg's database are others' business.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use layer::EntryPath;
use rayon::prelude::*;
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags},
    io::Errno,
};
use tar::EntryType;

use crate::{
    Error, Package, Result,
    ahead::Extracted,
    claims::{Claimant, Claims, Refused},
    fixup::Owned,
    members::{self, DataMember},
    resolve::{Place, Resolver, follow},
};

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

/// A package that is to be unpacked.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    /// The package.
    pub(crate) package: &'a Package,
    /// Its members, where they have been read already.
    pub(crate) extracted: Option<Extracted>,
}

impl<'a> From<&'a Package> for Source<'a> {
    fn from(package: &'a Package) -> Self {
        Self {
            package,
            extracted: None,
        }
    }
}

/// Unpacks packages below `root`, several at once, the largest first. Gives their lists, in the
/// order of the packages.
pub(crate) fn unpack_all(
    cx: &layer::Context,
    sources: &[Source<'_>],
    root: &Path,
    rules: Rules<'_>,
    claims: &mut Claims,
) -> Result<Vec<List>> {
    let numbers: Vec<usize> = sources
        .iter()
        .map(|source| claims.add(Claimant::of(source.package)))
        .collect();
    let mut order: Vec<usize> = (0..sources.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(sources[*at].package.data_size()));
    let claims = &*claims;
    let mut lists = cx.install(|| {
        // A bridge hands the packages out one by one, in this order.
        order
            .into_iter()
            .par_bridge()
            .map(|at| {
                let Source { package, extracted } = &sources[at];
                let unpacker = Unpacker {
                    package,
                    number: numbers[at],
                    root,
                    rules,
                    claims,
                };
                unpacker.run(extracted.as_ref()).map(|list| (at, list))
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

/// A member on its way.
struct Item<'m> {
    member: &'m DataMember,
    absolute: Vec<u8>,
    place: Place,
}

/// Where the bytes of a file come from.
enum Bytes<'b> {
    /// The archive, and room for what is read of it at a time.
    Read(&'b mut dyn Read, &'b mut [u8]),
    /// A file of ours, which is moved.
    File(PathBuf),
}

impl Unpacker<'_> {
    fn bad(&self, member: &DataMember, problem: impl ToString) -> Error {
        members::bad(self.package, &member.shown, problem)
    }

    fn refused(&self, member: &DataMember, why: Refused) -> Error {
        match why {
            Refused::Held(other) => Error::Overwrites {
                artifact: self.package.artifact.clone(),
                path: member.shown.clone(),
                other,
            },
            Refused::Twice => self.bad(member, "it stands twice in the package"),
            Refused::Io(error) => self.bad(member, error),
        }
    }

    fn run(&self, extracted: Option<&Extracted>) -> Result<List> {
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
        let mut unpack = |member: Option<&DataMember>, bytes: Bytes<'_>| {
            let Some(member) = member else {
                list.push(b"/.".to_vec());
                return Ok(());
            };
            let absolute = [b"/", member.path.as_bytes()].concat();
            list.push(absolute.clone());
            let aside = conffiles.contains(&absolute);
            self.put(member, absolute, aside, bytes, &mut resolver)
        };
        match extracted {
            None => {
                let mut buffer = vec![0; members::BUFFER];
                members::read(self.package, |member, bytes| {
                    unpack(member.as_ref(), Bytes::Read(bytes, &mut buffer))
                })?;
            }
            Some(extracted) => {
                for (member, file) in extracted.members() {
                    unpack(member, Bytes::File(file))?;
                }
            }
        }
        Ok(list)
    }

    fn put(
        &self,
        member: &DataMember,
        absolute: Vec<u8>,
        aside: bool,
        bytes: Bytes<'_>,
        resolver: &mut Resolver<'_>,
    ) -> Result<()> {
        let written = self.diverted(&member.path, &absolute);
        let mut place = resolver
            .place(&written)
            .map_err(|error| self.bad(member, error))?;
        if aside && member.kind == EntryType::Regular {
            place.name.push(".dpkg-new");
            place.path.as_mut_os_string().push(".dpkg-new");
        }
        let item = Item {
            member,
            absolute,
            place,
        };
        match member.kind {
            EntryType::Directory => self.folder(&item),
            EntryType::Symlink => self.symlink(&item),
            EntryType::Link => self.hard_link(&item, resolver),
            EntryType::Regular | EntryType::Continuous => self.file(&item, bytes),
            other => Err(self.bad(member, format!("a member of type {other:?}"))),
        }
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

    fn folder(&self, item: &Item<'_>) -> Result<()> {
        let Place { folder, name, path } = &item.place;
        let make = || {
            match rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o755)) {
                Ok(()) => {
                    // Set rather than given at creation: the umask takes no part.
                    let mode = Mode::from_raw_mode(item.member.owned.has);
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
            .folder(path, self.number, item.member.owned, make)
            .map_err(|why| self.refused(item.member, why))
    }

    fn claim<T>(
        &self,
        item: &Item<'_>,
        owned: Option<Owned>,
        make: impl FnOnce() -> Result<T, Errno>,
    ) -> Result<Option<T>> {
        self.claims
            .file(&item.place.path, self.number, &item.absolute, owned, || {
                make().map_err(Into::into)
            })
            .map_err(|why| self.refused(item.member, why))
    }

    fn file(&self, item: &Item<'_>, bytes: Bytes<'_>) -> Result<()> {
        let Place { folder, name, .. } = &item.place;
        let Item { member, .. } = item;
        match bytes {
            Bytes::Read(bytes, buffer) => {
                let flags = OFlags::WRONLY
                    | OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let made = self.claim(item, Some(member.owned), || {
                    clear(&item.place)?;
                    rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o600))
                })?;
                let Some(made) = made else { return Ok(()) };
                member
                    .write(bytes, &mut File::from(made), buffer)
                    .map_err(|error| self.bad(member, error))
            }
            Bytes::File(from) => {
                self.claim(item, Some(member.owned), || {
                    clear(&item.place)?;
                    rustix::fs::renameat(CWD, &from, folder, name)
                })?;
                Ok(())
            }
        }
    }

    fn symlink(&self, item: &Item<'_>) -> Result<()> {
        let Place { folder, name, .. } = &item.place;
        let target = item.member.target.as_slice();
        if target.is_empty() {
            return Err(self.bad(item.member, "a symbolic link without a target"));
        }
        let owned = Owned {
            mode: None,
            ..item.member.owned
        };
        let stood = self.claims.stood(&item.place.path);
        self.claim(item, Some(owned), || {
            // Not made anew: others may be on their way through it.
            let stands = rustix::fs::readlinkat(folder, name, Vec::new());
            if stands.is_ok_and(|stands| stands.as_bytes() == target) {
                return Ok(());
            }
            match clear(&item.place) {
                // As dpkg: a folder that stood there stays.
                Err(Errno::ISDIR) if stood => return Ok(()),
                other => other?,
            }
            rustix::fs::symlinkat(std::ffi::OsStr::from_bytes(target), folder, name)
        })?;
        Ok(())
    }

    fn hard_link(&self, item: &Item<'_>, resolver: &mut Resolver<'_>) -> Result<()> {
        let target = EntryPath::new(&item.member.target)
            .map_err(|error| self.bad(item.member, format!("its link target: {error}")))?;
        let absolute = [b"/", target.as_bytes()].concat();
        let from = resolver
            .place(&self.diverted(&target, &absolute))
            .map_err(|error| self.bad(item.member, error))?;
        if !self.claims.holds(&from.path, self.number) {
            let problem = format!("a hard link to {target}, which is no file before it");
            return Err(self.bad(item.member, problem));
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
