//! Layer 1: the interpreter, with pip, setuptools and wheel.
//!
//! The interpreter comes as Debian packages or out of an archive, the tools as wheels; which ones, the
//! lock says.

use std::collections::BTreeMap;

use layer::{ConfigPatch, Context, LayerBlob, Package, Plan, Result};
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
        let mut packages = contents::packages(lock, LayerName::Python);
        if lock.python.archive.is_some() {
            packages.push(Package {
                kind: "archive".to_owned(),
                name: "python".to_owned(),
                version: lock.python.version.clone(),
            });
        }
        let config = ConfigPatch {
            env: env(lock),
            ..ConfigPatch::default()
        };
        LayerBlob::build(cx, self.name(), plans(lock)?, config, packages)
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        plans(&self.lock).map(Some)
    }
}

/// What pip is told.
fn env(lock: &Lock) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let mut set = |name: &str, value: &str| env.insert(name.to_owned(), value.to_owned());
    set("PIP_ROOT_USER_ACTION", "ignore");
    // Debian marks its Python as managed by apt alone; in an image pip may install beside it.
    if lock.python.archive.is_none() {
        set("PIP_BREAK_SYSTEM_PACKAGES", "1");
    }
    env
}

fn plans(lock: &Lock) -> Result<Vec<Plan<'_>>> {
    let archive = lock.python.archive.is_some();
    let name = if archive { "python system" } else { "python" };
    let system = contents::debs(lock, LayerName::Python, name, |_, _| Ok(()));
    let mut plans = Vec::from_iter(system);
    plans.extend(python::interpreter_plan(lock)?);
    plans.extend(contents::above(lock, LayerName::Python)?);
    Ok(plans)
}
