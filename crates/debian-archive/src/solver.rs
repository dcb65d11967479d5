//! Where marking ends in something broken: the same question as a problem for resolvo, which finds
//! a set if there is one, and explains it if there is none. What was marked comes first among the
//! candidates, so that the answer differs from apt's first choice only where it must.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use resolvo::{
    Candidates, Condition, ConditionId, ConditionalRequirement, Dependencies, DependencyProvider,
    Interner, KnownDependencies, NameId, Problem, Requirement, SolvableId, Solver, SolverCache,
    StringId, UnsolvableOrCancelled, VersionSetId, VersionSetUnionId, conflict::ConflictEdge,
};

use crate::{
    Conflict,
    names::Name,
    packages::{Id, Packages, Term},
    request::Request,
};

/// Finds a set of packages that has one of each group and in which every relation holds. The
/// request that a group stands for is told with it, for the explanation; essential packages have
/// none. `marked` are the packages to be preferred.
pub(crate) fn solve(
    packages: &Packages,
    request: &Request,
    groups: &[(Option<usize>, Vec<Term<'_>>)],
    marked: &BTreeSet<Id>,
) -> Result<BTreeSet<Id>, Conflict> {
    let archive = Archive {
        packages,
        request,
        marked,
        sets: RefCell::default(),
        unions: RefCell::default(),
    };
    let mut asked: BTreeMap<Requirement, usize> = BTreeMap::new();
    let mut requirements: Vec<ConditionalRequirement> = Vec::new();
    for (place, group) in groups {
        let requirement = archive.requirement(group);
        if let Some(place) = place {
            asked.insert(requirement, *place);
        }
        requirements.push(requirement.into());
    }
    let mut solver = Solver::new(archive);
    match solver.solve(Problem::new().requirements(requirements)) {
        Ok(found) => Ok(found.into_iter().map(package).collect()),
        Err(UnsolvableOrCancelled::Cancelled(_)) => Err(Conflict {
            explanation: "the resolver gave up".to_owned(),
            requests: Vec::new(),
        }),
        Err(UnsolvableOrCancelled::Unsolvable(conflict)) => {
            let graph = conflict.graph(&solver);
            let mut requests: Vec<usize> = graph
                .graph
                .edges(graph.root_node)
                .filter_map(|edge| match edge.weight() {
                    ConflictEdge::Requires(requirement) => asked.get(requirement).copied(),
                    ConflictEdge::Conflict(_) => None,
                })
                .collect();
            requests.sort_unstable();
            requests.dedup();
            let explanation = conflict.display_user_friendly(&solver).to_string();
            Err(Conflict {
                explanation: explanation.trim_end().to_owned(),
                requests,
            })
        }
    }
}

/// The index as resolvo sees it. A virtual package is not a package there: a relation is a union
/// of the packages that satisfy it.
struct Archive<'p> {
    packages: &'p Packages,
    request: &'p Request,
    marked: &'p BTreeSet<Id>,
    sets: RefCell<Vec<Set>>,
    unions: RefCell<Vec<Vec<VersionSetId>>>,
}

/// Some versions of one package.
#[derive(Clone)]
struct Set {
    name: Name,
    versions: Vec<Id>,
    text: String,
}

fn package(id: SolvableId) -> Id {
    Id(id.into_raw())
}

fn solvable(id: Id) -> SolvableId {
    SolvableId::from_raw(id.0)
}

impl Archive<'_> {
    fn set(&self, set: Set) -> VersionSetId {
        let mut sets = self.sets.borrow_mut();
        sets.push(set);
        VersionSetId(sets.len() as u32 - 1)
    }

    /// A group of alternatives: one set for each package name that can satisfy it, those that are
    /// marked first, and then in the group's order.
    fn requirement(&self, group: &[Term<'_>]) -> Requirement {
        let mut sets: Vec<Set> = Vec::new();
        for term in group {
            for id in self.packages.satisfying(*term) {
                let name = self.packages.get(id).name;
                match sets.iter_mut().find(|set| set.name == name) {
                    Some(set) => set.versions.push(id),
                    None => sets.push(Set {
                        name,
                        versions: vec![id],
                        text: self.text(name, *term),
                    }),
                }
            }
        }
        if let ([], Some(term)) = (&sets[..], group.first()) {
            let text = self.text(term.name, *term);
            let versions = Vec::new();
            sets.push(Set {
                name: term.name,
                versions,
                text,
            });
        }
        sets.sort_by_key(|set| !set.versions.iter().any(|id| self.marked.contains(id)));
        let mut ids: Vec<_> = sets.into_iter().map(|set| self.set(set)).collect();
        match ids.pop() {
            Some(only) if ids.is_empty() => only.into(),
            last => {
                ids.extend(last);
                let mut unions = self.unions.borrow_mut();
                unions.push(ids);
                VersionSetUnionId(unions.len() as u32 - 1).into()
            }
        }
    }

    /// A term as a person reads it, behind the name of a package that satisfies it.
    fn text(&self, name: Name, term: Term<'_>) -> String {
        let versions = term
            .versions
            .map(|(operator, version)| format!("({} {version})", operator.as_str()));
        match (versions, name == term.name) {
            (Some(versions), true) => versions,
            (None, true) => String::new(),
            (versions, false) => {
                let provided = self.packages.names.text(term.name);
                let versions = versions.map(|text| format!(" {text}")).unwrap_or_default();
                format!("for {provided}{versions}")
            }
        }
    }

    /// What a negative term forbids, as sets that allow all else.
    fn constrain(&self, own: Name, term: Term<'_>, constrains: &mut Vec<VersionSetId>) {
        let mut hit: BTreeMap<Name, Vec<Id>> = BTreeMap::new();
        for id in self.packages.satisfying(term) {
            let name = self.packages.get(id).name;
            if name != own {
                hit.entry(name).or_default().push(id);
            }
        }
        for (name, hit) in hit {
            let versions = self.packages.versions(name).iter().copied();
            let versions = versions.filter(|id| !hit.contains(id)).collect();
            let versions_hit = term
                .versions
                .map(|(operator, version)| format!("other than ({} {version})", operator.as_str()));
            let text = match (name == term.name, versions_hit) {
                (true, Some(text)) => text,
                (true, None) => "in no version".to_owned(),
                (false, _) => {
                    let provided = self.packages.names.text(term.name);
                    format!("in no version that provides {provided}")
                }
            };
            constrains.push(self.set(Set {
                name,
                versions,
                text,
            }));
        }
    }
}

impl Interner for Archive<'_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, id: SolvableId) -> impl Display + '_ {
        let package = self.packages.get(package(id));
        format!(
            "{} {}",
            self.packages.names.text(package.name),
            package.version
        )
    }

    fn display_merged_solvables(&self, ids: &[SolvableId]) -> impl Display + '_ {
        let Some(first) = ids.first() else {
            return String::new();
        };
        let versions: BTreeSet<&str> = ids
            .iter()
            .map(|id| &*self.packages.get(package(*id)).version)
            .collect();
        let versions: Vec<&str> = versions.into_iter().collect();
        format!(
            "{} {}",
            self.packages.text(package(*first)),
            versions.join(" | ")
        )
    }

    fn display_name(&self, name: NameId) -> impl Display + '_ {
        self.packages.names.text(Name(name.into_raw()))
    }

    fn display_version_set(&self, id: VersionSetId) -> impl Display + '_ {
        self.sets.borrow()[id.0 as usize].text.clone()
    }

    fn display_string(&self, _: StringId) -> impl Display + '_ {
        "the request excludes it"
    }

    fn version_set_name(&self, id: VersionSetId) -> NameId {
        NameId::from_raw(self.sets.borrow()[id.0 as usize].name.0)
    }

    fn solvable_name(&self, id: SolvableId) -> NameId {
        NameId::from_raw(self.packages.get(package(id)).name.0)
    }

    fn version_sets_in_union(&self, id: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        self.unions.borrow()[id.0 as usize].clone().into_iter()
    }

    /// Debian has no conditional relations between binary packages, so nobody has such an id.
    fn resolve_condition(&self, _: ConditionId) -> Condition {
        Condition::Requirement(VersionSetId(0))
    }
}

impl DependencyProvider for Archive<'_> {
    async fn filter_candidates(
        &self,
        candidates: &[SolvableId],
        set: VersionSetId,
        inverse: bool,
    ) -> Vec<SolvableId> {
        let sets = self.sets.borrow();
        let versions = &sets[set.0 as usize].versions;
        let fits = |id: &&SolvableId| versions.contains(&package(**id)) != inverse;
        candidates.iter().filter(fits).copied().collect()
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        let name = Name(name.into_raw());
        let versions = self.packages.versions(name).iter().copied().map(solvable);
        let mut candidates = Candidates {
            candidates: versions.collect(),
            ..Candidates::default()
        };
        if self
            .request
            .exclude
            .contains(self.packages.names.text(name))
        {
            // They stay candidates, so that an explanation can name them.
            let all = candidates.candidates.iter();
            candidates.excluded = all.map(|id| (*id, StringId(0))).collect();
        }
        Some(candidates)
    }

    async fn sort_candidates(&self, _: &SolverCache<Self>, ids: &mut [SolvableId]) {
        ids.sort_by_key(|id| {
            let id = package(*id);
            let package = self.packages.get(id);
            let name = self.packages.names.text(package.name);
            let kept = self.request.keep.get(name).map(String::as_str);
            let versions = self.packages.versions(package.name);
            (
                !self.marked.contains(&id),
                kept != Some(&*package.version),
                versions.iter().position(|version| *version == id),
            )
        });
    }

    async fn get_dependencies(&self, id: SolvableId) -> Dependencies {
        let package = self.packages.get(package(id));
        let mut known = KnownDependencies::default();
        for field in [&package.pre_depends, &package.depends] {
            for group in self.packages.groups(field) {
                known.requirements.push(self.requirement(&group).into());
            }
        }
        for field in [&package.conflicts, &package.breaks] {
            for term in self.packages.terms(field) {
                self.constrain(package.name, term, &mut known.constrains);
            }
        }
        Dependencies::Known(known)
    }
}
