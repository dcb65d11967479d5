//! `--offline`: downloads in the store are all that a build needs; without them it names what is missing.

use crate::{
    program::{digest, failure, image, image_from},
    small_lock::{small_lock, write_lock},
    stores::{packages, reference, scratch},
};

#[test]
fn downloads_in_the_store_are_enough() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let lock = write_lock(folder.path());
    let store = reference.copy_downloads(&folder.path().join("store"));
    let mirror = reference.mirror();
    let mut build = image_from(&lock, &store, &mirror);
    let built = build.arg("--offline").output().unwrap();
    assert_eq!(digest(&built), reference.digest);
    assert!(mirror.requests().is_empty(), "{:?}", mirror.requests());
}

#[test]
fn nothing_in_the_store() {
    let folder = scratch();
    let lock = write_lock(folder.path());
    let output = image(&lock, &folder.path().join("empty"))
        .arg("--offline")
        .output();
    let error = failure(&output.unwrap());
    let named = packages(&small_lock());
    let named = named.iter().filter(|one| error.contains(&one.name)).count();
    assert_eq!(named, 1, "{error}");
    assert!(
        error.contains("hint: run once without --offline"),
        "{error}"
    );
}
