//! The trees of a layer, each a part of its own, with bytecode for the modules in them.

use layer::{Context, Package, Plan, Result, Tree};
use lock::{Git, LayerName, Lock, Sha256, Source};
use store::{Key, KeyBuilder};

/// Version of how a tree becomes a part.
const FORMAT: &str = "strata source 2";

/// How many digits of a recipe stand in a version.
const RECIPE: usize = 12;

/// Plans for the trees that the lock gives to `layer`: out of archives, then out of git.
pub(crate) fn trees(lock: &Lock, layer: LayerName) -> impl Iterator<Item = Result<Plan<'_>>> {
    let sources = lock.sources_of(layer).map(|source| of_source(lock, source));
    sources.chain(lock.git_of(layer).map(|git| of_git(lock, git)))
}

fn of_source<'l>(lock: &'l Lock, source: &'l Source) -> Result<Plan<'l>> {
    let tree = archive::recipe_key(source);
    let make = move |cx: &Context| {
        let artifact = source.artifact();
        let path = cx.fetcher.fetch(&cx.store, &artifact)?;
        archive::tree(source, &path, &cx.store)
            .map_err(|error| layer::Error::artifact(&artifact, error))
    };
    let plan = plan(lock, &source.name, tree, source.size, make)?;
    let package = package("source", &source.name, &source.version, &tree);
    Ok(plan.fetching([source.artifact()]).holding([package]))
}

fn of_git<'l>(lock: &'l Lock, git: &'l Git) -> Result<Plan<'l>> {
    let tree = git::recipe_key(git);
    let plan = plan(lock, &git.name, tree, git.size, move |cx| {
        git::tree(&cx.store, &cx.fetcher, git)
            .map_err(|error| layer::Error::artifact(git.shown(), error))
    })?;
    Ok(plan.holding([package("git", &git.name, &git.version, &tree)]))
}

/// A tree as a package. A version is people's word for it: what tells two trees of one name apart is the
/// recipe, of which the version here has a piece.
fn package(kind: &str, name: &str, version: &str, tree: &Key) -> Package {
    let recipe = tree.to_string();
    Package {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: format!("{version}+{}", &recipe[..RECIPE]),
    }
}

/// A plan for a tree that `make` makes, and that depends on `tree` alone.
fn plan<'l>(
    lock: &'l Lock,
    name: &'l str,
    tree: Key,
    weight: u64,
    make: impl FnOnce(&Context) -> Result<Tree> + Send + 'l,
) -> Result<Plan<'l>> {
    let mut key = KeyBuilder::new(FORMAT);
    key.key("interpreter", &python::interpreter_key(lock)?)
        .key("tree", &tree);
    Ok(Plan::new(name, key.finish(), weight, move |cx| {
        let mut made = make(cx)?;
        // Bytecode is kept by the digest of what it was made from. An artifact's own will not do:
        // another subfolder of it may have other modules of the same names.
        let identity = Sha256(*tree.as_bytes());
        python::compile_tree(cx, lock, name, &identity, &mut made)?;
        Ok(made)
    }))
}
