//! The key of a build: all that a wheel depends on.

use lock::{Lock, Sdist};
use store::{Key, KeyBuilder};

use crate::{Error, Result, room};

/// Version of all that shapes what a build sees: this crate, how `wheel` installs, how archives and git become
/// trees, and `python`'s `spread` and `cuda_links`.
const FORMAT: &str = "strata wheel from source 2";

/// What building `sdist` depends on: source, tools, variables, the system below and the interpreter. Not
/// what comes of it.
///
/// # Errors
/// A lock without an interpreter, or without a tool that it names.
pub fn build_key(lock: &Lock, sdist: &Sdist) -> Result<Key> {
    let mut key = KeyBuilder::new(FORMAT);
    key.field("program", crate::build::PROGRAM)
        .field("name", &sdist.name)
        .number("epoch", room::EPOCH.unsigned_abs())
        .key(
            "interpreter",
            &python::interpreter_key(lock).map_err(Box::new)?,
        )
        .field("python", &lock.python.interpreter)
        .field("version", &lock.python.version)
        .key("system", &room::system(lock, sdist).0);
    if let Some(file) = &sdist.file {
        // The name says which kind of archive it is.
        key.field("sdist", file.sha256.0)
            .field("filename", &file.filename);
    }
    if let Some(git) = sdist.tree(room::SOURCE) {
        key.key("git", &git::recipe_key(&git));
    }
    for id in &sdist.requires {
        let wheel = lock
            .required(id)
            .ok_or_else(|| Error::Requirement(id.clone()))?;
        key.field("tool", wheel.sha256.0);
    }
    key.field("nvcc", python::NVCC_HEADER);
    for (name, value) in room::variables(lock, sdist) {
        key.field("variable", name).field("value", value);
    }
    Ok(key.finish())
}
