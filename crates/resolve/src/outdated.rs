//! What has newer versions than a lock: those that the edition allows, and those that there are.

use std::{collections::BTreeMap, thread};

use debian_archive::Packages;
use edition::Edition;
use lock::{Artifact, LayerName, Lock, Source};
use pep440_rs::Version;
use store::{Fetcher, Store};

use crate::{
    Error, FROM, Kept, Options, Result, Update,
    newest::{projects, suite, version_of},
    resolve::resolve,
    tags::Tags,
};

/// An entry of the lock that has a newer version.
#[derive(Debug, Clone)]
pub struct Newer {
    /// `deb`, `wheel`, `sdist`, `source` or `git`; `from` for the image below.
    pub kind: &'static str,
    /// The layer that it is in.
    pub layer: LayerName,
    /// Its name.
    pub name: String,
    /// Of a tree that is taken from a wheel of the Python index: the wheel's project. The versions here
    /// are the wheel's, as the tree may be called anything. Of the image below: where it is.
    pub project: Option<String>,
    /// Its version in the lock.
    pub locked: String,
    /// The version that `lock --update` takes, if it is another.
    pub allowed: Option<String>,
    /// The newest that there is, where it is newer than both: of the default index for this Python and
    /// platform, pre-releases apart, or of the suite as it is today, also where the edition has a
    /// snapshot of it.
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
    // The edition pins an interpreter's archive by its digest: there is no newer one to look for.
    let kept = Kept {
        interpreter: Some(lock.python.clone()),
        ..Kept::nothing()
    };
    let tags = Tags::new(edition.python.version.value);
    // All three wait for the network most of the time.
    let (resolved, projects, today) = thread::scope(|scope| {
        let projects = scope.spawn(|| projects(fetcher, &tags, lock));
        let today = scope.spawn(|| suite(store, fetcher, edition, options.now));
        let resolved = resolve(store, fetcher, edition, &kept, &all);
        (resolved, projects.join(), today.join())
    });
    let (allowed, mut warnings) = resolved?;
    let projects = projects.unwrap_or(Err(Error::Lost))?;
    let (today, more) = today.map_err(|_| Error::Lost)?;
    for warning in more {
        // Without a snapshot both looked at the same suite.
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    let mut newer = entries(lock, &allowed);
    newest(&projects, today.as_ref(), &mut newer);
    newer.retain(|entry| entry.allowed.is_some() || entry.newest.is_some());
    newer.sort_by(|one, other| (one.layer, &one.name).cmp(&(other.layer, &other.name)));
    Ok((newer, warnings))
}

/// Every entry of the lock, with the allowed version where that is another.
fn entries(lock: &Lock, allowed: &Lock) -> Vec<Newer> {
    let mut entries = Vec::new();
    if let Some(old) = &lock.from {
        let short = |from: &lock::BaseImage| from.digest.to_string()[..12].to_owned();
        // By the word that `lock --update` takes.
        let mut entry = Newer::of(FROM, LayerName::Base, FROM, short(old));
        entry.project = Some(old.image.clone());
        let new = allowed.from.as_ref();
        if let Some(new) = new.filter(|new| new.digest != old.digest) {
            entry.allow(short(new), None, lock, |lock| lock.from = Some(new.clone()));
        }
        entries.push(entry);
    }
    for (at, old) in lock.debs.iter().enumerate() {
        let new = allowed.debs.iter().find(|new| new.name == old.name);
        let new = new.filter(|new| new.version != old.version);
        let mut entry = Newer::of("deb", old.layer, &old.name, old.version.clone());
        if let Some(new) = new {
            entry.allow(new.version.clone(), Some(new.artifact()), lock, |lock| {
                // Its dependencies as they are, so that the lock holds together.
                let (layer, depends) = (old.layer, old.depends.clone());
                lock.debs[at] = new.clone();
                (lock.debs[at].layer, lock.debs[at].depends) = (layer, depends);
            });
        }
        entries.push(entry);
    }
    for (at, old) in lock.wheels.iter().enumerate() {
        let new = allowed.wheels.iter().find(|new| new.name == old.name);
        let new = new.filter(|new| new.version != old.version);
        let mut entry = Newer::of("wheel", old.layer, &old.name, old.version.clone());
        if let Some(new) = new {
            entry.allow(new.version.clone(), Some(new.artifact()), lock, |lock| {
                lock.wheels[at] = new.clone();
                lock.wheels[at].layer = old.layer;
            });
        }
        entries.push(entry);
    }
    for (at, old) in lock.sdists.iter().enumerate() {
        let new = allowed.sdists.iter().find(|new| new.name == old.name);
        let commit = |sdist: &lock::Sdist| sdist.git.as_ref().map(|git| git.commit);
        let same = |new: &lock::Sdist| new.version == old.version && commit(new) == commit(old);
        let new = new.filter(|new| !same(new));
        let mut entry = Newer::of("sdist", old.layer, &old.name, old.with_commit());
        if let Some(new) = new {
            entry.allow(new.with_commit(), new.artifact(), lock, |lock| {
                lock.sdists[at] = new.clone();
                lock.sdists[at].layer = old.layer;
            });
        }
        entries.push(entry);
    }
    for (at, old) in lock.sources.iter().enumerate() {
        let new = allowed.sources.iter().find(|new| new.name == old.name);
        let new = new.filter(|new| new.sha256 != old.sha256);
        let mut entry = Newer::of("source", old.layer, &old.name, tree_version(old));
        entry.project.clone_from(&old.project);
        if let Some(new) = new {
            entry.allow(tree_version(new), Some(new.artifact()), lock, |lock| {
                lock.sources[at] = new.clone();
            });
        }
        entries.push(entry);
    }
    for (at, old) in lock.git.iter().enumerate() {
        let is = |new: &&lock::Git| (new.layer, &new.name) == (old.layer, &old.name);
        let new = allowed.git.iter().find(is);
        let new = new.filter(|new| new.commit != old.commit);
        let mut entry = Newer::of("git", old.layer, &old.name, old.with_commit());
        if let Some(new) = new {
            entry.allow(new.with_commit(), None, lock, |lock| {
                lock.git[at] = new.clone();
            });
        }
        entries.push(entry);
    }
    entries
}

impl Newer {
    /// An entry that nothing newer is known of.
    fn of(kind: &'static str, layer: LayerName, name: &str, locked: String) -> Self {
        Self {
            kind,
            layer,
            name: name.to_owned(),
            project: None,
            locked,
            allowed: None,
            newest: None,
            artifact: None,
            lock: None,
        }
    }

    /// Notes the version that is allowed; `change` puts it into a lock.
    fn allow(
        &mut self,
        version: String,
        artifact: Option<Artifact>,
        lock: &Lock,
        change: impl FnOnce(&mut Lock),
    ) {
        let mut lock = lock.clone();
        change(&mut lock);
        self.allowed = Some(version);
        self.artifact = artifact;
        self.lock = Some(lock);
    }
}

/// A tree's version; of one that is taken from a wheel of the index, the wheel's.
fn tree_version(tree: &Source) -> String {
    let of_wheel = tree.project.as_ref().and(version_of(&tree.filename));
    of_wheel.unwrap_or(&tree.version).to_owned()
}

/// Notes what there is beyond what is allowed.
fn newest(projects: &BTreeMap<String, Version>, suite: Option<&Packages>, entries: &mut [Newer]) {
    for entry in entries {
        let known = entry.allowed.as_ref().unwrap_or(&entry.locked);
        entry.newest = match (entry.kind, &entry.project) {
            ("deb", _) => suite
                .and_then(|suite| suite.newer(&entry.name, known))
                .map(str::to_owned),
            ("wheel", _) => newer_project(projects, &entry.name, known),
            (_, Some(project)) => newer_project(projects, project, known),
            _ => None,
        };
    }
}

fn newer_project(projects: &BTreeMap<String, Version>, name: &str, known: &str) -> Option<String> {
    let (newest, known) = (projects.get(name)?, known.parse::<Version>().ok()?);
    (*newest > known).then(|| newest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn trees_of_wheels_and_packages_of_the_suite_have_a_newest() {
        let lock = Lock::starter().unwrap();
        let mut entries = entries(&lock, &lock);
        let deb = &lock.debs[0];
        let stanza = |version: &str| {
            format!(
                "Package: {}\nVersion: {version}\nArchitecture: amd64\nFilename: x.deb\nSize: 1\n\
                 SHA256: {}\n\n",
                deb.name, deb.sha256
            )
        };
        let mut today = Packages::new("amd64");
        let text = [stanza(&deb.version), stanza("9:9-9")].concat();
        today.read("test", text.as_bytes()).unwrap();
        let tree = lock.sources.iter().find(|tree| tree.name == "ComfyUI");
        let project = tree.unwrap().project.clone().unwrap();
        let versions = [(project, "999"), ("tqdm".to_owned(), "0.1")];
        let projects = versions.map(|(name, version)| (name, version.parse().unwrap()));
        newest(&BTreeMap::from(projects), Some(&today), &mut entries);
        let found = entries.iter().filter(|entry| entry.newest.is_some());
        let found: Vec<_> = found
            .map(|entry| (entry.name.as_str(), entry.newest.as_deref().unwrap()))
            .collect();
        assert_eq!(found, [(deb.name.as_str(), "9:9-9"), ("ComfyUI", "999")]);
        // The tree's own version is the edition's word for it, and says nothing of the wheel.
        let tree = entries
            .iter()
            .find(|entry| entry.name == "ComfyUI")
            .unwrap();
        let filename = &lock
            .sources
            .iter()
            .find(|tree| tree.name == "ComfyUI")
            .unwrap()
            .filename;
        assert!(
            filename.contains(&format!("-{}-", tree.locked)),
            "{filename}"
        );
    }
}
