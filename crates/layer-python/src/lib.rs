//! Layer 1: the interpreter, with pip, setuptools and wheel.
//!
//! The interpreter comes as Debian packages or out of an archive, the tools as wheels; which ones, the
//! lock says.

use std::collections::BTreeMap;

use debian::System;
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
        let debs = lock.debs_of(LayerName::Python);
        let mut packages: Vec<Package> = debs
            .map(|deb| Package {
                kind: "deb".to_owned(),
                name: deb.name.clone(),
                version: deb.version.clone(),
            })
            .collect();
        if lock.python.archive.is_some() {
            packages.push(Package {
                kind: "archive".to_owned(),
                name: "python".to_owned(),
                version: lock.python.version.clone(),
            });
        }
        packages.extend(python::packages(lock, LayerName::Python));
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
    let system = System::from_lock(lock);
    let debs: Vec<_> = lock.debs_of(LayerName::Python).collect();
    let mut plans = Vec::new();
    if !debs.is_empty() {
        let weight = debs.iter().map(|deb| deb.size).sum::<u64>() * 100;
        let key = system.key(LayerName::Python);
        let archive = lock.python.archive.is_some();
        let name = if archive { "python system" } else { "python" };
        let plan = Plan::new(name, key, weight, move |cx| {
            let stage = system.stage(cx, LayerName::Python);
            Ok(stage
                .map_err(|error| layer::Error::step("the interpreter", error))?
                .tree)
        });
        plans.push(plan.fetching(debs.iter().map(|deb| deb.artifact())).stage());
    }
    plans.extend(python::interpreter_plan(lock)?);
    plans.extend(python::wheel_plans(lock, LayerName::Python)?);
    Ok(plans)
}
