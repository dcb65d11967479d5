//! Making one stage: a root with packages unpacked and configured, listed, and made ours to read.

use std::{
    collections::{BTreeSet, HashSet},
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use layer::Context;
use lock::Deb;
use rayon::prelude::*;

use crate::{
    Error, Package, Result,
    ahead::{self, Ahead},
    claims::{Claims, Loss},
    clean,
    closure::{open_all, unpack_fresh},
    configure::Configurator,
    database::Database,
    error::io as io_error,
    fixup::{self, Fixup, Owned},
    record::{self, Is, Record},
    rounds, triggers,
    unpack::{Diversions, List, Rules, Source, unpack_all},
};

/// Packages that are configured before all others, one by one: the first writes `/etc/passwd`, and
/// nearly everything wants users and groups.
const FIRST: [&str; 2] = ["base-passwd", "base-files"];

/// A system of Debian packages, configured, as far as one layer of the image brings it.
#[derive(Debug, Clone)]
pub struct Stage {
    /// What the layer adds to and changes in the stage below; all of it, for the lowest. Its files
    /// lie in the store.
    pub tree: layer::Tree,
    /// The whole system as a folder, for `Sandbox::new`. Owners and modes are the caller's own.
    pub root: PathBuf,
    /// The layer's packages.
    pub packages: Vec<layer::Package>,
}

/// Packages whose files are in the root, and which dpkg does not know yet.
struct Unpacked<'p> {
    packages: Vec<&'p Package>,
    lists: Vec<List>,
    losses: BTreeSet<Loss>,
}

/// A root being made.
pub(crate) struct Making<'a> {
    pub(crate) cx: &'a Context,
    pub(crate) root: &'a Path,
    /// The version of the dpkg inside, for the scripts.
    pub(crate) dpkg_version: &'a str,
    /// Seconds since 1970 UTC.
    pub(crate) epoch: i64,
}

impl Making<'_> {
    /// Unpacks and configures `debs` in the root. With `lower`, the root has a copy of that.
    pub(crate) fn make(&self, debs: &[&Deb], lower: Option<&Record>) -> Result<Record> {
        let packages = open_all(self.cx, debs)?;
        let database = Database::new(self.root);
        let configurator = Configurator::new(self.root, self.dpkg_version, self.epoch);
        let mut claims = Claims::default();
        let mut configured = Vec::new();
        let mut essential = None;
        match lower {
            Some(lower) => {
                self.give_back_owners(lower, &configurator)?;
                claims = database.claims()?;
            }
            None => {
                configured = rounds::essential(debs);
                let all = configured.iter().map(|at| &packages[*at]).collect();
                essential = Some(self.unpack_essential(all, &configurator, &mut claims)?);
            }
        }
        let rounds = rounds::rounds(debs, &configured, |at| packages[at].is_scripted());
        ahead::beside(self.cx, &packages, &rounds, |ahead| {
            if let Some(essential) = &essential {
                self.enter_essential(essential, &configurator)?;
            }
            configurator.without_services(self.root, || {
                if let Some(essential) = &essential {
                    self.configure_essential(essential, &configurator)?;
                }
                for round in &rounds {
                    self.round(round, &packages, ahead, &configurator, &mut claims)?;
                }
                configurator.check()
            })
        })?;
        self.finish(&configurator)
    }

    /// Unpacks the essential packages: before that no script can run.
    fn unpack_essential<'p>(
        &self,
        packages: Vec<&'p Package>,
        configurator: &Configurator,
        claims: &mut Claims,
    ) -> Result<Unpacked<'p>> {
        Database::new(self.root).create()?;
        let diversions = Diversions::new();
        let rules = Rules {
            diversions: &diversions,
            conffiles_aside: true,
        };
        let sources: Vec<Source<'_>> = packages.iter().map(|package| (*package).into()).collect();
        let lists = unpack_fresh(self.cx, &sources, self.root, rules, claims)?;
        let (fixups, losses) = claims.end_round(self.root)?;
        fixup::apply(configurator.sandbox(), &fixups, "")?;
        Ok(Unpacked {
            packages,
            lists,
            losses,
        })
    }

    /// Runs their preinst scripts, which need what was unpacked, and tells dpkg of them.
    fn enter_essential(&self, unpacked: &Unpacked<'_>, configurator: &Configurator) -> Result<()> {
        let mut first = unpacked.packages.clone();
        first.sort_by_key(|package| {
            FIRST
                .iter()
                .position(|name| *name == package.name)
                .unwrap_or(FIRST.len())
        });
        for package in &first {
            configurator.preinst(package)?;
        }
        self.enter(unpacked)
    }

    fn configure_essential(
        &self,
        unpacked: &Unpacked<'_>,
        configurator: &Configurator,
    ) -> Result<()> {
        for name in FIRST {
            if unpacked.packages.iter().any(|package| package.name == name) {
                configurator.configure(&[name])?;
            }
        }
        configurator.configure(&[])
    }

    /// Unpacks and configures packages together.
    fn round(
        &self,
        round: &[usize],
        packages: &[Package],
        ahead: &mut Ahead<'_>,
        configurator: &Configurator,
        claims: &mut Claims,
    ) -> Result<()> {
        let together: Vec<&Package> = round.iter().map(|at| &packages[*at]).collect();
        for package in &together {
            configurator.preinst(package)?;
        }
        let sources = ahead.take(round)?;
        let database = Database::new(self.root);
        let diversions = database.diversions()?;
        let rules = Rules {
            diversions: &diversions,
            conffiles_aside: true,
        };
        claims.start_round(folders(self.root));
        let lists = unpack_all(self.cx, &sources, self.root, rules, claims)?;
        let (fixups, losses) = claims.end_round(self.root)?;
        fixup::apply(
            configurator.sandbox(),
            &fixups,
            &database.overrides(&lists)?,
        )?;
        self.enter(&Unpacked {
            packages: together,
            lists,
            losses,
        })?;
        configurator.configure(&[])
    }

    fn enter(&self, unpacked: &Unpacked<'_>) -> Result<()> {
        let Unpacked {
            packages,
            lists,
            losses,
        } = unpacked;
        let database = Database::new(self.root);
        database.enter(packages, lists)?;
        database.take_out(losses)?;
        triggers::note(&database, packages, lists)
    }

    /// Lists the root as it is to be, and makes it the caller's own.
    fn finish(&self, configurator: &Configurator) -> Result<Record> {
        // base-files' postinst makes it, and `/var/lock` leads to it; but what scripts make in /run
        // goes away with the sandbox's memory.
        let lock = self.root.join("run/lock");
        if self.root.join("var/lock").is_symlink() && !lock.exists() {
            fs::create_dir(&lock).map_err(io_error(&lock))?;
            fs::set_permissions(&lock, fs::Permissions::from_mode(0o1777))
                .map_err(io_error(&lock))?;
        }
        let listed = sandbox::list(configurator.sandbox()).map_err(Error::Listing)?;
        let capabilities = record::capabilities(self.root, &listed)?;
        sandbox::flatten(configurator.sandbox()).map_err(Error::Listing)?;
        Record::new(clean::clean(self.root, listed)?, capabilities)
    }

    /// A copy has the caller's owners and modes: sets those that the record has.
    fn give_back_owners(&self, lower: &Record, configurator: &Configurator) -> Result<()> {
        let mut fixups = Vec::new();
        for kept in &lower.entries {
            let path = kept.path.as_path();
            let at = self.root.join(path);
            let has = match kept.is {
                Is::Hardlink(_) => continue,
                Is::Symlink(_) => 0,
                _ => {
                    fs::metadata(&at)
                        .map_err(io_error(&at))?
                        .permissions()
                        .mode()
                        & 0o7777
                }
            };
            let mode = Some(kept.mode).filter(|_| !matches!(kept.is, Is::Symlink(_)));
            let owned = Owned {
                uid: kept.uid,
                gid: kept.gid,
                mode,
                has,
            };
            if owned.needs_help() {
                fixups.push(Fixup {
                    path: path.to_owned(),
                    owned,
                });
            }
        }
        fixup::apply(configurator.sandbox(), &fixups, "")
    }
}

/// Copies a kept root; what the record does not name is left out.
pub(crate) fn copy(cx: &Context, record: &Record, from: &Path, to: &Path) -> Result<()> {
    for kept in &record.entries {
        let at = to.join(kept.path.as_path());
        match &kept.is {
            Is::Dir => fs::create_dir(&at),
            Is::Symlink(target) => symlink(target.as_path(), &at),
            _ => Ok(()),
        }
        .map_err(io_error(at))?;
    }
    cx.install(|| {
        record
            .entries
            .par_iter()
            .filter(|kept| matches!(kept.is, Is::File(_)))
            .try_for_each(|kept| {
                let (from, to) = (from.join(kept.path.as_path()), to.join(kept.path.as_path()));
                fs::copy(&from, &to).map(drop).map_err(io_error(to))
            })
    })?;
    for kept in &record.entries {
        if let Is::Hardlink(first) = &kept.is {
            let at = to.join(kept.path.as_path());
            fs::hard_link(to.join(first.as_path()), &at).map_err(io_error(at))?;
        }
    }
    Ok(())
}

/// The folders of a root. One that we may not read is not one that packages unpack to.
fn folders(root: &Path) -> HashSet<PathBuf> {
    fn walk(root: &Path, folder: &Path, found: &mut HashSet<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(root.join(folder))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                let path = folder.join(entry.file_name());
                let _ = walk(root, &path, found);
                found.insert(path);
            }
        }
        Ok(())
    }
    let mut found = HashSet::new();
    let _ = walk(root, Path::new(""), &mut found);
    found
}
