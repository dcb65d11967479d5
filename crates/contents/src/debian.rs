//! The Debian packages of a layer as a stage of the growing system.

use debian::System;
use layer::{Package, Plan, Result, Tree};
use lock::{LayerName, Lock};

/// The plan for a layer's Debian packages, under a name; `None` where it has none. `finish` gets the
/// system's folder and the tree, and may change the tree in ways that depend on the lock alone.
pub fn debs<'l>(
    lock: &'l Lock,
    layer: LayerName,
    name: &str,
    finish: impl FnOnce(&std::path::Path, &mut Tree) -> Result<()> + Send + 'l,
) -> Option<Plan<'l>> {
    let debs: Vec<_> = lock.debs_of(layer).collect();
    if debs.is_empty() {
        return None;
    }
    let system = System::from_lock(lock);
    // Heavier than its bytes: scripts run in it, one after the other.
    let weight = debs.iter().map(|deb| deb.size).sum::<u64>() * 100;
    let key = system.key(layer);
    let plan = Plan::new(name, key, weight, move |cx| {
        let stage = system.stage(cx, layer);
        let mut stage = stage
            .map_err(|error| layer::Error::step(format!("the Debian system of {layer}"), error))?;
        finish(&stage.root, &mut stage.tree)?;
        Ok(stage.tree)
    });
    let packages = debs.iter().map(|deb| Package {
        kind: "deb".to_owned(),
        name: deb.name.clone(),
        version: deb.version.clone(),
    });
    let packages: Vec<Package> = packages.collect();
    let artifacts = debs.into_iter().map(lock::Deb::artifact);
    // Not where the store has the system.
    Some(plan.perhaps_fetching(artifacts).holding(packages).stage())
}
