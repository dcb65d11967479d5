//! What apt would choose for an empty system: its way of marking, followed step by step. Packages
//! asked for are marked first and cannot be unmarked; then each one's dependencies are walked in
//! the order of its fields, depth first, and for each that nothing marked satisfies the first
//! alternative that can be had is taken. It looks at conflicts, but does not search: where it ends
//! in something broken, the solver takes over.

use std::{collections::HashMap, rc::Rc};

use crate::{
    names::Name,
    packages::{Id, Packages, Term},
    request::Request,
};

/// As apt: what lies deeper is given up.
const DEEPEST: usize = 3000;

/// Marks packages.
pub(crate) struct Marker<'p> {
    packages: &'p Packages,
    recommends: bool,
    keep: &'p std::collections::BTreeMap<String, String>,
    states: HashMap<Name, State>,
    relations: HashMap<Id, Rc<Relations<'p>>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    candidate: Option<Id>,
    marked: Option<Id>,
    protected: bool,
}

/// A package's relations, in apt's order.
#[derive(Debug)]
struct Relations<'p> {
    /// With whether it must be satisfied.
    positive: Vec<(bool, Vec<Term<'p>>)>,
    negative: Vec<Term<'p>>,
}

/// A request as the marker takes it.
pub(crate) type Group<'p> = Vec<Term<'p>>;

impl<'p> Marker<'p> {
    pub(crate) fn new(packages: &'p Packages, request: &'p Request) -> Self {
        let mut marker = Self {
            packages,
            recommends: request.recommends,
            keep: &request.keep,
            states: HashMap::new(),
            relations: HashMap::new(),
        };
        for name in request
            .exclude
            .iter()
            .filter_map(|name| packages.names.find(name))
        {
            let state = marker.state(name);
            (state.candidate, state.protected) = (None, true);
        }
        marker
    }

    /// Marks what is asked for with all that it needs, as far as that goes. Gives all that is
    /// marked, in no order that means anything.
    pub(crate) fn run(mut self, wanted: &[Group<'p>]) -> Vec<Id> {
        let mut names = Vec::new();
        for group in wanted {
            let [term] = group[..] else {
                continue;
            };
            // A package by its own name is marked at once; a provider is sought later.
            let own = self.packages.versions(term.name).iter().copied();
            let fitting: Vec<Id> = self.packages.satisfying(term).collect();
            if let Some(id) = own.into_iter().find(|id| fitting.contains(id)) {
                let kept = self
                    .state(term.name)
                    .candidate
                    .filter(|id| fitting.contains(id));
                let state = self.state(term.name);
                if !state.protected {
                    state.candidate = kept.or(Some(id));
                    state.marked = state.candidate;
                    state.protected = true;
                }
                names.push(term.name);
            }
        }
        for name in names {
            self.mark(name, true, true, 0);
        }
        for group in wanted {
            if !self.satisfied(group) {
                for id in self.solutions(group) {
                    if self.state(self.packages.get(id).name).candidate == Some(id)
                        && self.mark(self.packages.get(id).name, true, false, 1)
                    {
                        break;
                    }
                }
            }
        }
        self.states
            .values()
            .filter_map(|state| state.marked)
            .collect()
    }

    fn state(&mut self, name: Name) -> &mut State {
        let (packages, keep) = (self.packages, self.keep);
        self.states.entry(name).or_insert_with(|| {
            let versions = packages.versions(name);
            let kept = keep.get(packages.names.text(name));
            let kept = kept.and_then(|kept| {
                let mut versions = versions.iter();
                versions.find(|id| *packages.get(**id).version == **kept)
            });
            State {
                candidate: kept.or(versions.first()).copied(),
                ..State::default()
            }
        })
    }

    fn marked(&self, id: Id) -> bool {
        let state = self.states.get(&self.packages.get(id).name);
        state.is_some_and(|state| state.marked == Some(id))
    }

    fn protected(&self, name: Name) -> bool {
        self.states.get(&name).is_some_and(|state| state.protected)
    }

    fn satisfied(&self, group: &[Term<'_>]) -> bool {
        group
            .iter()
            .any(|term| self.packages.satisfying(*term).any(|id| self.marked(id)))
    }

    fn relations(&mut self, id: Id) -> Rc<Relations<'p>> {
        let (packages, recommends) = (self.packages, self.recommends);
        let relations = self.relations.entry(id).or_insert_with(|| {
            let package = packages.get(id);
            let mut positive = Vec::new();
            for (critical, field) in [(true, &package.pre_depends), (true, &package.depends)] {
                positive.extend(
                    packages
                        .groups(field)
                        .into_iter()
                        .map(|group| (critical, group)),
                );
            }
            if recommends {
                let groups = packages.groups(&package.recommends);
                positive.extend(groups.into_iter().map(|group| (false, group)));
            }
            let mut negative = packages.terms(&package.conflicts);
            negative.extend(packages.terms(&package.breaks));
            Rc::new(Relations { positive, negative })
        });
        relations.clone()
    }

    /// The packages that a negative term of `name` hits: never those of that name itself.
    fn hit(&mut self, name: Name, term: Term<'_>) -> Vec<Id> {
        let packages = self.packages;
        let others = packages.satisfying(term);
        others.filter(|id| packages.get(*id).name != name).collect()
    }

    /// Whether a marked package has a relation that does not hold.
    fn broken(&mut self, id: Id) -> bool {
        let relations = self.relations(id);
        let name = self.packages.get(id).name;
        let unmet = |(critical, group): &(bool, Vec<Term<'_>>)| *critical && !self.satisfied(group);
        relations.positive.iter().any(unmet)
            || relations
                .negative
                .iter()
                .any(|term| self.hit(name, *term).into_iter().any(|id| self.marked(id)))
    }

    /// Marks a package, with what it needs if it is `deep`. Whether that worked.
    fn mark(&mut self, name: Name, deep: bool, asked: bool, depth: usize) -> bool {
        let state = *self.state(name);
        let Some(candidate) = state.candidate.filter(|_| depth <= DEEPEST) else {
            return false;
        };
        if !state.protected && state.marked == Some(candidate) && !self.broken(candidate) {
            return true;
        }
        if !deep {
            self.state(name).marked = Some(candidate);
            return true;
        }
        let fail_early = !state.protected && !asked;
        let relations = self.relations(candidate);
        let needs: Vec<&(bool, Vec<Term<'_>>)> = {
            let open = |group: &[Term<'_>]| state.protected || !self.satisfied(group);
            relations
                .positive
                .iter()
                .filter(|(_, group)| open(group))
                .collect()
        };
        let removed = self.make_way(name, &relations.negative, state.protected, asked);
        if !removed && fail_early {
            return false;
        }
        self.state(name).marked = Some(candidate);
        self.state(name).protected = true;
        let met = self.meet(&needs, state.protected, asked, depth);
        self.state(name).protected = state.protected;
        if !met && fail_early {
            self.give_up(name);
            return false;
        }
        removed && met
    }

    /// A package that cannot be had is not tried again.
    fn give_up(&mut self, name: Name) {
        let state = self.state(name);
        (state.marked, state.candidate) = (None, None);
    }

    /// Unmarks what conflicts; what conflicts with a protected package is never to come back.
    fn make_way(
        &mut self,
        name: Name,
        negative: &[Term<'_>],
        propagate: bool,
        asked: bool,
    ) -> bool {
        let mut all = true;
        for term in negative {
            let hit = self.hit(name, *term);
            if !propagate && !hit.iter().any(|id| self.marked(*id)) {
                continue;
            }
            for id in hit {
                let state = self.state(self.packages.get(id).name);
                if state.candidate != Some(id) {
                    continue;
                }
                if state.marked.is_some() && state.protected {
                    all = false;
                    if !propagate && !asked {
                        return false;
                    }
                    continue;
                }
                state.marked = None;
                if propagate {
                    (state.candidate, state.protected) = (None, true);
                }
            }
        }
        all
    }

    /// Marks what satisfies each group.
    fn meet(
        &mut self,
        needs: &[&(bool, Vec<Term<'_>>)],
        propagate: bool,
        asked: bool,
        depth: usize,
    ) -> bool {
        let mut all = true;
        for (critical, group) in needs {
            let name_of = |id: &Id| self.packages.get(*id).name;
            if self.satisfied(group) {
                // Where there is no choice, the choice is protected too.
                if propagate && *critical {
                    let solutions = self.solutions(group);
                    if let [only] = solutions[..]
                        && !self.protected(name_of(&only))
                    {
                        let name = name_of(&only);
                        self.state(name).protected = true;
                        all &= self.mark(name, true, false, depth + 1);
                    }
                }
                continue;
            }
            let solutions = self.solutions(group);
            let mut found = false;
            for id in &solutions {
                let name = self.packages.get(*id).name;
                if self.state(name).candidate != Some(*id) {
                    continue;
                }
                if propagate && *critical && solutions.len() == 1 {
                    if !self.mark(name, false, false, depth + 1) {
                        continue;
                    }
                    self.state(name).protected = true;
                }
                if self.mark(name, true, false, depth + 1) {
                    found = true;
                    break;
                }
            }
            if !found && *critical {
                all = false;
                if !propagate && !asked {
                    break;
                }
            }
        }
        all
    }

    /// What can satisfy a group, the best first: alternative after alternative, and in each the
    /// protected, the kept, the package of that name, essential and important ones, those of
    /// higher priority, and at last whichever the index names later.
    fn solutions(&mut self, group: &[Term<'_>]) -> Vec<Id> {
        let packages = self.packages;
        let mut all: Vec<Id> = Vec::new();
        for term in group {
            let found: Vec<Id> = packages.satisfying(*term).collect();
            let mut found: Vec<Id> = found
                .into_iter()
                .filter(|id| {
                    let state = self.state(packages.get(*id).name);
                    let barred = state.protected && state.marked.is_none();
                    state.candidate == Some(*id) && !barred
                })
                .collect();
            found.sort_by_key(|id| {
                let package = packages.get(*id);
                (
                    !self.protected(package.name),
                    !self.keep.contains_key(packages.names.text(package.name)),
                    package.name != term.name,
                    !package.essential,
                    !package.important,
                    package.priority,
                    std::cmp::Reverse(package.name),
                )
            });
            all.extend(found);
        }
        // Kept packages come first across alternatives, as what is installed does with apt.
        all.sort_by_key(|id| {
            let name = packages.get(*id).name;
            !self.keep.contains_key(packages.names.text(name))
        });
        all.dedup();
        all
    }
}
