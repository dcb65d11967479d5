//! The closure of a request: what apt marks, if it is sound; else what the solver finds. Then what
//! nothing needs is left out, and it is noted who needs what.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

use lock::Sha256;

use crate::{
    Conflict, Error, Result,
    mark::Marker,
    names::Name,
    packages::{Id, Packages, Term},
    request::Request,
    solver,
};

/// How deep marking may recurse, in bytes of stack. Each of at most 3,000 levels takes under 2 KiB
/// in a release build; the rest is for builds without optimization.
const STACK: usize = 64 << 20;

/// The packages that a request comes to, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The packages, by name.
    pub packages: BTreeMap<String, Chosen>,
}

/// A chosen package, with what a lock says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// `Version`.
    pub version: String,
    /// `Architecture`: the archive's, or `all`.
    pub architecture: String,
    /// `Filename`: the path below the archive's root.
    pub filename: String,
    /// `Size` in bytes.
    pub size: u64,
    /// `SHA256`.
    pub sha256: Sha256,
    /// `Essential: yes`.
    pub essential: bool,
    /// Names of the chosen packages that satisfy its `Depends`, sorted.
    pub depends: Vec<String>,
    /// Names of the chosen packages that satisfy its `Pre-Depends`, sorted.
    pub pre_depends: Vec<String>,
    /// Which requests need it, by their place in the request's list.
    pub requests: BTreeSet<usize>,
    /// Whether the essential packages need it.
    pub base: bool,
}

impl Resolution {
    /// The lowest layer that needs each package. `layers` has, for each request in order, the
    /// number of the layer that makes it; what the essential packages need is in layer 0.
    pub fn layers(&self, layers: &[usize]) -> BTreeMap<&str, usize> {
        let lowest = |chosen: &Chosen| {
            let asking = chosen
                .requests
                .iter()
                .filter_map(|place| layers.get(*place));
            let base = chosen.base.then_some(0);
            asking.copied().chain(base).min().unwrap_or_default()
        };
        let packages = self.packages.iter();
        packages
            .map(|(name, chosen)| (name.as_str(), lowest(chosen)))
            .collect()
    }
}

/// Chooses the packages that `request` needs, as apt would for an empty system. The same input
/// gives the same output.
///
/// # Errors
/// [`Error::Conflict`] when no set of packages satisfies the request.
pub fn resolve(packages: &Packages, request: &Request) -> Result<Resolution> {
    let groups = asked(packages, request)?;
    let wanted: Vec<Vec<Term<'_>>> = groups.iter().map(|(_, group)| group.clone()).collect();
    let marked: BTreeSet<Id> = thread::scope(|scope| {
        let mark = || Marker::new(packages, request).run(&wanted);
        let thread = thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, mark);
        thread.map(|thread| thread.join().unwrap_or_default())
    })
    .map_err(|source| Error::Io {
        path: "(a new thread)".into(),
        source,
    })?
    .into_iter()
    .collect();
    let chosen = if is_sound(packages, &groups, &marked) {
        marked
    } else {
        solver::solve(packages, request, &groups, &marked)?
    };
    Ok(describe(packages, request, &groups, &chosen))
}

/// What is asked for, with its place among the requests; essential packages have none.
type Asked<'p> = (Option<usize>, Vec<Term<'p>>);

/// All that is asked for, essential packages first.
pub(crate) fn asked<'p>(
    packages: &'p Packages,
    request: &'p Request,
) -> Result<Vec<Asked<'p>>, Conflict> {
    let mut groups = Vec::new();
    if request.essential {
        let newest = |id: &Id| packages.versions(packages.get(*id).name).first() == Some(id);
        let all = packages.ids().filter(newest);
        let mut names: Vec<(&str, Name)> = all
            .filter(|id| packages.get(*id).essential)
            .map(|id| (packages.text(id), packages.get(id).name))
            .filter(|(text, _)| !request.exclude.contains(*text))
            .collect();
        names.sort_unstable();
        let group = |name| {
            vec![Term {
                name,
                versions: None,
                real: true,
            }]
        };
        groups.extend(names.into_iter().map(|(_, name)| (None, group(name))));
    }
    let mut missing = Vec::new();
    for (place, wanted) in request.wanted.iter().enumerate() {
        let terms = wanted
            .relations()
            .filter_map(|relation| packages.term(relation));
        // Who asks for a package that there is means that one, as with apt.
        let terms = terms.map(|term| Term {
            real: !packages.versions(term.name).is_empty(),
            ..term
        });
        let group: Vec<Term<'_>> = terms.collect();
        let allowed = |id| !request.exclude.contains(packages.text(id));
        let mut found = group
            .iter()
            .flat_map(|term| packages.satisfying(*term))
            .peekable();
        if found.peek().is_none() {
            missing.push((place, explain_missing(packages, wanted)));
        } else if !found.any(allowed) {
            missing.push((place, format!("{wanted}: the request excludes it")));
        } else {
            groups.push((Some(place), group));
        }
    }
    if missing.is_empty() {
        return Ok(groups);
    }
    let (requests, lines): (Vec<usize>, Vec<String>) = missing.into_iter().unzip();
    Err(Conflict {
        explanation: lines.join("\n"),
        requests,
    })
}

fn explain_missing(packages: &Packages, wanted: &crate::Wanted) -> String {
    let found: Vec<String> = wanted
        .relations()
        .flat_map(|relation| {
            let versions = packages.versions_of(relation.name).into_iter();
            versions.map(move |version| format!("{} {version}", relation.name))
        })
        .collect();
    if found.is_empty() {
        format!("{wanted}: the archive has no such package, and none that provides it")
    } else {
        format!("{wanted}: the archive has only {}", found.join(", "))
    }
}

/// Whether all that is asked for is there, each name once, and every relation holds.
pub(crate) fn is_sound(packages: &Packages, groups: &[Asked<'_>], chosen: &BTreeSet<Id>) -> bool {
    let has = |term: &Term<'_>| packages.satisfying(*term).any(|id| chosen.contains(&id));
    let met = |group: &Vec<Term<'_>>| group.iter().any(has);
    let names: BTreeSet<Name> = chosen.iter().map(|id| packages.get(*id).name).collect();
    names.len() == chosen.len()
        && groups.iter().all(|(_, group)| met(group))
        && chosen.iter().all(|id| {
            let package = packages.get(*id);
            let other = |id: &Id| packages.get(*id).name != package.name && chosen.contains(id);
            let mut negative = packages.terms(&package.conflicts);
            negative.extend(packages.terms(&package.breaks));
            packages.groups(&package.pre_depends).iter().all(met)
                && packages.groups(&package.depends).iter().all(met)
                && !negative
                    .iter()
                    .any(|term| packages.satisfying(*term).any(|id| other(&id)))
        })
}

/// The chosen packages that satisfy a group: all that fit its first alternative that any fits.
fn satisfying(packages: &Packages, group: &[Term<'_>], chosen: &BTreeSet<Id>) -> BTreeSet<Id> {
    let fitting = |term: &Term<'_>| -> BTreeSet<Id> {
        let all = packages.satisfying(*term);
        all.filter(|id| chosen.contains(id)).collect()
    };
    let mut found = group.iter().map(fitting).filter(|found| !found.is_empty());
    found.next().unwrap_or_default()
}

/// Who needs what, and so which packages stay.
fn describe(
    packages: &Packages,
    request: &Request,
    groups: &[Asked<'_>],
    chosen: &BTreeSet<Id>,
) -> Resolution {
    let needs = |id: Id, field: &str| -> BTreeSet<Id> {
        let groups = packages.groups(field);
        let found = groups
            .iter()
            .flat_map(|group| satisfying(packages, group, chosen));
        found.filter(|other| *other != id).collect()
    };
    let mut asking: BTreeMap<Id, BTreeSet<Option<usize>>> = BTreeMap::new();
    for (place, group) in groups {
        let mut queue: Vec<Id> = satisfying(packages, group, chosen).into_iter().collect();
        while let Some(id) = queue.pop() {
            if asking.entry(id).or_default().insert(*place) {
                let package = packages.get(id);
                queue.extend(needs(id, &package.pre_depends));
                queue.extend(needs(id, &package.depends));
                if request.recommends {
                    queue.extend(needs(id, &package.recommends));
                }
            }
        }
    }
    let names = |ids: BTreeSet<Id>| -> Vec<String> {
        let names: BTreeSet<&str> = ids.into_iter().map(|id| packages.text(id)).collect();
        names.into_iter().map(str::to_owned).collect()
    };
    let described = asking.into_iter().map(|(id, asking)| {
        let package = packages.get(id);
        let architecture = if package.all {
            "all"
        } else {
            packages.architecture()
        };
        let chosen = Chosen {
            version: package.version.to_string(),
            architecture: architecture.to_owned(),
            filename: package.filename.to_string(),
            size: package.size,
            sha256: package.sha256,
            essential: package.essential,
            depends: names(needs(id, &package.depends)),
            pre_depends: names(needs(id, &package.pre_depends)),
            base: asking.contains(&None),
            requests: asking.into_iter().flatten().collect(),
        };
        (packages.text(id).to_owned(), chosen)
    });
    Resolution {
        packages: described.collect(),
    }
}
