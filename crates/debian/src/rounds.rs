//! The order of work: essential packages first, then rounds in which no package has a Pre-Depends
//! (Debian Policy, 7.2) on one that is not configured yet.

use std::collections::{BTreeMap, BTreeSet};

use lock::Deb;

/// The essential packages with all that they depend on, by their place in `debs`.
pub(crate) fn essential(debs: &[&Deb]) -> Vec<usize> {
    let places = places(debs);
    let mut wanted = BTreeSet::new();
    let mut queue: Vec<usize> = (0..debs.len()).filter(|at| debs[*at].essential).collect();
    while let Some(at) = queue.pop() {
        if wanted.insert(at) {
            let all = debs[at].depends.iter().chain(&debs[at].pre_depends);
            queue.extend(all.filter_map(|name| places.get(name.as_str())));
        }
    }
    wanted.into_iter().collect()
}

/// The rest, in rounds: the packages of each can be unpacked together and then configured together,
/// once those of the rounds before are configured.
///
/// What is not in `debs` at all counts as configured. Packages that pre-depend on each other in a
/// circle cannot be told apart, and come in one round.
pub(crate) fn rounds(debs: &[&Deb], configured: &[usize]) -> Vec<Vec<usize>> {
    let places = places(debs);
    let mut left: BTreeSet<usize> = (0..debs.len()).collect();
    for at in configured {
        left.remove(at);
    }
    let mut rounds = Vec::new();
    while !left.is_empty() {
        let mut round = left.clone();
        // Who has to wait, and then who depends on one that has to wait.
        loop {
            let waits = |at: &usize| {
                let before = debs[*at]
                    .pre_depends
                    .iter()
                    .filter_map(|n| places.get(n.as_str()));
                let with = debs[*at]
                    .depends
                    .iter()
                    .filter_map(|n| places.get(n.as_str()));
                before.clone().any(|other| left.contains(other))
                    || with
                        .clone()
                        .any(|other| left.contains(other) && !round.contains(other))
            };
            let waiting: Vec<usize> = round.iter().filter(|at| waits(at)).copied().collect();
            if waiting.is_empty() {
                break;
            }
            for at in waiting {
                round.remove(&at);
            }
        }
        if round.is_empty() {
            round = left.clone();
        }
        for at in &round {
            left.remove(at);
        }
        rounds.push(round.into_iter().collect());
    }
    rounds
}

fn places<'d>(debs: &[&'d Deb]) -> BTreeMap<&'d str, usize> {
    debs.iter()
        .enumerate()
        .map(|(at, deb)| (deb.name.as_str(), at))
        .collect()
}

#[cfg(test)]
mod tests {
    use lock::{LayerName, Sha256};

    use super::*;

    fn deb(name: &str, essential: bool, depends: &[&str], pre_depends: &[&str]) -> Deb {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Deb {
            layer: LayerName::Base,
            name: name.to_owned(),
            version: "1".to_owned(),
            architecture: "all".to_owned(),
            filename: format!("pool/{name}.deb"),
            size: 1,
            sha256: Sha256([0; 32]),
            essential,
            depends: names(depends),
            pre_depends: names(pre_depends),
        }
    }

    #[test]
    fn pre_depends_come_a_round_earlier() {
        let debs = [
            deb("app", false, &["lib", "python"], &[]),
            deb("lib", false, &["sh"], &[]),
            deb("minimal", false, &[], &["core"]),
            deb("core", false, &["lib"], &["sh"]),
            deb("python", false, &[], &["minimal"]),
            deb("sh", true, &["libc"], &[]),
            deb("libc", false, &[], &[]),
        ];
        let debs: Vec<&Deb> = debs.iter().collect();
        let first = essential(&debs);
        assert_eq!(first, [5, 6]);
        assert_eq!(rounds(&debs, &first), [vec![1, 3], vec![2], vec![0, 4]]);
    }

    #[test]
    fn a_circle_ends() {
        let debs = [deb("a", false, &[], &["b"]), deb("b", false, &[], &["a"])];
        let debs: Vec<&Deb> = debs.iter().collect();
        assert_eq!(rounds(&debs, &[]), [vec![0, 1]]);
    }
}
