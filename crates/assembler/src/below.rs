//! Layers on top of another image: what of them is there already, and what of it would show through.

use std::collections::{BTreeMap, BTreeSet};

use layer::{Context, Layer, Plan};
use lock::{LayerName, Lock};
use oci_image::{Below, BelowLayer, Held};
use store::Key;

use crate::{Error, Meta, Result, edition::layers};

/// How many packages an error names.
const LISTED: usize = 10;

/// A plan, and the name of its layer.
pub(crate) struct Planned<'l> {
    pub(crate) layer: &'l str,
    pub(crate) plan: Plan<'l>,
}

impl Planned<'_> {
    /// What the part is called in annotations, where it is one.
    fn part(&self) -> String {
        format!("{}: {}", self.layer, self.plan.name())
    }
}

/// The plans of layers, lowest first.
///
/// # Errors
/// [`Error::Layer`] when a layer cannot say what it would make.
pub(crate) fn planned(layers: &[Box<dyn Layer>]) -> Result<Vec<Planned<'_>>> {
    let mut all = Vec::new();
    for layer in layers {
        let plans = layer.plans().map_err(|source| Error::Layer {
            layer: layer.name().to_owned(),
            source: Box::new(source),
        })?;
        let layer = layer.name();
        all.extend(
            plans
                .into_iter()
                .flatten()
                .map(|plan| Planned { layer, plan }),
        );
    }
    Ok(all)
}

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
    let plans = planned(layers)?;
    refuse(below, &plans, meta.whole)?;
    Ok(cx.standing_on(stands(below, &plans)))
}

/// Whether what a lock comes to can stand on an image: what a build looks at first, for whoever does not build.
///
/// # Errors
/// [`Error::Shows`] with what would be seen; a lock that lacks what a layer needs.
pub fn fits(lock: &Lock, below: &Below) -> Result<()> {
    refuse(below, &planned(&layers(lock, LayerName::Runtime)?)?, true)
}

fn refuse(below: &Below, plans: &[Planned<'_>], whole: bool) -> Result<()> {
    let shows = Had::new(plans).shows(below.held(), whole);
    match shows.is_empty() {
        true => Ok(()),
        false => Err(error(below, &shows)),
    }
}

/// The keys of the plans that stand in the image below as they are. What lies under a layer of somebody else's
/// does not: that layer may have changed or deleted any of its files, so it is added anew, on top.
pub(crate) fn stands(below: &Below, plans: &[Planned<'_>]) -> BTreeSet<Key> {
    let from_the_top = below.layers.iter().rev();
    let seen = from_the_top.map_while(BelowLayer::held);
    uncovered(&seen.collect::<Vec<_>>(), plans)
}

/// Those of `plans` that are whole among the layers of ours that nobody else's lies upon.
fn uncovered(seen: &[Held], plans: &[Planned<'_>]) -> BTreeSet<Key> {
    let mut parts: BTreeMap<Key, BTreeSet<&str>> = BTreeMap::new();
    for held in seen {
        parts.entry(held.tars).or_default().insert(&held.part);
    }
    // A stage that is added anew hides files of those after it; so these come anew too.
    let mut stages = true;
    let stand = plans.iter().map(|planned| {
        let tars = planned.plan.tars();
        let mut stands = parts
            .get(&tars)
            .is_some_and(|names| is_whole(&planned.part(), names));
        if planned.plan.is_stage() {
            stages &= stands;
            stands = stages;
        }
        stands.then_some(tars)
    });
    stand.flatten().collect()
}

/// Whether all parts of a plan are there: one, or `1/n` to `n/n`, as they are named.
fn is_whole(part: &str, names: &BTreeSet<&str>) -> bool {
    let numbered = names.iter().filter_map(|name| numbered(name));
    let numbers: Vec<(u64, u64)> = numbered
        .filter(|(of, ..)| *of == part)
        .map(|(_, at, several)| (at, several))
        .collect();
    let is_all = |several: u64| (1..=several).all(|at| numbers.contains(&(at, several)));
    let most = numbers.len() as u64;
    let mut counts = numbers.iter().map(|(_, several)| *several);
    names.contains(part) || counts.any(|several| several > 0 && several <= most && is_all(several))
}

/// The name of one of several parts, taken apart: that of the plan, which one, of how many.
fn numbered(name: &str) -> Option<(&str, u64, u64)> {
    let (of, number) = name.rsplit_once(' ')?;
    let (at, several) = number.split_once('/')?;
    Some((of, at.parse().ok()?, several.parse().ok()?))
}

/// What the layers have, to hold a part of the image below against.
struct Had {
    keys: BTreeSet<Key>,
    /// Versions of packages, by the kind that their part's annotation has, and the name.
    versions: BTreeMap<(String, String), BTreeSet<String>>,
    parts: BTreeSet<String>,
}

impl Had {
    fn new(plans: &[Planned<'_>]) -> Self {
        let mut had = Self {
            keys: plans.iter().map(|planned| planned.plan.tars()).collect(),
            versions: BTreeMap::new(),
            parts: plans.iter().map(Planned::part).collect(),
        };
        for planned in plans {
            let packages = planned.plan.packages();
            let Some(first) = packages.first() else {
                continue;
            };
            for package in packages {
                let name = (first.kind.clone(), package.name.clone());
                let of_name = had.versions.entry(name).or_default();
                of_name.insert(package.version.clone());
            }
        }
        had
    }

    /// What of the image below is not in the layers as it is: packages, with what the layers have of them, and
    /// parts that hold none and that no part of the same name takes the place of.
    fn shows(&self, held: impl Iterator<Item = Held>, whole: bool) -> BTreeSet<String> {
        let mut shows = BTreeSet::new();
        for held in held.filter(|held| !self.keys.contains(&held.tars)) {
            let plan = numbered(&held.part).map_or(held.part.as_str(), |(of, ..)| of);
            // An image that ends early leaves upper layers as they are below.
            if whole && held.packages.is_empty() && !self.parts.contains(plan) {
                shows.insert(format!("{plan:?} (the edition does not have this part)"));
            }
            for (name, version) in held.packages {
                let key = (held.kind.clone(), name);
                let ours = self.versions.get(&key);
                let (kind, name) = key;
                let line = match ours {
                    Some(ours) if ours.contains(&version) => continue,
                    Some(ours) => {
                        let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
                        format!(
                            "{kind} {name} {version} (the edition has {})",
                            ours.join(", ")
                        )
                    }
                    None if !whole => continue,
                    None => format!("{kind} {name} {version} (the edition does not have it)"),
                };
                shows.insert(line);
            }
        }
        shows
    }
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
    use layer::{Package, Tree};
    use store::KeyBuilder;

    use super::*;

    fn plan(name: &str) -> Plan<'static> {
        Plan::new(name, KeyBuilder::new(name).finish(), 1, |_| Ok(Tree::new()))
    }

    fn packages(kind: &str, packages: &[(&str, &str)]) -> Vec<Package> {
        let packages = packages.iter();
        packages
            .map(|(name, version)| Package {
                kind: kind.to_owned(),
                name: (*name).to_owned(),
                version: (*version).to_owned(),
            })
            .collect()
    }

    fn held(tars: &str, part: &str, kind: &str, packages: &[(&str, &str)]) -> Held {
        let packages = packages.iter();
        Held {
            part: format!("l: {part}"),
            tars: plan(tars).tars(),
            kind: kind.to_owned(),
            packages: packages
                .map(|(name, version)| ((*name).to_owned(), (*version).to_owned()))
                .collect(),
        }
    }

    fn on(plans: impl IntoIterator<Item = Plan<'static>>) -> Vec<Planned<'static>> {
        let plans = plans.into_iter();
        plans.map(|plan| Planned { layer: "l", plan }).collect()
    }

    #[test]
    fn what_would_show_through_is_listed() {
        let plans = on([
            plan("same"),
            plan("runtime"),
            plan("wheels").holding(packages("wheel", &[("a", "1"), ("b", "2")])),
            plan("system").holding(packages("deb", &[("c", "1")])),
        ]);
        let had = Had::new(&plans);
        let all = |whole| {
            let below = [
                held("same", "same", "wheel", &[("whatever", "1")]),
                held(
                    "group",
                    "group",
                    "wheel",
                    &[("a", "1"), ("b", "1"), ("gone", "3")],
                ),
                held("other", "other", "wheel", &[("c", "1")]),
                held("older runtime", "runtime", "", &[]),
                held("older links", "links 1/2", "", &[]),
            ];
            let lines = had.shows(below.into_iter(), whole);
            lines.into_iter().collect::<Vec<_>>()
        };
        let other = "wheel b 1 (the edition has 2)";
        let lines = [
            "\"l: links\" (the edition does not have this part)",
            other,
            "wheel c 1 (the edition does not have it)",
            "wheel gone 3 (the edition does not have it)",
        ];
        assert_eq!(all(true), lines);
        assert_eq!(all(false), [other]);
    }

    #[test]
    fn of_several_parts_all_must_be_there() {
        let plans = on([plan("x")]);
        let stands = |parts: &[&str]| {
            let seen = parts.iter().map(|part| held("x", part, "", &[]));
            uncovered(&seen.collect::<Vec<_>>(), &plans).len() == 1
        };
        assert!(stands(&["x"]) && stands(&["x 1/2", "x 2/2"]));
        for lacking in [
            &["x 2/3", "x 3/3"][..],
            &["x 0/0"],
            &["y"],
            &["x 1/2", "x 2/3"],
        ] {
            assert!(!stands(lacking), "{lacking:?}");
        }
    }

    #[test]
    fn after_a_stage_that_is_added_anew_the_others_are_too() {
        let plans = on([plan("one").stage(), plan("two").stage(), plan("three")]);
        let seen = ["two", "three"].map(|name| held(name, name, "", &[]));
        assert_eq!(uncovered(&seen, &plans), [plan("three").tars()].into());
        let seen = ["one", "two"].map(|name| held(name, name, "", &[]));
        assert_eq!(uncovered(&seen, &plans).len(), 2);
    }
}
