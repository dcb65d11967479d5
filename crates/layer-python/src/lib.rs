//! Layer 1: the interpreter, with pip, setuptools and wheel.
//!
//! The interpreter comes as Debian packages, the tools as wheels; which ones, the lock says.

use std::collections::BTreeMap;

use layer::{ConfigPatch, Context, LayerBlob, Plan, Result};
use lock::{LayerName, Lock};

pub use layer;

/// The interpreter and its installers.
#[derive(Debug, Clone)]
pub struct Python {
    lock: Lock,
}

/// The layer of the default edition, from the lock that ships inside the crates, with the default
/// store.
///
/// # Errors
/// See [`layer::Error`].
pub fn build() -> Result<LayerBlob> {
    layer::Layer::build(
        &Python::from_lock(&Lock::starter()?)?,
        &Context::from_env()?,
    )
}

impl Python {
    /// The layer as a lock has it.
    ///
    /// # Errors
    /// None today; a lock that lacks what the layer needs is told when it is built.
    pub fn from_lock(lock: &Lock) -> Result<Self> {
        Ok(Self { lock: lock.clone() })
    }
}

impl layer::Layer for Python {
    fn name(&self) -> &str {
        LayerName::Python.as_str()
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let lock = &self.lock;
        let packages = contents::packages(lock, LayerName::Python);
        // Debian marks its Python as managed by apt alone; in an image pip may install beside it.
        let env = [
            ("PIP_BREAK_SYSTEM_PACKAGES", "1"),
            ("PIP_ROOT_USER_ACTION", "ignore"),
        ];
        let env: BTreeMap<_, _> = env
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let config = ConfigPatch {
            env,
            ..ConfigPatch::default()
        };
        LayerBlob::build(cx, self.name(), plans(lock)?, config, packages)
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        plans(&self.lock).map(Some)
    }
}

fn plans(lock: &Lock) -> Result<Vec<Plan<'_>>> {
    let system = contents::debs(lock, LayerName::Python, "python", |_, _| Ok(()));
    let mut plans = Vec::from_iter(system);
    plans.extend(python::wheel_plans(lock, LayerName::Python)?);
    plans.extend(contents::trees(lock, LayerName::Python)?);
    Ok(plans)
}
