//! What changed between two locks, for people and for scripts.

use std::collections::{BTreeMap, BTreeSet};

use lock::{Lock, Sha256};
use serde::Serialize;

/// One package that came, went or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `deb`, `wheel`, `source`, or `archive` for the interpreter's.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The layer that it is in now, or was.
    pub layer: String,
    /// Its version before, if it was there.
    pub before: Option<String>,
    /// Its version now, if it is there.
    pub after: Option<String>,
    /// Size of its artifact before, in bytes.
    pub size_before: u64,
    /// Size of its artifact now, in bytes.
    pub size_after: u64,
}

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Packages that came, went or changed, by kind and name.
    pub changes: Vec<Change>,
    /// Layers with a package among them, lowest first.
    pub layers: Vec<String>,
    /// Bytes of artifacts that the new lock has and the old one had not.
    pub to_fetch: u64,
}

type Entry = (String, String, u64, Sha256, String);

fn entries(lock: &Lock) -> BTreeMap<(&'static str, &str), Entry> {
    let mut all = BTreeMap::new();
    for deb in &lock.debs {
        let entry = (
            deb.layer.to_string(),
            deb.version.clone(),
            deb.size,
            deb.sha256,
            String::new(),
        );
        all.insert(("deb", deb.name.as_str()), entry);
    }
    for wheel in &lock.wheels {
        let entry = (
            wheel.layer.to_string(),
            wheel.version.clone(),
            wheel.size,
            wheel.sha256,
            wheel.requested.to_string(),
        );
        all.insert(("wheel", wheel.name.as_str()), entry);
    }
    for source in &lock.sources {
        let place = format!("{} {} {:?}", source.subfolder, source.to, source.exclude);
        let entry = (
            source.layer.to_string(),
            source.version.clone(),
            source.size,
            source.sha256,
            place,
        );
        all.insert(("source", source.name.as_str()), entry);
    }
    if let Some(archive) = &lock.python.archive {
        let entry = (
            lock::LayerName::Python.to_string(),
            lock.python.version.clone(),
            archive.size,
            archive.sha256,
            archive.url.clone(),
        );
        all.insert(("archive", "python"), entry);
    }
    all
}

/// Compares a lock with the one before it, if there was one.
pub fn summary(before: Option<&Lock>, after: &Lock) -> Summary {
    let old = before.map(entries).unwrap_or_default();
    let new = entries(after);
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let had: BTreeSet<Sha256> = old.values().map(|entry| entry.3).collect();
    let mut summary = Summary::default();
    let mut layers = BTreeSet::new();
    for key in keys {
        let (before, after) = (old.get(key), new.get(key));
        if before == after {
            continue;
        }
        layers.extend(before.into_iter().chain(after).map(|entry| entry.0.clone()));
        let size = |entry: Option<&Entry>| entry.map_or(0, |entry| entry.2);
        summary.changes.push(Change {
            kind: key.0,
            name: key.1.to_owned(),
            layer: after
                .or(before)
                .map(|entry| entry.0.clone())
                .unwrap_or_default(),
            before: before.map(|entry| entry.1.clone()),
            after: after.map(|entry| entry.1.clone()),
            size_before: size(before),
            size_after: size(after),
        });
        if let Some(entry) = after.filter(|entry| !had.contains(&entry.3)) {
            summary.to_fetch += entry.2;
        }
    }
    summary.layers = lock::LayerName::ALL
        .into_iter()
        .map(|layer| layer.to_string())
        .filter(|layer| layers.contains(layer))
        .collect();
    summary
}
