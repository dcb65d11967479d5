//! Packages that are built from source: among the wheels of their layer, once the lock says what comes of them.

use std::path::PathBuf;

use layer::{Context, Plan, Result};
use lock::{LayerName, Lock, Sdist};

/// The wheel of a package, built if the store does not have it.
pub(crate) fn wheel(cx: &Context, lock: &Lock, sdist: &Sdist) -> Result<PathBuf> {
    from_source::wheel(cx, lock, sdist)
        .map_err(|error| layer::Error::artifact(sdist.shown(), error))
}

/// Plans for those that nobody has built yet. They resolve, weigh and are told of; a build that needs them says
/// what to do before anything else of the layer is made.
pub(crate) fn sdists(lock: &Lock, layer: LayerName) -> impl Iterator<Item = Result<Plan<'_>>> {
    let missing = lock.sdists_of(layer).filter(|sdist| sdist.wheel.is_none());
    missing.map(move |sdist| {
        let key = from_source::build_key(lock, sdist)
            .map_err(|error| layer::Error::artifact(sdist.shown(), error))?;
        // The heaviest is the first to be tried.
        let plan = Plan::new(&sdist.name, key, u64::MAX, move |cx| {
            wheel(cx, lock, sdist).map(|_| layer::Tree::new())
        });
        Ok(plan.perhaps_fetching(sdist.artifact()))
    })
}
