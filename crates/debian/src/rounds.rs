//! The order of work: essential packages first, then rounds in which no package has a Pre-Depends
//! (Debian Policy, 7.2) on one that is not configured yet. In each round those that have scripts to run
//! come first, so that the bytes of the others can be read meanwhile.

use std::collections::BTreeSet;

use lock::Deb;

use crate::depends::{places, with_dependencies};

/// The essential packages with all that they depend on, by their place in `debs`.
pub(crate) fn essential(debs: &[&Deb]) -> Vec<usize> {
    let essential = (0..debs.len()).filter(|at| debs[*at].essential);
    let all = with_dependencies(debs, &places(debs), essential, |_| true);
    all.into_iter().collect()
}

/// The rest, in rounds: the packages of each can be unpacked together and then configured together,
/// once those of the rounds before are configured.
///
/// What is not in `debs` at all counts as configured. Packages that pre-depend on each other in a
/// circle cannot be told apart, and come in one round. Of what could come in one round the packages that
/// have a script to run, by `scripted`, come before the others, with all that they depend on: a script
/// finds what its package depends on, and may not find what else there is (Debian Policy, 7.2). Of
/// packages that bring the same path the earlier one is that of the earlier round.
pub(crate) fn rounds(
    debs: &[&Deb],
    configured: &[usize],
    scripted: impl Fn(usize) -> bool,
) -> Vec<Vec<usize>> {
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
        let first = round.iter().copied().filter(|at| scripted(*at));
        let first = with_dependencies(debs, &places, first, |at| round.contains(&at));
        let rest = round.difference(&first).copied().collect();
        rounds.push(Vec::from_iter(first));
        rounds.push(rest);
    }
    rounds.retain(|round| !round.is_empty());
    rounds
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
        assert_eq!(
            rounds(&debs, &first, |_| false),
            [vec![1, 3], vec![2], vec![0, 4]]
        );
    }

    #[test]
    fn a_circle_ends() {
        let debs = [deb("a", false, &[], &["b"]), deb("b", false, &[], &["a"])];
        let debs: Vec<&Deb> = debs.iter().collect();
        assert_eq!(rounds(&debs, &[], |_| false), [vec![0, 1]]);
    }

    #[test]
    fn scripts_come_first_with_what_they_need() {
        let debs = [
            deb("tool", false, &["lib", "data"], &[]),
            deb("lib", false, &["sh"], &[]),
            deb("data", false, &[], &[]),
            deb("big", false, &["tool"], &[]),
            deb("other", false, &[], &["tool"]),
            deb("sh", true, &[], &[]),
        ];
        let debs: Vec<&Deb> = debs.iter().collect();
        let all = |scripted: &[usize]| rounds(&debs, &[5], |at| scripted.contains(&at));
        assert_eq!(all(&[0]), [vec![0, 1, 2], vec![3], vec![4]]);
        assert_eq!(all(&[1, 4]), [vec![1], vec![0, 2, 3], vec![4]]);
        assert_eq!(all(&[3]), [vec![0, 1, 2, 3], vec![4]]);
    }
}
