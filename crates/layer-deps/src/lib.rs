//! Layer 3: the Python packages that ComfyUI and its nodes need.
//!
//! All of it comes as wheels; which ones, the lock says.

use layer::{ConfigPatch, Context, LayerBlob, Plan, Result};
use lock::{LayerName, Lock};

pub use layer;

/// The Python packages that ComfyUI and its nodes need.
#[derive(Debug, Clone)]
pub struct Deps {
    lock: Lock,
}

/// The layer of the default edition, from the lock that ships inside the crates, with the default
/// store.
///
/// # Errors
/// See [`layer::Error`].
pub fn build() -> Result<LayerBlob> {
    layer::Layer::build(&Deps::from_lock(&Lock::starter()?)?, &Context::from_env()?)
}

impl Deps {
    /// The layer as a lock has it.
    ///
    /// # Errors
    /// None today; a lock that lacks what the layer needs is told when it is built.
    pub fn from_lock(lock: &Lock) -> Result<Self> {
        Ok(Self { lock: lock.clone() })
    }
}

impl layer::Layer for Deps {
    fn name(&self) -> &str {
        LayerName::Deps.as_str()
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let plans = contents::plans(&self.lock, LayerName::Deps)?;
        let packages = contents::packages(&self.lock, LayerName::Deps);
        LayerBlob::build(cx, self.name(), plans, ConfigPatch::default(), packages)
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        contents::plans(&self.lock, LayerName::Deps).map(Some)
    }
}
