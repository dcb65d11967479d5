//! The wheels of a layer as plans: one for each group of wheels.

use std::{path::PathBuf, sync::Arc};

use layer::{Context, Entry, Kind, Package, Plan, Tree};
use lock::{Artifact, LayerName, Lock, Sdist, Sha256, Wheel as LockedWheel};
use store::{Key, KeyBuilder};
use wheel::{Install, Scheme, Wheel, resolve_shared};

use crate::{
    Interpreter,
    compile::{Module, bytecode},
    constraints,
    groups::groups,
    interpreter::identity,
};

/// Version of everything here and in `wheel` that shapes an installed tree.
const FORMAT: &str = "strata wheels 3";

/// How the wheel of a package that is built from source is had: as a file in the store.
pub type FromSource = fn(&Context, &Lock, &Sdist) -> layer::Result<PathBuf>;

/// Plans for the wheels that the lock gives to `layer`, those that `from_source` builds among them.
///
/// # Errors
/// A lock without an interpreter, or with paths that cannot be.
pub fn wheel_plans<'l>(
    lock: &'l Lock,
    layer: LayerName,
    from_source: FromSource,
) -> layer::Result<Vec<Plan<'l>>> {
    let wheels = lock.installed_of(layer);
    if wheels.is_empty() {
        return Ok(Vec::new());
    }
    let (_, interpreter_key) = identity(lock).map_err(step)?;
    let plans = groups(layer.as_str(), wheels)
        .into_iter()
        .map(|(name, wheels)| {
            let mut key = KeyBuilder::new(FORMAT);
            key.key("interpreter", &interpreter_key);
            let python = &lock.python;
            for (name, value) in [
                ("version", &python.version),
                ("program", &python.interpreter),
                ("purelib", &python.purelib),
                ("platlib", &python.platlib),
                ("scripts", &python.scripts),
                ("headers", &python.headers),
                ("data", &python.data),
            ] {
                key.field(name, value);
            }
            for owner in &lock.owners {
                key.field("owned path", &owner.path)
                    .field("owner", &owner.package);
            }
            for wheel in &wheels {
                key.field("wheel", wheel.sha256.0)
                    .field("name", &wheel.name)
                    .field("version", &wheel.version)
                    .number("requested", u64::from(wheel.requested));
            }
            let weight = wheels.iter().map(|wheel| wheel.size).sum();
            let (mut fetched, mut inputs) = (Vec::new(), Vec::new());
            for wheel in &wheels {
                match source_of(lock, wheel) {
                    None => fetched.push(wheel.artifact()),
                    Some(sdist) => inputs.extend(inputs_of(lock, sdist)),
                }
            }
            let packages: Vec<Package> = wheels.iter().map(package).collect();
            let part = name.clone();
            let plan = Plan::new(name, key.finish(), weight, move |cx| {
                let mut tree = make(cx, lock, &wheels, from_source)?;
                tree.insert(constraints::entry(&part, &wheels)?)?;
                Ok(tree)
            });
            // A large wheel takes longer to come than the few small packages of an interpreter.
            let plan =
                plan.preparing(|cx| Interpreter::from_lock(cx, lock).map(drop).map_err(step));
            plan.fetching(fetched)
                .perhaps_fetching(inputs)
                .holding(packages)
        });
    Ok(plans.collect())
}

/// The wheels of a layer, as packages.
pub fn packages(lock: &Lock, layer: LayerName) -> Vec<Package> {
    lock.installed_of(layer).iter().map(package).collect()
}

fn package(wheel: &LockedWheel) -> Package {
    Package {
        kind: "wheel".to_owned(),
        name: wheel.name.clone(),
        version: wheel.version.clone(),
    }
}

/// What a wheel is built from, if it is.
fn source_of<'l>(lock: &'l Lock, wheel: &LockedWheel) -> Option<&'l Sdist> {
    lock.sdists.iter().find(|sdist| sdist.name == wheel.name)
}

/// What is fetched to build a wheel.
fn inputs_of(lock: &Lock, sdist: &Sdist) -> Vec<Artifact> {
    let tools = sdist.requires.iter().filter_map(|id| lock.required(id));
    let tools = tools.map(|wheel| wheel.artifact());
    tools.chain(sdist.artifact()).collect()
}

fn make(
    cx: &Context,
    lock: &Lock,
    wheels: &[LockedWheel],
    from_source: FromSource,
) -> layer::Result<Tree> {
    let scheme = Scheme::from_lock(&lock.python).map_err(|e| layer::Error::step("[python]", e))?;
    let mut installs: Vec<(String, Install)> = Vec::with_capacity(wheels.len());
    for locked in wheels {
        let artifact = locked.artifact();
        let path = match source_of(lock, locked) {
            None => cx.fetcher.fetch(&cx.store, &artifact)?,
            Some(sdist) => from_source(cx, lock, sdist)?,
        };
        let named = |error| layer::Error::artifact(&artifact, error);
        let wheel = Wheel::open(&path, locked).map_err(named)?;
        let install = wheel
            .plan(&scheme, &lock.owners, locked.requested)
            .map_err(named)?;
        installs.push((locked.name.clone(), install));
    }
    resolve_shared(&mut installs).map_err(|e| layer::Error::step("wheels of one part", e))?;
    let interpreter = Interpreter::from_lock(cx, lock).map_err(step)?;
    let mut tree = Tree::new();
    for ((name, install), locked) in installs.into_iter().zip(wheels) {
        let package: Arc<str> = name.as_str().into();
        let named = |error| layer::Error::artifact(locked.artifact(), error);
        let modules: Vec<Module> = install
            .python_sources()
            .map(|file| (file.path.clone(), file.content.clone()))
            .collect();
        let pack = bytecode(cx, &interpreter, &name, &locked.sha256, &modules)
            .map_err(|error| layer::Error::artifact(locked.artifact(), error))?;
        for entry in install.into_tree(pack).map_err(named)? {
            tree.insert(entry.of_package(&package))?;
        }
    }
    Ok(tree)
}

/// Adds bytecode for every module of a tree that came from the artifact with this sha256.
///
/// # Errors
/// As building the interpreter's root, and compiling.
pub fn compile_tree(
    cx: &Context,
    lock: &Lock,
    name: &str,
    artifact: &Sha256,
    tree: &mut Tree,
) -> layer::Result<()> {
    let modules: Vec<Module> = tree
        .iter()
        .filter(|entry| entry.path.as_bytes().ends_with(b".py"))
        .filter_map(|entry| match &entry.kind {
            Kind::File(content) => Some((entry.path.clone(), content.clone())),
            _ => None,
        })
        .collect();
    let pack = Interpreter::from_lock(cx, lock)
        .and_then(|interpreter| bytecode(cx, &interpreter, name, artifact, &modules))
        .map_err(|error| layer::Error::artifact(name, error))?;
    for (path, content) in pack {
        tree.remove(path.as_bytes());
        tree.insert(Entry::file(path, content, false))?;
    }
    Ok(())
}

/// The key of the lock's interpreter, for recipes whose result has bytecode in it.
///
/// # Errors
/// A lock without an interpreter.
pub fn interpreter_key(lock: &Lock) -> layer::Result<Key> {
    identity(lock).map(|(_, key)| key).map_err(step)
}

fn step(error: crate::Error) -> layer::Error {
    layer::Error::step("the image's interpreter", error)
}
