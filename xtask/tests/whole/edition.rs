//! EDITION on the command line: the path of a lock file, from any folder, or a name.

use std::{fs, process::Command};

use crate::{
    program::{digest, failure, image},
    small_lock::write_lock,
    stores::{reference, scratch},
};

#[test]
fn a_path_or_a_name() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let lock = write_lock(folder.path());
    fs::copy(&lock, folder.path().join("plain")).unwrap();
    let store = reference.copy(folder.path());
    let build = |edition: &str| {
        let of_lock = image(&lock, &store);
        let mut command = Command::new(of_lock.get_program());
        // The first two arguments are the verb and the lock.
        command.arg("image").arg(edition);
        command.args(of_lock.get_args().skip(2)).arg("--offline");
        command.current_dir(folder.path()).output().unwrap()
    };
    let whole = lock.to_str().unwrap();
    for path in ["small.lock", "./small.lock", "./plain", whole] {
        assert_eq!(digest(&build(path)), reference.digest, "{path}");
    }
    // A name is never a path, whatever the folder has.
    let error = failure(&build("plain"));
    assert!(
        error.contains("\"plain\"") && error.contains("starter"),
        "{error}"
    );
    let error = failure(&build("./none.lock"));
    assert!(error.contains("./none.lock"), "{error}");
}
