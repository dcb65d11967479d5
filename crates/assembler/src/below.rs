//! Layers on top of another image: what of them is there already, and what of it would show through.

use std::collections::{BTreeMap, BTreeSet};

use layer::{Context, Layer};
use oci_image::{Below, Held};
use store::Key;

use crate::{Error, Meta, Result};

/// How many packages an error names.
const LISTED: usize = 10;

/// The context in which the layers' plans that the image below has are not built again. A part of ours in it
/// that is none of these plans is hidden by newer ones, file by file; so each of its packages must be in
/// the layers too, at the same version, or files of it would stay to be seen.
///
/// # Errors
/// [`Error::Shows`] with all such packages.
pub(crate) fn standing(cx: &Context, meta: &Meta, layers: &[Box<dyn Layer>]) -> Result<Context> {
    let Some(below) = &meta.below else {
        return Ok(cx.clone());
    };
    let mut keys = BTreeSet::new();
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for layer in layers {
        let plans = layer.plans().map_err(|source| Error::Layer {
            layer: layer.name().to_owned(),
            source: Box::new(source),
        })?;
        for plan in plans.into_iter().flatten() {
            keys.insert(plan.tars());
            for package in plan.packages() {
                let of_name = versions.entry(package.name.clone()).or_default();
                of_name.insert(package.version.clone());
            }
        }
    }
    let shows = shows(below.held(), &keys, &versions, meta.whole);
    if shows.is_empty() {
        return Ok(cx.standing_on(below.tars()));
    }
    Err(error(below, &shows))
}

/// Packages of the image below that are not in the layers as they are: with what the layers have.
fn shows(
    held: impl Iterator<Item = Held>,
    keys: &BTreeSet<Key>,
    versions: &BTreeMap<String, BTreeSet<String>>,
    whole: bool,
) -> BTreeSet<String> {
    let mut shows = BTreeSet::new();
    for held in held.filter(|held| !keys.contains(&held.tars)) {
        for (name, version) in held.packages {
            let ours = versions.get(&name);
            let line = match ours {
                Some(ours) if ours.contains(&version) => continue,
                Some(ours) => {
                    let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
                    format!("{name} {version} (the edition has {})", ours.join(", "))
                }
                // An image that ends early leaves upper layers as they are below.
                None if !whole => continue,
                None => format!("{name} {version} (the edition does not have it)"),
            };
            shows.insert(line);
        }
    }
    shows
}

fn error(below: &Below, shows: &BTreeSet<String>) -> Error {
    let mut list: String = shows
        .iter()
        .take(LISTED)
        .map(|line| format!("\n  {line}"))
        .collect();
    if let Some(more) = shows.len().checked_sub(LISTED + 1) {
        list += &format!("\n  and {} more", more + 1);
    }
    Error::Shows {
        image: below.from.image.clone(),
        list,
    }
}

#[cfg(test)]
mod tests {
    use store::KeyBuilder;

    use super::*;

    fn key(name: &str) -> Key {
        KeyBuilder::new(name).finish()
    }

    fn held(name: &str, packages: &[(&str, &str)]) -> Held {
        let packages = packages.iter();
        Held {
            part: name.to_owned(),
            tars: key(name),
            kind: "wheel".to_owned(),
            packages: packages
                .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn what_would_show_through_is_listed() {
        let keys = BTreeSet::from([key("same")]);
        let version = |text: &str| BTreeSet::from([text.to_owned()]);
        let versions = BTreeMap::from([
            ("a".to_owned(), version("1")),
            ("b".to_owned(), version("2")),
        ]);
        let all = |whole| {
            let below = [
                held("same", &[("whatever", "1")]),
                held("older group", &[("a", "1"), ("b", "1"), ("gone", "3")]),
            ];
            let lines = shows(below.into_iter(), &keys, &versions, whole);
            lines.into_iter().collect::<Vec<_>>()
        };
        let other = "b 1 (the edition has 2)";
        assert_eq!(all(true), [other, "gone 3 (the edition does not have it)"]);
        assert_eq!(all(false), [other]);
    }
}
