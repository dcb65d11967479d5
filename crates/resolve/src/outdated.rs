//! What has newer versions than a lock: those that the edition allows, and those that there are.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use edition::Edition;
use lock::{Artifact, LayerName, Lock, Origin};
use pep440_rs::Version;
use store::{Fetcher, Store};

use crate::{Kept, Options, Result, Update, resolve::resolve, tags::Tags};

/// How many projects' pages are read at a time.
const AT_ONCE: usize = 8;

/// An entry of the lock that has a newer version.
#[derive(Debug, Clone)]
pub struct Newer {
    /// `deb`, `wheel` or `source`.
    pub kind: &'static str,
    /// The layer that it is in.
    pub layer: LayerName,
    /// Its name.
    pub name: String,
    /// Its version in the lock.
    pub locked: String,
    /// The version that `lock --update` takes, if it is another.
    pub allowed: Option<String>,
    /// The newest that the index has for this Python and platform, where it is newer than both.
    /// Pre-releases do not count.
    pub newest: Option<String>,
    /// The artifact of the allowed version.
    pub artifact: Option<Artifact>,
    /// The lock with the allowed version of this entry and nothing else changed.
    pub lock: Option<Lock>,
}

/// What has newer versions, by layer and name, and warnings. Nothing is written but downloads.
///
/// # Errors
/// As [`resolve`]; an index that does not answer.
pub fn outdated(
    store: &Store,
    fetcher: &Fetcher,
    edition: &Edition,
    lock: &Lock,
    options: &Options<'_>,
) -> Result<(Vec<Newer>, Vec<String>)> {
    let all = Options {
        update: Update::All,
        ..options.clone()
    };
    let (allowed, warnings) = resolve(store, fetcher, edition, &Kept::nothing(), &all)?;
    let mut newer = entries(lock, &allowed);
    let tags = Tags::new(edition.python.version.value);
    newest(fetcher, &tags, lock, &mut newer)?;
    newer.retain(|entry| entry.allowed.is_some() || entry.newest.is_some());
    newer.sort_by(|one, other| (one.layer, &one.name).cmp(&(other.layer, &other.name)));
    Ok((newer, warnings))
}

/// Every entry of the lock, with the allowed version where that is another.
fn entries(lock: &Lock, allowed: &Lock) -> Vec<Newer> {
    let with = |change: &dyn Fn(&mut Lock)| {
        let mut lock = lock.clone();
        change(&mut lock);
        lock
    };
    let mut entries = Vec::new();
    for (at, deb) in lock.debs.iter().enumerate() {
        let new = allowed.debs.iter().find(|new| new.name == deb.name);
        let new = new.filter(|new| new.version != deb.version);
        entries.push(Newer {
            kind: "deb",
            layer: deb.layer,
            name: deb.name.clone(),
            locked: deb.version.clone(),
            allowed: new.map(|new| new.version.clone()),
            newest: None,
            artifact: new.map(lock::Deb::artifact),
            lock: new.map(|new| {
                with(&|lock| {
                    let (layer, depends) = (deb.layer, deb.depends.clone());
                    lock.debs[at] = new.clone();
                    // Its dependencies as they are, so that the lock holds together.
                    (lock.debs[at].layer, lock.debs[at].depends) = (layer, depends);
                })
            }),
        });
    }
    for (at, wheel) in lock.wheels.iter().enumerate() {
        let new = allowed.wheels.iter().find(|new| new.name == wheel.name);
        let new = new.filter(|new| new.version != wheel.version);
        entries.push(Newer {
            kind: "wheel",
            layer: wheel.layer,
            name: wheel.name.clone(),
            locked: wheel.version.clone(),
            allowed: new.map(|new| new.version.clone()),
            newest: None,
            artifact: new.map(lock::Wheel::artifact),
            lock: new.map(|new| {
                with(&|lock| {
                    lock.wheels[at] = new.clone();
                    lock.wheels[at].layer = wheel.layer;
                })
            }),
        });
    }
    for (at, tree) in lock.sources.iter().enumerate() {
        let new = allowed.sources.iter().find(|new| new.name == tree.name);
        let new = new.filter(|new| new.sha256 != tree.sha256);
        entries.push(Newer {
            kind: "source",
            layer: tree.layer,
            name: tree.name.clone(),
            locked: tree.version.clone(),
            allowed: new.map(|new| new.version.clone()),
            newest: None,
            artifact: new.map(lock::Source::artifact),
            lock: new.map(|new| with(&|lock| lock.sources[at] = new.clone())),
        });
    }
    entries
}

/// Asks the default index for the newest version of every wheel that comes from it.
fn newest(fetcher: &Fetcher, tags: &Tags, lock: &Lock, entries: &mut [Newer]) -> Result<()> {
    let wheels = lock.wheels.iter();
    let of_index = |wheel: &&lock::Wheel| matches!(wheel.artifact().origin, Origin::Python { .. });
    let wheels: Vec<&lock::Wheel> = wheels.filter(of_index).collect();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let work = || {
        while let Some(entry) = wheels.get(next.fetch_add(1, Ordering::Relaxed)) {
            let names = fetcher.file_names(&entry.name);
            let best = names.map(|names| best(&names, tags));
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.push((entry.name.clone(), best));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..wheels.len().min(AT_ONCE) {
            scope.spawn(work);
        }
    });
    let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (name, best) in found {
        let Some(best) = best? else { continue };
        for entry in entries.iter_mut().filter(|entry| entry.name == name) {
            let known = entry.allowed.as_ref().unwrap_or(&entry.locked);
            let is_newer = known.parse::<Version>().is_ok_and(|known| best > known);
            if entry.kind == "wheel" && is_newer {
                entry.newest = Some(best.to_string());
            }
        }
    }
    Ok(())
}

/// The newest final version among wheels that fit.
fn best(names: &[String], tags: &Tags) -> Option<Version> {
    names
        .iter()
        .filter(|name| tags.rank(name).is_some())
        .filter_map(|name| name.split('-').nth(1)?.parse::<Version>().ok())
        .filter(|version| !version.any_prerelease())
        .max()
}

#[cfg(test)]
mod tests {
    use edition::PythonVersion;

    use super::*;

    #[test]
    fn the_newest_final_version_that_fits() {
        let tags = Tags::new(PythonVersion {
            major: 3,
            minor: 14,
            free_threaded: false,
        });
        let names = [
            "a-1.9-py3-none-any.whl",
            "a-1.10-cp314-cp314-manylinux_2_28_x86_64.whl",
            "a-1.11-cp313-cp313-manylinux_2_28_x86_64.whl",
            "a-2.0rc1-py3-none-any.whl",
            "a-2.0.dev3-py3-none-any.whl",
            "a-3.tar.gz",
        ];
        let names = names.map(str::to_owned);
        assert_eq!(best(&names, &tags).unwrap().to_string(), "1.10");
        assert!(best(&names[2..], &tags).is_none());
    }

    #[test]
    fn entries_with_another_version_give_a_lock_each() {
        let lock = Lock::starter().unwrap();
        let mut allowed = lock.clone();
        let wheel = allowed.wheels.iter_mut().find(|wheel| wheel.name == "tqdm");
        wheel.unwrap().version = "999".to_owned();
        allowed.debs[0].version = "9:9-9".to_owned();
        let entries = entries(&lock, &allowed);
        assert_eq!(
            entries.len(),
            lock.debs.len() + lock.wheels.len() + lock.sources.len()
        );
        let changed: Vec<_> = entries.iter().filter(|e| e.allowed.is_some()).collect();
        assert_eq!(changed.len(), 2);
        for entry in changed {
            let summary = crate::summary(Some(&lock), entry.lock.as_ref().unwrap()).unwrap();
            assert_eq!(summary.changes.len(), 1);
            assert_eq!(summary.changes[0].name, entry.name);
        }
    }
}
