//! Layer 2: PyTorch with torchvision, torchaudio and triton, built for CUDA 13.0.
//!
//! All of it comes as wheels; which ones, the lock says.

use layer::{ConfigPatch, Context, LayerBlob, Plan, Result};
use lock::{LayerName, Lock};

pub use layer;

/// PyTorch, torchvision, torchaudio, triton, and what they need beside CUDA.
#[derive(Debug, Clone)]
pub struct Torch {
    lock: Lock,
}

/// The layer of the default edition, from the lock that ships inside the crates, with the default
/// store.
///
/// # Errors
/// See [`layer::Error`].
pub fn build() -> Result<LayerBlob> {
    layer::Layer::build(&Torch::from_lock(&Lock::starter()?)?, &Context::from_env()?)
}

impl Torch {
    /// The layer as a lock has it.
    ///
    /// # Errors
    /// None today; a lock that lacks what the layer needs is told when it is built.
    pub fn from_lock(lock: &Lock) -> Result<Self> {
        Ok(Self { lock: lock.clone() })
    }
}

impl layer::Layer for Torch {
    fn name(&self) -> &str {
        LayerName::Torch.as_str()
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let plans = contents::plans(&self.lock, LayerName::Torch)?;
        let packages = contents::packages(&self.lock, LayerName::Torch);
        LayerBlob::build(cx, self.name(), plans, ConfigPatch::default(), packages)
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        contents::plans(&self.lock, LayerName::Torch).map(Some)
    }
}
