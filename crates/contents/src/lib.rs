//! What a lock gives a layer, as plans for parts: Debian packages, wheels, trees out of archives and git.
//!
//! Every layer takes whatever the edition puts into it; what a layer makes beside that is its own crate's
//! business.

mod debian;
mod sdists;
mod trees;

use layer::{Package, Plan, Result};
use lock::{LayerName, Lock};

pub use self::debian::debs;

/// Plans for all that the lock gives to `layer`, lowest first: Debian packages, wheels, trees.
///
/// # Errors
/// A lock that lacks what they need, such as an interpreter.
pub fn plans(lock: &Lock, layer: LayerName) -> Result<Vec<Plan<'_>>> {
    let mut plans = Vec::from_iter(debs(lock, layer, layer.as_str(), |_, _| Ok(())));
    plans.extend(above(lock, layer)?);
    Ok(plans)
}

/// As [`plans`], without the Debian packages: for a layer that makes something of these itself.
///
/// # Errors
/// As [`plans`].
pub fn above(lock: &Lock, layer: LayerName) -> Result<Vec<Plan<'_>>> {
    let mut plans = python::wheel_plans(lock, layer, sdists::wheel)?;
    for plan in sdists::sdists(lock, layer).chain(trees::trees(lock, layer)) {
        plans.push(plan?);
    }
    Ok(plans)
}

/// All that the lock gives to `layer`, for tables and history entries.
pub fn packages(lock: &Lock, layer: LayerName) -> Vec<Package> {
    let package = |kind: &str, name: &str, version: &str| Package {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    };
    let debs = lock.debs_of(layer);
    let mut packages: Vec<Package> = debs
        .map(|deb| package("deb", &deb.name, &deb.version))
        .collect();
    packages.extend(python::packages(lock, layer));
    let sources = lock.sources_of(layer);
    packages.extend(sources.map(|tree| package("source", &tree.name, &tree.version)));
    let git = lock.git_of(layer);
    packages.extend(git.map(|tree| package("git", &tree.name, &tree.version)));
    packages
}
