//! Two builds at once on one empty store.

use std::process::{Child, Stdio};

use crate::{
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
    let start = |name: &str| -> Child {
        let lock = write_lock(&folder.path().join(name));
        let mut command = image_from(&lock, &store, &mirror);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    for build in [start("one"), start("two")] {
        let output = build.wait_with_output().unwrap();
        assert_eq!(digest(&output), reference.digest);
    }
    // Each package was fetched by one of them, once.
    let requests = mirror.requests();
    assert!(requests.values().all(|times| *times == 1), "{requests:?}");
    assert_eq!(requests.len(), packages(&reference.lock).len());
}
