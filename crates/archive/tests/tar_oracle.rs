//! GNU tar packs a folder in each of its formats and unpacks it again: we read the same paths,
//! contents, execute bits and link targets out of the archive.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use std::{
    collections::BTreeMap,
    fs::Permissions,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt, PermissionsExt, symlink},
    },
    path::Path,
    process::Command,
};

use layer::Kind;
use lock::SourceKind;
use making::{build_at, source};

/// What a path is, as far as both sides can tell. Hard links: the first name of the same file.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Dir,
    File { executable: bool, bytes: Vec<u8> },
    Symlink(Vec<u8>),
}

type Listing = BTreeMap<Vec<u8>, (Seen, Option<Vec<u8>>)>;

fn make(folder: &Path) {
    let file = |name: &str, mode: u32, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    };
    file("plain", 0o644, b"text");
    file("empty", 0o600, b"");
    file("run", 0o755, b"#!/bin/sh\n");
    file("only-group-runs", 0o654, b"x");
    file("block", 0o644, &[7; 512]);
    file(
        "large",
        0o644,
        &(0..700_000u32)
            .flat_map(u32::to_le_bytes)
            .collect::<Vec<_>>(),
    );
    file("umlaut \u{e4} \u{1f600}", 0o644, b"name");
    file("new\nline", 0o644, b"name");
    let long = format!("{}/{}/{}", "d".repeat(90), "e".repeat(120), "f".repeat(200));
    file(&long, 0o644, b"long");
    std::fs::create_dir_all(folder.join("a/folder/without/files")).unwrap();
    symlink("../plain", folder.join("a/up")).unwrap();
    symlink("nothing-there", folder.join("dangling")).unwrap();
    symlink(
        format!("a/../{}", "t".repeat(180)),
        folder.join("long-target"),
    )
    .unwrap();
    std::fs::hard_link(folder.join("run"), folder.join("a/run-too")).unwrap();
    std::fs::hard_link(folder.join("run"), folder.join("zz-run")).unwrap();
    std::fs::hard_link(folder.join(&long), folder.join("short")).unwrap();
    // Holes before, between and after; more stretches than one header can hold.
    for (name, stretches, size) in [("holes", 40u64, 9_000_000), ("hole-alone", 0, 300_000)] {
        let sparse = std::fs::File::create(folder.join(name)).unwrap();
        for at in 0..stretches {
            sparse
                .write_all_at(b"stretch of data", 65_536 * (2 * at + 1))
                .unwrap();
        }
        sparse.set_len(size).unwrap();
    }
}

fn on_disk(folder: &Path) -> Listing {
    let mut found = Listing::new();
    let mut left = vec![folder.to_owned()];
    let mut inodes: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
    while let Some(at) = left.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(folder)
                .unwrap()
                .as_os_str()
                .as_bytes()
                .to_vec();
            let about = path.symlink_metadata().unwrap();
            let seen = if about.is_dir() {
                left.push(path);
                Seen::Dir
            } else if about.is_symlink() {
                Seen::Symlink(
                    std::fs::read_link(&path)
                        .unwrap()
                        .as_os_str()
                        .as_bytes()
                        .to_vec(),
                )
            } else {
                inodes.entry(about.ino()).or_default().push(name.clone());
                Seen::File {
                    executable: about.mode() & 0o111 != 0,
                    bytes: std::fs::read(&path).unwrap(),
                }
            };
            found.insert(name, (seen, None));
        }
    }
    for mut names in inodes.into_values() {
        names.sort();
        for name in &names[1..] {
            found.get_mut(name).unwrap().1 = Some(names[0].clone());
        }
    }
    found
}

fn ours(archive: &Path) -> Listing {
    let folder = tempfile::tempdir().unwrap();
    let built = build_at(&source(SourceKind::Tar), archive, folder).unwrap();
    let below = |path: &[u8]| path.strip_prefix(b"opt/thing/").map(<[u8]>::to_vec);
    let mut found = Listing::new();
    for entry in built.tree.iter() {
        let Some(name) = below(entry.path.as_bytes()) else {
            continue;
        };
        let executable = entry.mode == 0o755;
        let read = |content: &dyn layer::Content| layer::read_small(content, 1 << 30).unwrap();
        let seen = match &entry.kind {
            Kind::Dir => (Seen::Dir, None),
            Kind::Symlink(target) => (Seen::Symlink(target.clone()), None),
            Kind::File(content) => {
                let bytes = read(content.as_ref());
                (Seen::File { executable, bytes }, None)
            }
            Kind::Hardlink(first) => {
                let Kind::File(content) = &built.tree.get(first.as_bytes()).unwrap().kind else {
                    panic!("{first} is no file");
                };
                let bytes = read(content.as_ref());
                (Seen::File { executable, bytes }, below(first.as_bytes()))
            }
        };
        found.insert(name, seen);
    }
    found
}

fn tar(arguments: &[&str], folder: &Path, archive: &Path) {
    let done = Command::new("tar")
        .args(arguments)
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(folder)
        .args(if arguments[0] == "--create" {
            &["."][..]
        } else {
            &[]
        })
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{arguments:?}: {said}");
}

#[test]
fn the_same_as_gnu_tar() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    std::fs::create_dir(&made).unwrap();
    make(&made);
    let formats: [&[&str]; 8] = [
        &["--create", "--format=gnu"],
        &["--create", "--format=posix"],
        &[
            "--create",
            "--format=gnu",
            "--sparse",
            "--hole-detection=raw",
        ],
        &[
            "--create",
            "--format=oldgnu",
            "--sparse",
            "--hole-detection=raw",
        ],
        &[
            "--create",
            "--format=posix",
            "--sparse",
            "--sparse-version=0.0",
            "--hole-detection=raw",
        ],
        &[
            "--create",
            "--format=posix",
            "--sparse",
            "--sparse-version=0.1",
            "--hole-detection=raw",
        ],
        &[
            "--create",
            "--format=posix",
            "--sparse",
            "--sparse-version=1.0",
            "--hole-detection=raw",
        ],
        &[
            "--create",
            "--format=posix",
            "--xattrs",
            "--sort=name",
            "--label=a volume",
        ],
    ];
    for (at, format) in formats.into_iter().enumerate() {
        let archive = folder.path().join(format!("{at}.tar"));
        let unpacked = folder.path().join(format!("{at}"));
        std::fs::create_dir(&unpacked).unwrap();
        tar(format, &made, &archive);
        tar(
            &["--extract", "--preserve-permissions"],
            &unpacked,
            &archive,
        );
        if format.contains(&"--sparse") {
            // Nine megabytes of holes are not in there.
            assert!(archive.metadata().unwrap().len() < 5_000_000, "{format:?}");
        }
        let (theirs, ours) = (on_disk(&unpacked), ours(&archive));
        assert!(theirs.len() > 20);
        let names = |listing: &Listing| -> Vec<String> {
            let shown = listing
                .keys()
                .map(|name| String::from_utf8_lossy(name).into_owned());
            shown.collect()
        };
        assert_eq!(names(&ours), names(&theirs), "{format:?}");
        for (name, seen) in &theirs {
            let name_shown = String::from_utf8_lossy(name);
            // Not assert_eq: a megabyte of bytes helps nobody.
            assert!(ours[name] == *seen, "{format:?}: {name_shown}");
        }
    }
}

#[test]
fn what_ustar_and_v7_can_say() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    std::fs::create_dir_all(made.join("d".repeat(60)).join("e".repeat(30))).unwrap();
    let deep = made.join("d".repeat(60)).join("e".repeat(30));
    std::fs::write(made.join("file"), "text").unwrap();
    std::fs::write(deep.join("x"), "deep").unwrap();
    std::fs::hard_link(made.join("file"), made.join("again")).unwrap();
    symlink("file", made.join("soft")).unwrap();
    for format in ["--format=ustar", "--format=v7"] {
        if format.ends_with("ustar") {
            std::fs::write(deep.join("f".repeat(90)), "split into prefix and name").unwrap();
        } else {
            std::fs::remove_file(deep.join("f".repeat(90))).unwrap();
        }
        let archive = folder.path().join(format);
        let unpacked = folder.path().join(format!("{format}.out"));
        std::fs::create_dir(&unpacked).unwrap();
        tar(&["--create", format], &made, &archive);
        tar(&["--extract"], &unpacked, &archive);
        assert!(ours(&archive) == on_disk(&unpacked), "{format}");
    }
}
