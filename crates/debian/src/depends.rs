//! What packages depend on, by their places in a list.

use std::collections::{BTreeMap, BTreeSet};

use lock::Deb;

/// Where each package stands in `debs`, by its name.
pub(crate) fn places<'d>(debs: &[&'d Deb]) -> BTreeMap<&'d str, usize> {
    debs.iter()
        .enumerate()
        .map(|(at, deb)| (deb.name.as_str(), at))
        .collect()
}

/// Packages and all that they depend on and pre-depend on, as far as `counts` says yes. A dependency that
/// `debs` does not have is passed over.
pub(crate) fn with_dependencies(
    debs: &[&Deb],
    places: &BTreeMap<&str, usize>,
    packages: impl IntoIterator<Item = usize>,
    counts: impl Fn(usize) -> bool,
) -> BTreeSet<usize> {
    let mut wanted = BTreeSet::new();
    let mut queue: Vec<usize> = packages.into_iter().collect();
    while let Some(at) = queue.pop() {
        if counts(at) && wanted.insert(at) {
            let all = debs[at].depends.iter().chain(&debs[at].pre_depends);
            queue.extend(all.filter_map(|name| places.get(name.as_str())));
        }
    }
    wanted
}
