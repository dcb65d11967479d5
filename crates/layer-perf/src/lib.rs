//! Layer 4: attention kernels and other things that make sampling faster.
//!
//! All of it comes as wheels; which ones, the lock says, and the image in its label [`LABEL`]. Which of them
//! import where the image runs, the runtime layer says at start.

use layer::{ConfigPatch, Context, LayerBlob, Package, Plan, Result};
use lock::{LayerName, Lock};

pub use layer;

/// The image's label that lists what is in this layer: `sageattention 1.0.6, …`. An image whose layer is empty
/// does not have it.
pub const LABEL: &str = "strata.kernels";

/// Attention and other kernels.
#[derive(Debug, Clone)]
pub struct Perf {
    lock: Lock,
}

/// The layer of the default edition, from the lock that ships inside the crates, with the default
/// store.
///
/// # Errors
/// See [`layer::Error`].
pub fn build() -> Result<LayerBlob> {
    layer::Layer::build(&Perf::from_lock(&Lock::starter()?)?, &Context::from_env()?)
}

impl Perf {
    /// The layer as a lock has it.
    ///
    /// # Errors
    /// None today; a lock that lacks what the layer needs is told when it is built.
    pub fn from_lock(lock: &Lock) -> Result<Self> {
        Ok(Self { lock: lock.clone() })
    }
}

impl layer::Layer for Perf {
    fn name(&self) -> &str {
        LayerName::Perf.as_str()
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let plans = contents::plans(&self.lock, LayerName::Perf)?;
        let packages = contents::packages(&self.lock, LayerName::Perf);
        LayerBlob::build(cx, self.name(), plans, config(&packages), packages)
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        contents::plans(&self.lock, LayerName::Perf).map(Some)
    }
}

fn config(packages: &[Package]) -> ConfigPatch {
    let listed: Vec<_> = packages
        .iter()
        .map(|package| format!("{} {}", package.name, package.version))
        .collect();
    let mut patch = ConfigPatch::default();
    if !listed.is_empty() {
        patch.labels.insert(LABEL.to_owned(), listed.join(", "));
    }
    patch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_lists_the_layer_and_an_empty_layer_has_none() {
        let mut lock = Lock::starter().unwrap();
        let label = |lock: &Lock| {
            config(&contents::packages(lock, LayerName::Perf))
                .labels
                .remove(LABEL)
        };
        assert_eq!(label(&lock).unwrap(), "sageattention 1.0.6");
        lock.wheels.retain(|wheel| wheel.layer != LayerName::Perf);
        assert_eq!(label(&lock), None);
    }
}
