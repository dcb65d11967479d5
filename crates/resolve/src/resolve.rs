//! The whole of it: an edition and what an earlier lock has, to a lock.

use std::{collections::BTreeSet, path::Path, thread};

use edition::Edition;
use jiff::Timestamp;
use lock::{DebianSuite, Lock, Python as Interpreter};
use store::{Fetcher, Store};

use crate::{
    Error, Kept, Result, debian,
    direct::direct,
    git::git,
    interpreter,
    python::Python,
    sources::{self, Resolving},
    target::Target,
    uv::Uv,
};

/// What may change although the earlier lock still satisfies the edition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Update {
    /// Nothing.
    #[default]
    Nothing,
    /// Everything.
    All,
    /// These packages, Debian's and Python's, and what they force.
    Names(BTreeSet<String>),
}

impl Update {
    /// Whether a package may change.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Names(names) => names.contains(name),
        }
    }
}

/// How to resolve.
#[derive(Debug, Clone)]
pub struct Options<'o> {
    /// What may change.
    pub update: Update,
    /// The edition's folder, which local files of the lock are relative to.
    pub folder: &'o Path,
    /// Now: what signatures and a suite's Valid-Until are held against. It is not in the lock.
    pub now: Timestamp,
}

/// Resolves an edition. What `kept` has and the edition allows stays, but for what may change.
/// Warnings come beside the lock.
///
/// # Errors
/// See [`Error`].
pub fn resolve(
    store: &Store,
    fetcher: &Fetcher,
    edition: &Edition,
    kept: &Kept,
    options: &Options<'_>,
) -> Result<(Lock, Vec<String>)> {
    // Both wait for the network most of the time.
    let resolving = Resolving {
        edition,
        store,
        fetcher,
        kept,
        update: &options.update,
        folder: options.folder,
    };
    let (debian, python, git) = thread::scope(|scope| {
        let python = scope.spawn(|| python_side(&resolving));
        let git = scope.spawn(|| git(&resolving));
        let debian = debian_side(store, fetcher, edition, kept, options);
        let lost = || Err(Error::Lost);
        let python = python.join().unwrap_or_else(|_| lost());
        (debian, python, git.join().unwrap_or(Err(Error::Lost)))
    });
    let (debs, date, warnings) = debian?;
    let python = python?;
    let git = git?;

    let mut owners: Vec<_> = edition
        .owners
        .iter()
        .map(|owner| owner.value.clone())
        .collect();
    owners.sort_by(|one, other| one.path.cmp(&other.path));
    let values = |map: &std::collections::BTreeMap<String, edition::Spanned<String>>| {
        map.iter()
            .map(|(name, value)| (name.clone(), value.value.clone()))
            .collect()
    };
    let mut lock = Lock {
        version: lock::VERSION,
        edition: edition.name.clone(),
        created: String::new(),
        platform: format!("linux/{}", edition.debian.architecture),
        debian: DebianSuite {
            suite: edition.debian.suite.value.clone(),
            architecture: edition.debian.architecture.clone(),
            components: edition.debian.components.clone(),
            date,
            snapshot: edition
                .debian
                .snapshot
                .as_ref()
                .map(|time| time.value.clone()),
        },
        python: match python.archive {
            Some(interpreter) => interpreter,
            None => interpreter::of_debian(edition, &debs)?,
        },
        image: lock::Image {
            title: edition.image.title.clone(),
            description: edition.image.description.clone(),
            env: values(&edition.image.env),
            labels: values(&edition.image.labels),
        },
        owners,
        debs,
        wheels: python.wheels,
        sdists: python.sdists,
        sources: python.sources,
        git,
    };
    // The suite moves on every day; a lock that takes nothing new from it is still of its old date.
    if let Some(before) = &kept.whole
        && before.debs == lock.debs
        && before.debian.suite == lock.debian.suite
    {
        lock.debian.date = before.debian.date.clone();
    }
    let commits = lock.git.iter().filter_map(|git| git.date.parse().ok());
    lock.created = created(&lock.debian.date, python.newest.into_iter().chain(commits));
    // What was made here is held to the same rules as what is read.
    let lock = Lock::parse(&lock.to_toml()?, &edition.name)?;
    Ok((lock, warnings))
}

/// The Debian packages, the date of their suite, and warnings.
fn debian_side(
    store: &Store,
    fetcher: &Fetcher,
    edition: &Edition,
    kept: &Kept,
    options: &Options<'_>,
) -> Result<(Vec<lock::Deb>, String, Vec<String>)> {
    let mut warnings = Vec::new();
    let now = options.now.as_second();
    let archive = debian::archive(store, fetcher, edition, now, &mut warnings)?;
    let debs = debian::debs(&archive, edition, kept, &options.update)?;
    Ok((debs, archive.release.date, warnings))
}

/// What does not come from the suite.
struct PythonSide {
    /// The interpreter, if it comes from an archive.
    archive: Option<Interpreter>,
    wheels: Vec<lock::Wheel>,
    sdists: Vec<lock::Sdist>,
    sources: Vec<lock::Source>,
    /// When the index got the newest of the wheels.
    newest: Option<Timestamp>,
}

fn python_side(resolving: &Resolving<'_>) -> Result<PythonSide> {
    let uv = Uv::get(resolving.store, resolving.fetcher)?;
    let scratch = resolving.store.scratch("resolve")?;
    let archive = interpreter::of_archive(resolving)?;
    let target = archive
        .as_ref()
        .map(|python| Target::new(resolving.store, python))
        .transpose()?;
    let python = Python::new(&uv, resolving, direct(resolving)?, target, scratch.path());
    let keep = &resolving.kept.python;
    let (wheels, sdists) = python.packages(keep, resolving.update)?;
    let sources = sources::sources(resolving, &python)?;
    Ok(PythonSide {
        newest: python.newest(),
        archive,
        wheels,
        sdists,
        sources,
    })
}

/// The date of what is newest in the lock: of the suite, a wheel or a commit. Nothing is read from the clock,
/// so that undoing a change gives the old lock.
fn created(suite: &str, others: impl Iterator<Item = Timestamp>) -> String {
    let suite: Option<Timestamp> = suite.parse().ok();
    let newest = suite.into_iter().chain(others).max().unwrap_or_default();
    // Whole seconds: a date for people.
    Timestamp::from_second(newest.as_second())
        .unwrap_or(newest)
        .to_string()
}
