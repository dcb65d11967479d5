//! Python packages that are taken as source: locked with what they need, told of, and not built yet. With the
//! ordinary registries; where these are not reachable the test says so.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

#[allow(dead_code)] // what other tests use of it
mod small;

use std::fs;

use lock::Lock;
use small::{EDITION, errors, lock, run};

#[test]
fn a_package_as_source_is_locked_with_what_it_needs_and_refused_by_a_build() {
    let folder = tempfile::tempdir().unwrap();
    // Of iopath no wheel has ever been there.
    let with = EDITION.replace("\"idna\", \"certifi\"", "\"idna\", \"iopath==0.1.10\"");
    fs::write(folder.path().join("small.toml"), &with).unwrap();
    let source = with.replace(
        "version = \"3.14\"\n",
        "version = \"3.14\"\nfrom-source = [\"iopath\"]\n",
    );
    assert_ne!(source, with);
    let Some(path) = lock(folder.path(), &source) else {
        return;
    };
    let before = fs::read_to_string(&path).unwrap();
    let found = Lock::read(&path).unwrap();
    let [sdist] = found.sdists.as_slice() else {
        panic!("{:?}", found.sdists);
    };
    assert_eq!(
        (
            sdist.name.as_str(),
            sdist.filename.as_str(),
            sdist.requested
        ),
        ("iopath", "iopath-0.1.10.tar.gz", true)
    );
    // tqdm, typing_extensions and portalocker: from its own metadata.
    let names: Vec<_> = found
        .wheels
        .iter()
        .map(|wheel| wheel.name.as_str())
        .collect();
    assert_eq!(names, ["idna", "portalocker", "tqdm", "typing-extensions"]);

    // Nothing changes unasked, whatever the lock has lost.
    let at = before.find("[[sdist]]").unwrap();
    fs::write(&path, &before[..at]).unwrap();
    lock(folder.path(), &format!("{source}# touched\n")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), before);

    let output = run(folder.path(), &["image", "./small.lock", "--out", "out"]);
    let said = errors(&output);
    assert!(!output.status.success());
    assert!(
        said.contains("iopath 0.1.10 (iopath-0.1.10.tar.gz): it is locked as source"),
        "{said}"
    );

    // Wheels alone: there is none, and the resolver says so.
    fs::write(folder.path().join("small.toml"), &with).unwrap();
    let output = run(folder.path(), &["lock", "./small.toml"]);
    let said = errors(&output);
    assert!(
        !output.status.success() && said.contains("iopath"),
        "{said}"
    );
}
