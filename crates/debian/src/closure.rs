//! A few packages with all that they depend on, merely unpacked: enough to run a program of theirs.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink, path::Path};

use layer::Context;
use lock::{Deb, Lock};
use rayon::prelude::*;

use crate::{
    Error, Package, Result,
    error::io,
    unpack::{Diversions, unpack_all},
};

/// The named packages and all that they depend on and pre-depend on, in the lock's order.
///
/// # Errors
/// [`Error::Unknown`] for a name that the lock does not have.
pub fn closure<'l>(lock: &'l Lock, names: &[&str]) -> Result<Vec<&'l Deb>> {
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    let mut queue: Vec<&str> = names.to_vec();
    while let Some(name) = queue.pop() {
        let found = lock.debs.iter().find(|deb| deb.name == name);
        let deb = found.ok_or_else(|| Error::Unknown(name.to_owned()))?;
        if wanted.insert(&deb.name) {
            queue.extend(
                deb.depends
                    .iter()
                    .chain(&deb.pre_depends)
                    .map(String::as_str),
            );
        }
    }
    Ok(lock
        .debs
        .iter()
        .filter(|deb| wanted.contains(deb.name.as_str()))
        .collect())
}

/// Fetches and unpacks the closure of `names` below `folder`. No script is run. The usr-merge
/// links and the folders that a sandbox mounts on are made where no package brings them.
///
/// # Errors
/// See [`Error`].
pub fn unpack_closure(cx: &Context, lock: &Lock, names: &[&str], folder: &Path) -> Result<()> {
    let debs = closure(lock, names)?;
    for name in ["bin", "sbin", "lib", "lib64"] {
        let usr = folder.join("usr").join(name);
        fs::create_dir_all(&usr).map_err(io(&usr))?;
        let link = folder.join(name);
        symlink(format!("usr/{name}"), &link).map_err(io(&link))?;
    }
    for name in ["proc", "dev", "tmp", "run"] {
        let path = folder.join(name);
        fs::create_dir_all(&path).map_err(io(&path))?;
    }
    let packages = open_all(cx, &debs)?;
    unpack_all(cx, &packages, folder, &Diversions::new(), false)?;
    Ok(())
}

/// Fetches and opens packages, several at once.
pub(crate) fn open_all(cx: &Context, debs: &[&Deb]) -> Result<Vec<Package>> {
    let artifacts: Vec<_> = debs.iter().map(|deb| deb.artifact()).collect();
    cx.fetcher.fetch_all(&cx.store, &artifacts)?;
    cx.install(|| {
        debs.par_iter()
            .zip(&artifacts)
            .map(|(deb, artifact)| Package::open(&cx.fetcher.fetch(&cx.store, artifact)?, deb))
            .collect()
    })
}
