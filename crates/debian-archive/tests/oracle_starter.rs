//! The starter edition's own lock, whose Debian part apt made: the same packages, versions, files,
//! dependencies and layers come out here, as long as the mirror has the state that the lock was
//! made from. Needs the network; says so where it is skipped.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use jiff::Timestamp;
use lock::{Deb, LayerName, Lock};
use store::{Fetcher, Places, Silent, Store};
use strata_debian_archive::{Archive, Keyring, Opening, Request, resolve};

/// What the edition asks for, with the layer that asks.
const ASKED: [(&str, LayerName); 2] = [
    (
        "apt ca-certificates curl debian-archive-keyring g++ gcc git libc6-dev libgl1 \
         libglib2.0-0t64 libgomp1 make procps",
        LayerName::Base,
    ),
    (
        "python3 python3.14 python3.14-dev python3.14-venv",
        LayerName::Python,
    ),
];

#[test]
#[ignore = "needs the network"]
fn the_starters_debs() {
    let places = Places::from_env().unwrap();
    if places.debian().is_empty() {
        println!("skipped: no Debian mirror is known here");
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../editions/starter.lock");
    let lock = Lock::read(&path).unwrap();
    let suite = &lock.debian;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let fetcher = Fetcher::new(places, Arc::new(Silent), false);
    let keyring = Keyring::find(&fetcher, &store).unwrap();
    let opening = Opening {
        suite: &suite.suite,
        snapshot: None,
        keyring: &keyring,
        now: Timestamp::now(),
    };
    let archive = Archive::open(&fetcher, &opening).unwrap();
    if archive.release.date != suite.date {
        println!(
            "skipped: the mirror is at {}, the lock at {}",
            archive.release.date, suite.date
        );
        return;
    }
    let packages = archive
        .packages(&store, &suite.components, &suite.architecture)
        .unwrap();
    let (mut lines, mut layers) = (Vec::new(), Vec::new());
    for (number, (names, _)) in ASKED.iter().enumerate() {
        for name in names.split_whitespace() {
            lines.push(name);
            layers.push(number);
        }
    }
    let found = resolve(&packages, &Request::new(lines).unwrap()).unwrap();
    let layers = found.layers(&layers);
    let deb = |name: &str| {
        let chosen = found.packages[name].clone();
        Deb {
            layer: ASKED[layers[name]].1,
            name: name.to_owned(),
            version: chosen.version,
            architecture: chosen.architecture,
            filename: chosen.filename,
            size: chosen.size,
            sha256: chosen.sha256,
            essential: chosen.essential,
            depends: chosen.depends,
            pre_depends: chosen.pre_depends,
        }
    };
    let ours: BTreeMap<String, Deb> = found
        .packages
        .keys()
        .map(|name| (name.clone(), deb(name)))
        .collect();
    let theirs = lock.debs.iter().map(|deb| (deb.name.clone(), deb.clone()));
    let theirs: BTreeMap<String, Deb> = theirs.collect();
    assert!(ours.len() > 100);
    for name in ours.keys().chain(theirs.keys()) {
        assert_eq!(ours.get(name), theirs.get(name), "{name}");
    }
}
