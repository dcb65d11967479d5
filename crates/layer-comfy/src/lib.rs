//! Layer 5: ComfyUI, its frontend, the Manager and bundled nodes.
//!
//! ComfyUI is a tree out of an artifact, outside the base directory, so that a new image updates
//! it; frontend and Manager are wheels. Which ones, the lock says.

mod manager;

use layer::{ConfigPatch, Context, LayerBlob, Plan, Result};
use lock::{LayerName, Lock};

pub use layer;

/// ComfyUI and what comes with it.
#[derive(Debug, Clone)]
pub struct Comfy {
    lock: Lock,
}

/// The layer of the default edition, from the lock that ships inside the crates, with the default
/// store.
///
/// # Errors
/// See [`layer::Error`].
pub fn build() -> Result<LayerBlob> {
    layer::Layer::build(&Comfy::from_lock(&Lock::starter()?)?, &Context::from_env()?)
}

impl Comfy {
    /// The layer as a lock has it.
    ///
    /// # Errors
    /// None today; a lock that lacks what the layer needs is told when it is built.
    pub fn from_lock(lock: &Lock) -> Result<Self> {
        Ok(Self { lock: lock.clone() })
    }
}

impl layer::Layer for Comfy {
    fn name(&self) -> &str {
        LayerName::Comfy.as_str()
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let lock = &self.lock;
        let packages = contents::packages(lock, LayerName::Comfy);
        let plans = plans(lock)?;
        LayerBlob::build(cx, self.name(), plans, ConfigPatch::default(), packages)
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        plans(&self.lock).map(Some)
    }
}

fn plans(lock: &Lock) -> Result<Vec<Plan<'_>>> {
    let mut plans = contents::plans(lock, LayerName::Comfy)?;
    plans.extend(manager::plan(lock).transpose()?);
    Ok(plans)
}
