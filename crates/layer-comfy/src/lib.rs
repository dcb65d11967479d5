//! Layer 5: ComfyUI, its frontend, the Manager and bundled nodes.
//!
//! ComfyUI is a tree out of an artifact, outside the base directory, so that a new image updates
//! it; frontend and Manager are wheels. Which ones, the lock says.

mod manager;

use layer::{ConfigPatch, Context, LayerBlob, Package, Plan, Result};
use lock::{LayerName, Lock, Sha256, Source};
use store::KeyBuilder;

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
        let mut packages = python::packages(lock, LayerName::Comfy);
        for source in lock.sources_of(LayerName::Comfy) {
            packages.push(Package {
                kind: "source".to_owned(),
                name: source.name.clone(),
                version: source.version.clone(),
            });
        }
        let plans = plans(lock)?;
        LayerBlob::build(cx, self.name(), plans, ConfigPatch::default(), packages)
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        plans(&self.lock).map(Some)
    }
}

fn plans(lock: &Lock) -> Result<Vec<Plan<'_>>> {
    let mut plans = python::wheel_plans(lock, LayerName::Comfy)?;
    for source in lock.sources_of(LayerName::Comfy) {
        plans.push(source_plan(lock, source)?);
    }
    plans.push(manager::plan(lock)?);
    Ok(plans)
}

/// Version of how a source's tree becomes a part.
const FORMAT: &str = "strata source 2";

fn source_plan<'l>(lock: &'l Lock, source: &'l Source) -> Result<Plan<'l>> {
    let tree_key = archive::recipe_key(source);
    let mut key = KeyBuilder::new(FORMAT);
    key.key("interpreter", &python::interpreter_key(lock)?)
        .key("tree", &tree_key);
    let plan = Plan::new(&source.name, key.finish(), source.size, move |cx| {
        let artifact = source.artifact();
        let path = cx.fetcher.fetch(&cx.store, &artifact)?;
        let mut tree = archive::tree(source, &path, &cx.store)
            .map_err(|error| layer::Error::artifact(&artifact, error))?;
        // Bytecode is kept by the digest of what it was made from. The artifact's own will not do:
        // another subfolder of it may have other modules of the same names.
        let identity = Sha256(*tree_key.as_bytes());
        python::compile_tree(cx, lock, &source.name, &identity, &mut tree)?;
        Ok(tree)
    });
    Ok(plan.fetching([source.artifact()]))
}
