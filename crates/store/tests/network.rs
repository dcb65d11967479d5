//! Fetching from the places that this machine is set up with. Needs a network, so these run only
//! when they are asked for: `cargo test -- --ignored network_`.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{fs, sync::Arc};

use lock::{Artifact, Origin};
use strata_layer_store::{Fetcher, Places, Silent, Store};

#[test]
#[ignore = "needs a network and a Python index"]
fn network_a_wheel_from_the_machines_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let wheel = Artifact {
        name: "six 1.17.0".to_owned(),
        filename: "six-1.17.0-py2.py3-none-any.whl".to_owned(),
        size: 11_050,
        sha256: "4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274"
            .parse()
            .unwrap(),
        origin: Origin::Python {
            project: "six".to_owned(),
        },
    };
    let fetcher = Fetcher::new(Places::from_env().unwrap(), Arc::new(Silent), false);
    let path = fetcher.fetch(&store, &wheel).unwrap();
    assert_eq!(fs::metadata(path).unwrap().len(), wheel.size);
}

#[test]
#[ignore = "needs a network and a Debian mirror"]
fn network_the_first_package_of_the_starter_lock() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let lock = lock::Lock::starter().unwrap();
    let package = lock
        .debs
        .iter()
        .min_by_key(|deb| deb.size)
        .unwrap()
        .artifact();
    Fetcher::from_env()
        .unwrap()
        .fetch(&store, &package)
        .unwrap();
}
