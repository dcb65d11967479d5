//! Listing a root with its owners, and taking it back.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use common::{possible, root_of_copies, sh};
use fs_err as fs;
use rustix::process::geteuid;
use strata_sandbox::{Error, Listed, Sandbox};

#[test]
fn owners_modes_and_links_are_listed_then_flattened() {
    if !possible() {
        return;
    }
    let root = root_of_copies();
    let sandbox = Sandbox::new(root.path());
    sh(
        &sandbox,
        "echo hello >/file; chown 42:4242 /file; chmod 4711 /file; ln /file /hard; \
         ln -s 'to a
target' /link; chown -h 7:65534 /link; mkfifo -m 0600 /fifo; echo >'/a
b'; chown 65535:65534 '/a
b'; chmod 0 '/a
b'",
    );
    // The root's own, which the memory file systems hide while programs run.
    fs::write(root.path().join("run/own"), "").unwrap();
    let listed = strata_sandbox::list(&sandbox).unwrap();
    assert!(listed.is_sorted_by(|a, b| a.path < b.path));
    let by_path: BTreeMap<&str, &Listed> = listed
        .iter()
        .map(|file| (std::str::from_utf8(&file.path).unwrap(), file))
        .collect();

    let file = by_path["file"];
    assert_eq!(
        (file.kind, file.mode, file.uid, file.gid),
        ('f', 0o4711, 42, 4242)
    );
    assert_eq!((file.size, file.nlink), (6, 2));
    assert_eq!(file.inode, by_path["hard"].inode);
    assert_eq!(
        file.inode,
        fs::metadata(root.path().join("file")).unwrap().ino()
    );
    let link = by_path["link"];
    assert_eq!((link.kind, link.uid, link.gid), ('l', 7, 65534));
    assert_eq!(link.target, b"to a\ntarget");
    assert_eq!((by_path["fifo"].kind, by_path["fifo"].mode), ('p', 0o600));
    let strange = by_path["a\nb"];
    assert_eq!((strange.mode, strange.uid, strange.gid), (0, 65535, 65534));
    assert_eq!((by_path["tmp"].kind, by_path["tmp"].mode), ('d', 0o755));
    assert!(by_path.contains_key("run/own"));
    assert!(by_path.contains_key("usr/bin/find"));
    for name in ["proc/", "dev/", "tmp/"] {
        assert!(
            !listed
                .iter()
                .any(|file| file.path.starts_with(name.as_bytes())),
            "{name}"
        );
    }

    strata_sandbox::flatten(&sandbox).unwrap();
    for file in strata_sandbox::list(&sandbox).unwrap() {
        assert_eq!((file.uid, file.gid), (0, 0));
        let path = root.path().join(std::str::from_utf8(&file.path).unwrap());
        assert_eq!(
            fs::symlink_metadata(path).unwrap().uid(),
            geteuid().as_raw()
        );
    }
    assert_eq!(fs::read(root.path().join("a\nb")).unwrap(), b"\n");
    root.close().unwrap();
}

#[test]
fn a_root_without_find_is_told() {
    if !possible() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let failed = strata_sandbox::list(&Sandbox::new(root.path())).unwrap_err();
    assert!(matches!(failed, Error::Start { .. }), "{failed}");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}
