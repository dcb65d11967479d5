//! Layer 0: the Debian system with build tools, CUDA 13.0 and cuDNN.
//!
//! Debian comes as packages, CUDA and cuDNN as NVIDIA's wheels; which ones, the lock says.

mod cuda;
mod sources;

use debian::System;
use layer::{ConfigPatch, Context, LayerBlob, Package, Plan, Result};
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
        let debs = lock.debs_of(LayerName::Base);
        let mut packages: Vec<Package> = debs
            .map(|deb| Package {
                kind: "deb".to_owned(),
                name: deb.name.clone(),
                version: deb.version.clone(),
            })
            .collect();
        packages.extend(python::packages(lock, LayerName::Base));
        let plans = plans(lock)?;
        LayerBlob::build(cx, self.name(), plans, config(lock), packages)
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        plans(&self.lock).map(Some)
    }
}

fn plans(lock: &Lock) -> Result<Vec<Plan<'_>>> {
    let system = System::from_lock(lock);
    let debs = || lock.debs_of(LayerName::Base);
    // Heavier than its bytes: scripts run in it, one after the other.
    let weight = debs().map(|deb| deb.size).sum::<u64>() * 100;
    let mut plans = vec![
        Plan::new("debian", system.key(LayerName::Base), weight, move |cx| {
            let stage = system
                .stage(cx, LayerName::Base)
                .map_err(|error| layer::Error::step("the Debian system", error))?;
            let mut tree = stage.tree;
            sources::add(lock, &stage.root, &mut tree)?;
            Ok(tree)
        })
        .fetching(debs().map(lock::Deb::artifact))
        .stage(),
    ];
    plans.push(cuda::plan(lock)?);
    plans.extend(python::wheel_plans(lock, LayerName::Base)?);
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
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        path: vec![format!("{}/bin", cuda::HOME)],
        library_path: cuda::library_path(lock),
        ..ConfigPatch::default()
    }
}
