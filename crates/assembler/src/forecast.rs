//! What a new lock costs, told without building anything: which parts are made anew, and how much a
//! user pulls who has the old image.

use std::collections::BTreeSet;

use layer::Context;
use lock::{LayerName, Lock};
use store::Key;

use crate::{Error, Result, edition::layers};

/// A part as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPart {
    /// The layer's name.
    pub layer: String,
    /// The part's name.
    pub name: String,
    /// Its recipe key, compression included.
    pub key: Key,
    /// Its compressed size in bytes where the store has it, else about: the size of its artifacts.
    pub size: u64,
    /// The size is what the store has.
    pub exact: bool,
    /// The sha256 digests of its artifacts.
    pub artifacts: BTreeSet<lock::Sha256>,
}

/// The parts that a lock comes to, lowest layer first. Nothing is fetched, run or written.
///
/// # Errors
/// A lock that lacks what a layer needs; a store that cannot be read.
pub fn forecast(cx: &Context, lock: &Lock) -> Result<Vec<PlannedPart>> {
    let mut parts = Vec::new();
    for layer in layers(lock, LayerName::Runtime)? {
        let failed = |source| Error::Layer {
            layer: layer.name().to_owned(),
            source: Box::new(source),
        };
        for plan in layer.plans().map_err(failed)?.into_iter().flatten() {
            let known = plan.known(cx).map_err(failed)?;
            let artifacts = plan.artifacts();
            parts.push(PlannedPart {
                layer: layer.name().to_owned(),
                name: plan.name().to_owned(),
                key: plan.key(cx),
                size: match &known {
                    Some(parts) => parts.iter().map(|part| part.size).sum(),
                    None => artifacts.iter().map(|artifact| artifact.size).sum(),
                },
                exact: known.is_some(),
                artifacts: artifacts.iter().map(|artifact| artifact.sha256).collect(),
            });
        }
    }
    Ok(parts)
}

/// Those of `after` that `before` does not have: what is built anew, and pulled by who has the other.
pub fn rebuilt<'p>(
    before: &[PlannedPart],
    after: &'p [PlannedPart],
) -> impl Iterator<Item = &'p PlannedPart> {
    let had: BTreeSet<Key> = before.iter().map(|part| part.key).collect();
    after.iter().filter(move |part| !had.contains(&part.key))
}
