//! The layers of an edition, as its lock has them.

use layer::Layer;
use lock::{LayerName, Lock};

use crate::{Error, Result};

/// The layers of `lock` up to and including `up_to`, lowest first.
///
/// # Errors
/// [`Error::Layer`] when the lock lacks what a layer needs.
pub fn layers(lock: &Lock, up_to: LayerName) -> Result<Vec<Box<dyn Layer>>> {
    LayerName::ALL
        .into_iter()
        .filter(|name| *name <= up_to)
        .map(|name| {
            let layer = |layer: layer::Result<Box<dyn Layer>>| {
                layer.map_err(|source| Error::Layer {
                    layer: name.to_string(),
                    source: Box::new(source),
                })
            };
            layer(match name {
                LayerName::Base => boxed(layer_base::Base::from_lock(lock)),
                LayerName::Python => boxed(layer_python::Python::from_lock(lock)),
                LayerName::Torch => boxed(layer_torch::Torch::from_lock(lock)),
                LayerName::Deps => boxed(layer_deps::Deps::from_lock(lock)),
                LayerName::Perf => boxed(layer_perf::Perf::from_lock(lock)),
                LayerName::Comfy => boxed(layer_comfy::Comfy::from_lock(lock)),
                LayerName::Runtime => boxed(layer_runtime::Runtime::from_lock(lock)),
            })
        })
        .collect()
}

fn boxed<L: Layer + 'static>(layer: layer::Result<L>) -> layer::Result<Box<dyn Layer>> {
    layer.map(|layer| Box::new(layer) as Box<dyn Layer>)
}
