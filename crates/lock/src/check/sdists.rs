//! Packages that are built from source, and the tools that are there while they are.

use std::collections::BTreeSet;

use super::{AGAIN, BY_HAND, Fault, commit, leaves, outside, twice};
use crate::Lock;

/// What a source distribution's name ends with (PEP 625, and older ones).
const ENDINGS: [&str; 2] = [".tar.gz", ".zip"];

pub(super) fn sdists(lock: &Lock, faults: &mut Vec<Fault>) {
    let mut tools = BTreeSet::new();
    for (index, tool) in lock.tools.iter().enumerate() {
        if !tools.insert(tool.id()) {
            faults.push(twice("tool", index, &tool.id()));
        }
        if let Some(message) = no_wheel("tool", &tool.name, &tool.filename) {
            faults.push(fault(("tool", index), "filename", message, BY_HAND));
        }
    }
    for (index, sdist) in lock.sdists.iter().enumerate() {
        let entry = ("sdist", index);
        let name = &sdist.name;
        if sdist.file.is_some() == sdist.git.is_some() {
            let message = format!("sdist {name}: expected either `file` or `git`");
            faults.push(fault(entry, "name", message, BY_HAND));
        }
        if let Some(file) = &sdist.file {
            let known = ENDINGS.iter().any(|end| file.filename.ends_with(end));
            if !known || file.filename.contains('/') {
                let message = format!(
                    "sdist {name}: expected a file name that ends with .tar.gz or .zip, found {:?}",
                    file.filename
                );
                faults.push(fault(entry, "file", message, BY_HAND));
            }
        }
        if let Some(git) = sdist.tree("/") {
            commit(entry, &git, faults);
            if !git.subfolder.is_empty() && leaves(&git.subfolder) {
                faults.push(outside("sdist", index, "git", &git.subfolder));
            }
        }
        if let Some(wheel) = &sdist.wheel
            && let Some(message) = no_wheel("sdist", name, &wheel.filename)
        {
            faults.push(fault(entry, "wheel", message, BY_HAND));
        }
        for id in &sdist.requires {
            if lock.required(id).is_none() {
                let message = format!("sdist {name} is built with {id}, which is not in the lock");
                faults.push(fault(entry, "requires", message, AGAIN));
            }
        }
    }
}

fn no_wheel(table: &str, name: &str, filename: &str) -> Option<String> {
    let is = filename.ends_with(".whl") && !filename.contains('/');
    (!is).then(|| {
        format!("{table} {name}: expected a file name that ends with .whl, found {filename:?}")
    })
}

fn fault(
    entry: (&'static str, usize),
    key: &'static str,
    message: String,
    hint: &'static str,
) -> Fault {
    Fault {
        entry: Some(entry),
        key,
        message,
        hint,
    }
}
