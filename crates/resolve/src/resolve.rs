//! The whole of it: an edition and what an earlier lock has, to a lock.

use std::{collections::BTreeSet, path::Path, thread};

use edition::{Edition, PythonSource};
use jiff::Timestamp;
use layer::Context;
use lock::{DebianSuite, Lock, Python as Interpreter};
use oci_image::Below;
use store::{Fetcher, Store};

use crate::{
    Error, Kept, Result,
    below::{self, below, keeping},
    debian,
    direct::direct,
    from_git::{from_git, is_from_git},
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
    /// Whether a package is named, so that it is built again even where nothing else changed.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        matches!(self, Self::Names(names) if names.contains(name))
    }

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
    /// Build what is built from source and has no wheel in the lock yet. Packages from git are built in any
    /// case: without its wheel, nobody knows what one needs.
    pub build: bool,
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
    // First: others keep to its versions.
    let below = below(&resolving, &platform(edition))?;
    let below = below.as_ref();
    let frame = |debian: &DebianSide| frame(edition, kept, debian, below);
    let debian = || debian_side(&resolving, below, options.now);
    // What comes from git is built on the system.
    let first = edition.requirements().any(|(_, line)| is_from_git(line));
    let (debian, python, git) = thread::scope(|scope| {
        let git = scope.spawn(|| git(&resolving));
        let (debian, python) = if first {
            let debian = debian()?;
            let python = python_side(&resolving, below, Some(&frame(&debian)?));
            (Ok(debian), python)
        } else {
            let python = scope.spawn(|| python_side(&resolving, below, None));
            let debian = debian();
            (debian, python.join().unwrap_or(Err(Error::Lost)))
        };
        Ok::<_, Error>((debian, python, git.join().unwrap_or(Err(Error::Lost))))
    })?;
    let debian = debian?;
    let python = python?;
    let mut lock = frame(&debian)?;
    lock.from = below.map(|below| below.from.clone());
    if let Some(interpreter) = python.archive {
        lock.python = interpreter;
    }
    lock.git = git?;
    (lock.wheels, lock.sdists) = (python.wheels, python.sdists);
    (lock.tools, lock.sources) = (python.tools, python.sources);
    let commits = lock.git.iter().map(|git| &git.date);
    let built = lock.sdists.iter().filter_map(|sdist| sdist.git.as_ref());
    let commits = commits.chain(built.map(|git| &git.date));
    let below = below.and_then(|below| below.config.get("created")?.as_str());
    let dates = commits.map(String::as_str).chain(below);
    let dates = dates.filter_map(|date| date.parse().ok());
    lock.created = created(&lock.debian.date, python.newest.into_iter().chain(dates));
    wheels_from_source(&resolving, &mut lock, options.build)?;
    // What was made here is held to the same rules as what is read.
    let lock = Lock::parse(&lock.to_toml()?, &edition.name)?;
    Ok((lock, debian.warnings))
}

/// The OCI platform.
fn platform(edition: &Edition) -> String {
    format!("linux/{}", edition.debian.architecture)
}

/// A lock with what comes from the suite and from the edition itself.
fn frame(
    edition: &Edition,
    kept: &Kept,
    debian: &DebianSide,
    below: Option<&Below>,
) -> Result<Lock> {
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
        platform: platform(edition),
        from: None,
        debian: DebianSuite {
            suite: edition.debian.suite.value.clone(),
            architecture: edition.debian.architecture.clone(),
            components: edition.debian.components.clone(),
            date: debian.date.clone(),
            snapshot: edition
                .debian
                .snapshot
                .as_ref()
                .map(|time| time.value.clone()),
        },
        python: match &edition.python.source {
            PythonSource::Debian => interpreter::of_debian(edition, &debian.debs)?,
            PythonSource::Standalone { .. } => interpreter::none(),
        },
        image: lock::Image {
            title: edition.image.title.clone(),
            description: edition.image.description.clone(),
            env: values(&edition.image.env),
            labels: values(&edition.image.labels),
        },
        owners,
        debs: debian.debs.clone(),
        wheels: Vec::new(),
        sdists: Vec::new(),
        tools: Vec::new(),
        sources: Vec::new(),
        git: Vec::new(),
    };
    // The suite moves on every day; a lock that takes nothing new from it is still of its old date.
    if let Some(before) = &kept.whole
        && before.debs == lock.debs
        && before.debian.suite == lock.debian.suite
    {
        lock.debian.date = before.debian.date.clone();
    }
    // The system's files are dated by it: with another date it would not be the one that is below.
    if let Some((suite, date)) = below.and_then(Below::debian)
        && suite == lock.debian.suite
    {
        lock.debian.date = date.to_owned();
    }
    Ok(lock)
}

/// Says in the lock what comes of packages that are built from source: as the earlier lock has it, or by
/// building them where `build` allows it.
fn wheels_from_source(with: &Resolving<'_>, lock: &mut Lock, build: bool) -> Result<()> {
    if lock.sdists.is_empty() {
        return Ok(());
    }
    let cx = Context::new(with.store.clone(), with.fetcher.clone()).map_err(Box::new)?;
    let anew = |name: &str| with.update.is_named(name);
    from_source::complete(&cx, with.kept.whole.as_ref(), lock, build, anew)
        .map_err(|(package, source)| Error::FromSource { package, source })
}

/// What comes from the suite.
struct DebianSide {
    debs: Vec<lock::Deb>,
    /// The suite's.
    date: String,
    warnings: Vec<String>,
}

fn debian_side(with: &Resolving<'_>, below: Option<&Below>, now: Timestamp) -> Result<DebianSide> {
    let mut warnings = Vec::new();
    let (edition, now) = (with.edition, now.as_second());
    let archive = debian::archive(with.store, with.fetcher, edition, now, &mut warnings)?;
    let lower = below::debian(below);
    let (keep, update) = keeping(&with.kept.debian, lower.as_ref(), with.update);
    let debs = debian::debs(&archive, edition, &keep, &update)?;
    Ok(DebianSide {
        debs,
        date: archive.release.date,
        warnings,
    })
}

/// What does not come from the suite.
struct PythonSide {
    /// The interpreter, if it comes from an archive.
    archive: Option<Interpreter>,
    wheels: Vec<lock::Wheel>,
    sdists: Vec<lock::Sdist>,
    tools: Vec<lock::Tool>,
    sources: Vec<lock::Source>,
    /// When the index got the newest of the wheels.
    newest: Option<Timestamp>,
}

/// `system` is what packages from git are built on.
fn python_side(
    resolving: &Resolving<'_>,
    below: Option<&Below>,
    system: Option<&Lock>,
) -> Result<PythonSide> {
    let uv = Uv::get(resolving.store, resolving.fetcher)?;
    let scratch = resolving.store.scratch("resolve")?;
    let archive = interpreter::of_archive(resolving)?;
    let target = archive
        .as_ref()
        .map(|python| Target::new(resolving.store, python))
        .transpose()?;
    let mut python = Python::new(&uv, resolving, direct(resolving)?, target, scratch.path());
    if let Some(system) = system {
        let mut system = system.clone();
        if let Some(interpreter) = &archive {
            system.python = interpreter.clone();
        }
        let packages = from_git(resolving, &python, &system, scratch.path())?;
        python.add(packages);
    }
    let lower = below::python(below);
    let (keep, update) = keeping(&resolving.kept.python, lower.as_ref(), resolving.update);
    let (wheels, sdists, tools) = python.packages(&keep, &update)?;
    let sources = sources::sources(resolving, &python)?;
    Ok(PythonSide {
        newest: python.newest(),
        archive,
        wheels,
        sdists,
        tools,
        sources,
    })
}

/// The date of what is newest in the lock: of the suite, a wheel, a commit or the image below. Nothing is read from the clock,
/// so that undoing a change gives the old lock.
fn created(suite: &str, others: impl Iterator<Item = Timestamp>) -> String {
    let suite: Option<Timestamp> = suite.parse().ok();
    let newest = suite.into_iter().chain(others).max().unwrap_or_default();
    // Whole seconds: a date for people.
    Timestamp::from_second(newest.as_second())
        .unwrap_or(newest)
        .to_string()
}
