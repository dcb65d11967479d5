//! The whole of it: an edition and what an earlier lock has, to a lock.

use std::{collections::BTreeSet, path::Path, thread};

use edition::{Edition, PythonSource};
use jiff::Timestamp;
use lock::{DebianSuite, Lock, Python as Interpreter};
use store::{Fetcher, Store};

use crate::{
    Error, Kept, Result, debian,
    direct::direct,
    python::Python,
    sources::{self, Resolving},
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
    if let PythonSource::Standalone { url, .. } = &edition.python.source {
        return Err(Error::NotYet {
            place: url.place.to_string(),
            what: "an interpreter from an archive",
        });
    }
    // Both wait for the network most of the time.
    let (debian, python) = thread::scope(|scope| {
        let python = scope.spawn(|| python_side(store, fetcher, edition, kept, options));
        let debian = debian_side(store, fetcher, edition, kept, options);
        (debian, python.join().unwrap_or(Err(Error::Lost)))
    });
    let (debs, date, warnings) = debian?;
    let (wheels, sources, newest) = python?;

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
        python: interpreter(edition, &debs)?,
        image: lock::Image {
            title: edition.image.title.clone(),
            description: edition.image.description.clone(),
            env: values(&edition.image.env),
            labels: values(&edition.image.labels),
        },
        owners,
        debs,
        wheels,
        sources,
    };
    // The suite moves on every day; a lock that takes nothing new from it is still of its old date.
    if let Some(before) = &kept.whole
        && before.debs == lock.debs
        && before.debian.suite == lock.debian.suite
    {
        lock.debian.date = before.debian.date.clone();
    }
    lock.created = created(&lock.debian.date, newest);
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

/// The wheels, the trees, and when the index got the newest of the wheels.
fn python_side(
    store: &Store,
    fetcher: &Fetcher,
    edition: &Edition,
    kept: &Kept,
    options: &Options<'_>,
) -> Result<(Vec<lock::Wheel>, Vec<lock::Source>, Option<Timestamp>)> {
    let uv = Uv::get(store, fetcher)?;
    let scratch = store.scratch("resolve")?;
    let resolving = Resolving {
        edition,
        store,
        fetcher,
        kept,
        update: &options.update,
        folder: options.folder,
    };
    let python = Python::new(&uv, &resolving, direct(&resolving)?, scratch.path());
    let keep = &kept.python;
    let wheels = python.wheels(keep, &options.update)?;
    let sources = sources::sources(&resolving, &python)?;
    Ok((wheels, sources, python.newest()))
}

/// The date of what is newest in the lock: of the suite, or of a wheel. Nothing is read from the clock,
/// so that undoing a change gives the old lock.
fn created(suite: &str, wheel: Option<Timestamp>) -> String {
    let suite: Option<Timestamp> = suite.parse().ok();
    let newest = suite.into_iter().chain(wheel).max().unwrap_or_default();
    // Whole seconds: a date for people.
    Timestamp::from_second(newest.as_second())
        .unwrap_or(newest)
        .to_string()
}

fn interpreter(edition: &Edition, debs: &[lock::Deb]) -> Result<Interpreter> {
    let wanted = edition.python.version.value;
    let short = format!("{}.{}", wanted.major, wanted.minor);
    let package = format!("python{short}");
    let deb = debs
        .iter()
        .find(|deb| deb.name == package && !wanted.free_threaded)
        .ok_or_else(|| Error::NoInterpreter {
            place: edition.python.version.place.to_string(),
            version: wanted.to_string(),
        })?;
    let upstream = deb
        .version
        .split_once(':')
        .map_or(deb.version.as_str(), |(_, rest)| rest);
    let upstream = upstream
        .rsplit_once('-')
        .map_or(upstream, |(version, _)| version);
    let packages = format!("/usr/local/lib/python{short}/dist-packages");
    Ok(Interpreter {
        version: upstream.to_owned(),
        tag: format!("cp{}{}", wanted.major, wanted.minor),
        interpreter: format!("/usr/bin/{package}"),
        purelib: packages.clone(),
        platlib: packages,
        scripts: "/usr/local/bin".to_owned(),
        headers: format!("/usr/local/include/python{short}"),
        data: "/usr/local".to_owned(),
        archive: None,
    })
}
