//! An interpreter out of an archive as a part of its layer.

use layer::{Package, Plan};
use lock::{Lock, Sha256};
use store::KeyBuilder;

use crate::{compile_tree, interpreter_key};

/// Version of how the tree becomes a part.
const FORMAT: &str = "strata standalone part 1";

/// The plan of the lock's interpreter with its bytecode, where it comes from an archive.
///
/// # Errors
/// A lock without what the interpreter needs to run.
pub fn interpreter_plan(lock: &Lock) -> layer::Result<Option<Plan<'_>>> {
    let python = &lock.python;
    let Some(artifact) = python.artifact() else {
        return Ok(None);
    };
    let mut key = KeyBuilder::new(FORMAT);
    // The archive is in it, and whatever bytecode depends on.
    key.key("interpreter", &interpreter_key(lock)?);
    let key = key.finish();
    let weight = artifact.size * 3;
    let fetched = artifact.clone();
    let plan = Plan::new("python", key, weight, move |cx| {
        let path = cx.fetcher.fetch(&cx.store, &artifact)?;
        let mut tree = super::tree(&cx.store, python, &artifact, &path)
            .map_err(|error| layer::Error::artifact(&artifact, error))?;
        // Bytecode is kept by the digest of what it was made from: of the tree, which is not all that
        // the archive has.
        let identity = Sha256(*key.as_bytes());
        compile_tree(cx, lock, &artifact.name, &identity, &mut tree)?;
        Ok(tree)
    });
    let package = Package {
        kind: "archive".to_owned(),
        name: "python".to_owned(),
        version: python.version.clone(),
    };
    Ok(Some(plan.fetching([fetched]).holding([package])))
}
