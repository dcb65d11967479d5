//! Who brings which path: packages that bring the same file, and which of them wins (Debian Policy,
//! 7.6). The answer does not depend on the order in which threads ask.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    Package, Result,
    error::io as io_error,
    fixup::{Fixup, Owned},
    relation::Relation,
};

/// A package as far as its claims go.
#[derive(Debug)]
pub(crate) struct Claimant {
    /// What a person calls it.
    pub(crate) artifact: String,
    /// `Package`.
    pub(crate) name: String,
    /// `Version`.
    pub(crate) version: String,
    /// The name of its files in dpkg's database.
    pub(crate) database_name: String,
    /// The field `Replaces`.
    pub(crate) replaces: String,
}

impl Claimant {
    pub(crate) fn of(package: &Package) -> Self {
        Self {
            artifact: package.artifact.clone(),
            name: package.name.clone(),
            version: package.version.clone(),
            database_name: package.database_name(),
            replaces: package.field("Replaces").unwrap_or_default().to_owned(),
        }
    }

    fn replaces(&self, other: &Self) -> bool {
        Relation::read_all(&self.replaces)
            .any(|relation| relation.means(&other.name, &other.version))
    }
}

/// What packages hold of a root.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    claimants: Vec<Claimant>,
    round: usize,
    /// Folders that stood before this round: they keep owner and mode, as with dpkg. And links to
    /// folders that stood before the first.
    before: HashSet<PathBuf>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    files: HashMap<PathBuf, Claim>,
    folders: HashMap<PathBuf, (usize, Owned)>,
    losses: BTreeSet<Loss>,
}

#[derive(Debug)]
struct Claim {
    by: usize,
    round: usize,
    /// As the package writes it.
    path: Vec<u8>,
    owned: Option<Owned>,
}

/// A path that a package brings and does not own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Loss {
    /// The package's name in dpkg's database.
    pub(crate) database_name: String,
    /// The absolute path, as in the package.
    pub(crate) path: Vec<u8>,
}

/// Why a path could not be claimed.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another package has it, by this name.
    Held(String),
    /// The package itself has it already.
    Twice,
    /// The system's answer.
    Io(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<rustix::io::Errno> for Refused {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

impl Claims {
    /// Adds a package, and gives its number. Of two that replace each other the later one wins.
    pub(crate) fn add(&mut self, claimant: Claimant) -> usize {
        self.claimants.push(claimant);
        self.claimants.len() - 1
    }

    /// Notes a file that stands already, as the database says.
    pub(crate) fn note(&mut self, by: usize, place: PathBuf, path: Vec<u8>) {
        let claim = Claim {
            by,
            round: self.round,
            path,
            owned: None,
        };
        self.held
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .files
            .insert(place, claim);
    }

    /// Starts a round of unpacking. `before` are the folders that stand.
    pub(crate) fn start_round(&mut self, before: HashSet<PathBuf>) {
        self.round += 1;
        self.before = before;
        self.held().folders.clear();
    }

    /// Ends a round: what is to be set inside, by path, and who lost what.
    pub(crate) fn end_round(&mut self, root: &Path) -> Result<(Vec<Fixup>, BTreeSet<Loss>)> {
        let round = self.round;
        let held = self.held.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut fixups = Vec::new();
        for (path, claim) in held
            .files
            .iter_mut()
            .filter(|(_, claim)| claim.round == round)
        {
            if let Some(owned) = claim.owned.take().filter(Owned::needs_help) {
                fixups.push(Fixup {
                    path: path.clone(),
                    owned,
                });
            }
        }
        for (path, (_, mut owned)) in held.folders.drain() {
            // Whoever came first made it; what counts is what it has got.
            let at = root.join(&path);
            owned.has = at
                .symlink_metadata()
                .map_err(io_error(&at))?
                .permissions()
                .mode()
                & 0o7777;
            if owned.needs_help() {
                fixups.push(Fixup { path, owned });
            }
        }
        fixups.sort_by(|a, b| a.path.cmp(&b.path));
        Ok((fixups, std::mem::take(&mut held.losses)))
    }

    /// Claims a folder at `place` and has `make` make it; that tells whether a folder stands there
    /// then, and not a link to one. The first package that brings a folder says owner and mode.
    pub(crate) fn folder(
        &self,
        place: &Path,
        by: usize,
        owned: Owned,
        make: impl FnOnce() -> Result<bool, Refused>,
    ) -> Result<(), Refused> {
        let mut held = self.held();
        let stood = self.before.contains(place);
        if let Some(claim) = held.files.get(place)
            && !stood
            && claim.round == self.round
            && claim.by != by
        {
            return Err(Refused::Held(self.claimants[claim.by].artifact.clone()));
        }
        if !make()? || stood {
            return Ok(());
        }
        match held.folders.get_mut(place) {
            Some(known) if known.0 <= by => {}
            Some(known) => *known = (by, owned),
            None => {
                held.folders.insert(place.to_owned(), (by, owned));
            }
        }
        Ok(())
    }

    /// Whether a folder, or one of the first links, stood at `place` before this round.
    pub(crate) fn stood(&self, place: &Path) -> bool {
        self.before.contains(place)
    }

    /// Claims a file or link at `place` and has `make` make it, with whatever stood there gone.
    /// Nothing, where another package's file stays.
    pub(crate) fn file<T>(
        &self,
        place: &Path,
        by: usize,
        path: &[u8],
        owned: Option<Owned>,
        make: impl FnOnce() -> Result<T, Refused>,
    ) -> Result<Option<T>, Refused> {
        let mut held = self.held();
        let held = &mut *held;
        if let Some((other, _)) = held.folders.get(place) {
            return Err(Refused::Held(self.claimants[*other].artifact.clone()));
        }
        if let Some(claim) = held.files.get(place) {
            if claim.by == by {
                return Err(Refused::Twice);
            }
            let (me, other) = (&self.claimants[by], &self.claimants[claim.by]);
            let wins = match (me.replaces(other), other.replaces(me)) {
                (true, true) => by > claim.by,
                (true, false) => true,
                (false, true) => false,
                (false, false) => return Err(Refused::Held(other.artifact.clone())),
            };
            let loss = |who: &Claimant, path: &[u8]| Loss {
                database_name: who.database_name.clone(),
                path: path.to_vec(),
            };
            if !wins {
                held.losses.insert(loss(me, path));
                return Ok(None);
            }
            held.losses.insert(loss(other, &claim.path));
        }
        let made = make()?;
        let claim = Claim {
            by,
            round: self.round,
            path: path.to_vec(),
            owned,
        };
        held.files.insert(place.to_owned(), claim);
        Ok(Some(made))
    }

    /// Whether the package holds a file at `place`, so that it may be linked to.
    pub(crate) fn holds(&self, place: &Path, by: usize) -> bool {
        self.held()
            .files
            .get(place)
            .is_some_and(|claim| claim.by == by)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
