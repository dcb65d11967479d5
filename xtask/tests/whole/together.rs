//! Two builds at once on one empty store: of the same image, and in two compressions, which share
//! downloads and no part.

use std::{
    path::Path,
    process::{Child, Stdio},
};

use lock::Lock;

use crate::{
    mirror::{Mirror, Mood},
    program::{digest, image_from},
    small_lock::write_lock,
    stores::{packages, reference, scratch},
};

#[test]
fn two_builds_at_once_on_an_empty_store() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let store = folder.path().join("store");
    let mirror = reference.mirror();
    for build in ["one", "two"].map(|name| start(&folder.path().join(name), &store, &mirror, &[])) {
        let output = build.wait_with_output().unwrap();
        assert_eq!(digest(&output), reference.digest);
    }
    fetched_once(&mirror, &reference.lock);
}

#[test]
fn two_compressions_at_once_on_an_empty_store() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let store = folder.path().join("store");
    let mirror = reference.mirror();
    mirror.serve_all(Some(Mood::Late));
    let gzip = ["--compression", "gzip", "--level", "1"];
    let build = |name: &str, arguments: &[&str]| {
        start(&folder.path().join(name), &store, &mirror, arguments)
    };
    let [zstd, first] = [build("zstd", &[]), build("gzip", &gzip)]
        .map(|build| digest(&build.wait_with_output().unwrap()));
    assert_eq!(zstd, reference.digest);
    fetched_once(&mirror, &reference.lock);
    // Alone, from the same downloads.
    let again = build("again", &[&gzip[..], &["--offline", "--no-reuse"]].concat());
    assert_eq!(digest(&again.wait_with_output().unwrap()), first);
}

fn start(folder: &Path, store: &Path, mirror: &Mirror, arguments: &[&str]) -> Child {
    let mut command = image_from(&write_lock(folder), store, mirror);
    command.args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Each package was fetched by one of the builds, once.
fn fetched_once(mirror: &Mirror, lock: &Lock) {
    let requests = mirror.requests();
    assert!(requests.values().all(|times| *times == 1), "{requests:?}");
    assert_eq!(requests.len(), packages(lock).len());
}
