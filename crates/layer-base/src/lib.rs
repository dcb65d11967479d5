//! Layer 0: the Debian system with build tools, CUDA 13.0 and cuDNN.
//!
//! Debian comes as packages, CUDA and cuDNN as NVIDIA's wheels; which ones, the lock says.

mod cuda;
mod nvcc;
mod sources;

use layer::{ConfigPatch, Context, LayerBlob, Plan, Result};
use lock::{LayerName, Lock};

pub use layer;

/// The Debian system, CUDA and cuDNN.
#[derive(Debug, Clone)]
pub struct Base {
    lock: Lock,
}

/// The layer of the default edition, from the lock that ships inside the crates, with the default
/// store.
///
/// # Errors
/// See [`layer::Error`].
pub fn build() -> Result<LayerBlob> {
    layer::Layer::build(&Base::from_lock(&Lock::starter()?)?, &Context::from_env()?)
}

impl Base {
    /// The layer as a lock has it.
    ///
    /// # Errors
    /// None today; a lock that lacks what the layer needs is told when it is built.
    pub fn from_lock(lock: &Lock) -> Result<Self> {
        Ok(Self { lock: lock.clone() })
    }
}

impl layer::Layer for Base {
    fn name(&self) -> &str {
        LayerName::Base.as_str()
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let lock = &self.lock;
        let packages = contents::packages(lock, LayerName::Base);
        let plans = plans(lock)?;
        LayerBlob::build(cx, self.name(), plans, config(lock), packages)
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        plans(&self.lock).map(Some)
    }
}

fn plans(lock: &Lock) -> Result<Vec<Plan<'_>>> {
    let system = contents::debs(lock, LayerName::Base, "debian", |root, tree| {
        sources::add(lock, root, tree)
    });
    let mut plans = Vec::from_iter(system);
    plans.push(cuda::plan(lock)?);
    plans.extend(nvcc::plan(lock));
    plans.extend(contents::above(lock, LayerName::Base)?);
    Ok(plans)
}

fn config(lock: &Lock) -> ConfigPatch {
    let env = [
        ("CUDA_HOME", cuda::HOME),
        ("NVIDIA_VISIBLE_DEVICES", "all"),
        ("NVIDIA_DRIVER_CAPABILITIES", "compute,utility,video"),
        ("LANG", "C.UTF-8"),
    ];
    ConfigPatch {
        env: env
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()))
            .chain(nvcc::env(lock))
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        path: vec![format!("{}/bin", cuda::HOME)],
        library_path: cuda::library_path(lock),
        ..ConfigPatch::default()
    }
}
