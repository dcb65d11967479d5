//! What changed between two locks, for people and for scripts.

use std::collections::{BTreeMap, BTreeSet};

use lock::{LayerName, Lock};
use serde::Serialize;

use crate::Result;

/// One package that came, went or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `deb`, `wheel`, `sdist`, `source`, `git`, or `archive` for the interpreter's.
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

/// One value of the lock's head that came, went or changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its key, such as `image.title` or `image.env.HF_HOME`; of an owner, `owner.` and the path.
    pub name: String,
    /// Before, if it was there.
    pub before: Option<String>,
    /// Now, if it is there.
    pub after: Option<String>,
}

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Packages that came, went or changed, by kind and name.
    pub changes: Vec<Change>,
    /// What else changed: what the image says of itself, the suite, the interpreter, owners, dates.
    /// Of a first lock nothing.
    pub settings: Vec<Setting>,
    /// Layers with a package among them, lowest first.
    pub layers: Vec<String>,
}

impl Summary {
    /// Whether the two locks say the same.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.settings.is_empty()
    }
}

/// Layer, version, size, and the whole entry.
type Entry = (LayerName, String, u64, String);

fn entries(lock: &Lock) -> BTreeMap<(&'static str, &str), Entry> {
    let mut all = BTreeMap::new();
    for deb in &lock.debs {
        let entry = (deb.layer, deb.version.clone(), deb.size, format!("{deb:?}"));
        all.insert(("deb", deb.name.as_str()), entry);
    }
    for wheel in &lock.wheels {
        let (version, whole) = (wheel.version.clone(), format!("{wheel:?}"));
        let entry = (wheel.layer, version, wheel.size, whole);
        all.insert(("wheel", wheel.name.as_str()), entry);
    }
    for sdist in &lock.sdists {
        let (version, whole) = (sdist.with_commit(), format!("{sdist:?}"));
        let entry = (sdist.layer, version, sdist.size(), whole);
        all.insert(("sdist", sdist.name.as_str()), entry);
    }
    for tree in &lock.sources {
        let entry = (
            tree.layer,
            tree.version.clone(),
            tree.size,
            format!("{tree:?}"),
        );
        all.insert(("source", tree.name.as_str()), entry);
    }
    for git in &lock.git {
        let entry = (git.layer, git.with_commit(), git.size, format!("{git:?}"));
        all.insert(("git", git.name.as_str()), entry);
    }
    if let Some(archive) = &lock.python.archive {
        let (version, whole) = (lock.python.version.clone(), format!("{archive:?}"));
        let entry = (LayerName::Python, version, archive.size, whole);
        all.insert(("archive", "python"), entry);
    }
    all
}

/// The head of a lock: all that is no package and no tree, by key.
fn head(lock: &Lock) -> Result<BTreeMap<String, String>> {
    let owners = lock.owners.iter();
    let owners = owners.map(|owner| (format!("owner.{}", owner.path), owner.package.clone()));
    let mut head: BTreeMap<_, _> = owners.collect();
    let mut bare = lock.clone();
    bare.owners.clear();
    (bare.debs, bare.wheels, bare.sdists) = Default::default();
    bare.tools.clear();
    (bare.sources, bare.git) = Default::default();
    if let Some(from) = &mut bare.from {
        // Another digest says it.
        from.size = 0;
    }
    flatten("", toml::Table::try_from(bare)?, &mut head);
    Ok(head)
}

fn flatten(prefix: &str, table: toml::Table, into: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        match value {
            toml::Value::Table(table) => flatten(&format!("{name}."), table, into),
            toml::Value::String(text) => {
                into.insert(name, text);
            }
            other => {
                into.insert(name, other.to_string());
            }
        }
    }
}

fn settings(before: &Lock, after: &Lock) -> Result<Vec<Setting>> {
    let (old, new) = (head(before)?, head(after)?);
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let changed = names.into_iter().map(|name| Setting {
        name: name.clone(),
        before: old.get(name).cloned(),
        after: new.get(name).cloned(),
    });
    Ok(changed
        .filter(|setting| setting.before != setting.after)
        .collect())
}

/// Compares a lock with the one before it, if there was one.
///
/// # Errors
/// [`crate::Error::Write`] for a lock that has no form as TOML.
pub fn summary(before: Option<&Lock>, after: &Lock) -> Result<Summary> {
    let old = before.map(entries).unwrap_or_default();
    let new = entries(after);
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let mut summary = Summary::default();
    if let Some(before) = before {
        summary.settings = settings(before, after)?;
    }
    let mut layers = BTreeSet::new();
    for key in keys {
        let (before, after) = (old.get(key), new.get(key));
        if before == after {
            continue;
        }
        layers.extend(before.into_iter().chain(after).map(|entry| entry.0));
        let size = |entry: Option<&Entry>| entry.map_or(0, |entry| entry.2);
        summary.changes.push(Change {
            kind: key.0,
            name: key.1.to_owned(),
            layer: after
                .or(before)
                .map(|entry| entry.0.to_string())
                .unwrap_or_default(),
            before: before.map(|entry| entry.1.clone()),
            after: after.map(|entry| entry.1.clone()),
            size_before: size(before),
            size_after: size(after),
        });
    }
    summary.layers = layers.iter().map(LayerName::to_string).collect();
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(edit: impl FnOnce(&mut Lock)) -> Summary {
        let before = Lock::starter().unwrap();
        let mut after = before.clone();
        edit(&mut after);
        summary(Some(&before), &after).unwrap()
    }

    #[test]
    fn the_head_counts() {
        assert!(change(|_| ()).is_empty());
        let found = change(|lock| {
            lock.image.title = "Other".to_owned();
            lock.image.env.insert("A".to_owned(), "1".to_owned());
            lock.debian.components.push("contrib".to_owned());
            lock.owners.push(lock::Owner {
                path: "a/".to_owned(),
                package: "b".to_owned(),
            });
        });
        assert!(found.changes.is_empty() && found.layers.is_empty());
        let named = |setting: &Setting| {
            let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
            let (before, after) = (value(&setting.before), value(&setting.after));
            format!("{} {before} {after}", setting.name)
        };
        let named: Vec<String> = found.settings.iter().map(named).collect();
        assert_eq!(
            named,
            [
                "debian.components [\"main\"] [\"main\", \"contrib\"]",
                "image.env.A - 1",
                "image.title ComfyUI Other",
                "owner.a/ - b",
            ]
        );
    }

    #[test]
    fn all_of_an_entry_counts() {
        let found = change(|lock| lock.debs[0].depends.truncate(1));
        assert_eq!(found.changes.len(), 1);
        assert_eq!(found.changes[0].before, found.changes[0].after);
    }

    #[test]
    fn a_first_lock_has_no_settings_that_changed() {
        let found = summary(None, &Lock::starter().unwrap()).unwrap();
        assert!(found.settings.is_empty() && !found.changes.is_empty());
    }
}
