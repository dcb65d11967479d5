//! A few packages with all that they depend on, merely unpacked: enough to run a program of theirs.

use std::{
    collections::HashSet,
    io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use layer::Context;
use lock::{Deb, Lock};
use rayon::prelude::*;

use crate::{
    Error, Package, Result,
    claims::Claims,
    depends::{places, with_dependencies},
    error::io as io_error,
    resolve::make_folders,
    unpack::{Diversions, List, Rules, Source, unpack_all},
};

/// The links of a merged `/usr`, as base-files has them.
const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// The named packages and all that they depend on and pre-depend on, in the lock's order.
///
/// # Errors
/// [`Error::Unknown`] for a name that the lock does not have, be it one of `names` or a dependency.
pub fn closure<'l>(lock: &'l Lock, names: &[&str]) -> Result<Vec<&'l Deb>> {
    let debs: Vec<&Deb> = lock.debs.iter().collect();
    let places = places(&debs);
    let place = |name: &str| {
        let place = places.get(name).copied();
        place.ok_or_else(|| Error::Unknown(name.to_owned()))
    };
    let first: Vec<usize> = names
        .iter()
        .map(|name| place(name))
        .collect::<Result<_>>()?;
    let wanted = with_dependencies(&debs, &places, first, |_| true);
    let wanted: Vec<&Deb> = wanted.into_iter().map(|at| debs[at]).collect();
    for deb in &wanted {
        for name in deb.depends.iter().chain(&deb.pre_depends) {
            place(name)?;
        }
    }
    Ok(wanted)
}

/// Fetches and unpacks the closure of `names` below `folder`, which should be empty. No script is
/// run, and all is the caller's own. The usr-merge links and the folders that a sandbox mounts on
/// are made where no package brings them.
///
/// # Errors
/// See [`Error`].
pub fn unpack_closure(cx: &Context, lock: &Lock, names: &[&str], folder: &Path) -> Result<()> {
    let debs = closure(lock, names)?;
    let packages = open_all(cx, &debs)?;
    let all: Vec<Source<'_>> = packages.iter().map(Into::into).collect();
    let diversions = Diversions::new();
    let rules = Rules {
        diversions: &diversions,
        conffiles_aside: false,
    };
    unpack_fresh(cx, &all, folder, rules, &mut Claims::default())?;
    for name in ["proc", "dev", "tmp", "run"] {
        make_folders(folder, name)?;
    }
    Ok(())
}

/// Unpacks into a root that has nothing yet. The usr-merge links come first, whoever brings them,
/// since all others' files go through them. The round is left open.
pub(crate) fn unpack_fresh(
    cx: &Context,
    sources: &[Source<'_>],
    root: &Path,
    rules: Rules<'_>,
    claims: &mut Claims,
) -> Result<Vec<List>> {
    for name in MERGED {
        make_folders(root, &format!("usr/{name}"))?;
        let link = root.join(name);
        match symlink(format!("usr/{name}"), &link) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(io_error(&link))?,
        }
    }
    claims.start_round(HashSet::from(MERGED.map(PathBuf::from)));
    unpack_all(cx, sources, root, rules, claims)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_lock_lacks_is_told() -> std::result::Result<(), lock::Error> {
        let mut lock = Lock::starter()?;
        let lacks = |lock: &Lock, names: &[&str]| match closure(lock, names) {
            Err(Error::Unknown(name)) => Some(name),
            _ => None,
        };
        assert_eq!(lacks(&lock, &["zlib1g"]), None);
        assert_eq!(lacks(&lock, &["zlib1g", "one"]), Some("one".to_owned()));
        let needed = lock.debs.iter_mut().find(|deb| deb.name == "libc6");
        let needed = needed.expect("libc6 is in the lock");
        needed.depends.push("other".to_owned());
        assert_eq!(lacks(&lock, &["zlib1g"]), Some("other".to_owned()));
        Ok(())
    }
}
