//! Packages that are locked as source. Building them is not there yet: they resolve, weigh and are told of,
//! and a build that needs them says so before anything else of the layer is made.

use layer::{Plan, Result};
use lock::{LayerName, Lock};
use store::KeyBuilder;

/// Why a part cannot be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "it is locked as source, and wheels are not built from source yet\n\
     hint: leave it out of the edition, or take it out of `from-source` and ask for a version that has a wheel"
)]
struct NotBuilt;

pub(crate) fn sdists(lock: &Lock, layer: LayerName) -> impl Iterator<Item = Result<Plan<'_>>> {
    lock.sdists_of(layer).map(|sdist| {
        let mut key = KeyBuilder::new("strata sdist 0");
        key.field("sdist", sdist.sha256.0)
            .key("interpreter", &python::interpreter_key(lock)?);
        // The heaviest is the first to be tried.
        let plan = Plan::new(&sdist.name, key.finish(), u64::MAX, move |_| {
            Err(layer::Error::artifact(sdist.artifact(), NotBuilt))
        });
        Ok(plan.fetching([sdist.artifact()]))
    })
}
