//! `check` on the small image: nothing is found; with faults planted in wheels and a node, each is.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use lock::{LayerName, Lock, Sha256, Source, SourceKind, Wheel};
use serde_json::Value;

use crate::{
    program::image,
    small_lock::{sha256, small_lock, write_lock},
    stores::{reference, scratch},
    zips::{self, stored},
};

/// A wheel as a file beside the lock; every entry stands in RECORD, without a hash.
fn wheel(folder: &Path, name: &str, requires: &str, files: &[(&str, &[u8])]) -> Wheel {
    let info = format!("{name}-1.0.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}");
    let about = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: cp314-cp314-linux_x86_64\n";
    let mut entries: Vec<_> = files
        .iter()
        .map(|(path, bytes)| stored(*path, bytes))
        .collect();
    entries.push(stored(format!("{info}/METADATA"), metadata.as_bytes()));
    entries.push(stored(format!("{info}/WHEEL"), about.as_bytes()));
    let record: String = entries
        .iter()
        .map(|entry| format!("{},,\n", entry.name))
        .collect();
    entries.push(stored(
        format!("{info}/RECORD"),
        format!("{record}{info}/RECORD,,\n").as_bytes(),
    ));
    let bytes = zips::zip(&entries);
    let filename = format!("{name}-1.0-cp314-cp314-linux_x86_64.whl");
    fs::write(folder.join(&filename), &bytes).unwrap();
    Wheel {
        layer: LayerName::Deps,
        name: name.to_owned(),
        version: "1.0".to_owned(),
        file: Some(filename.clone()),
        filename,
        size: bytes.len() as u64,
        sha256: sha256(&bytes),
        requested: false,
        url: None,
        index: None,
    }
}

/// Adds a wheel in its place.
fn add(lock: &mut Lock, wheel: Wheel) {
    lock.wheels.push(wheel);
    let wheels = &mut lock.wheels;
    wheels.sort_by(|one, other| (one.layer, &one.name).cmp(&(other.layer, &other.name)));
}

/// An extension module that needs a library which is left out.
fn extension(folder: &Path) -> Vec<u8> {
    let cc = |arguments: &[&str]| {
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-nostdlib", "-fPIC"])
            .args(arguments)
            .current_dir(folder);
        assert!(cc.status().unwrap().success());
    };
    fs::write(folder.join("one.c"), "int one(void) { return 1; }\n").unwrap();
    cc(&["-Wl,-soname,libabsent.so.1", "-o", "libabsent.so", "one.c"]);
    cc(&[
        "-o",
        "fast.so",
        "one.c",
        "-Wl,--no-as-needed",
        "-L.",
        "-labsent",
    ]);
    fs::read(folder.join("fast.so")).unwrap()
}

/// The small lock without a package whose requirements are not in it, and with the `python3` that the
/// health check is started with and that Debian has in a package of its own.
fn sound(folder: &Path) -> Lock {
    write_lock(folder);
    let mut lock = small_lock();
    lock.wheels.retain(|wheel| wheel.name != "sageattention");
    let script: &[u8] = b"#!/bin/sh\nexec python3.14 \"$@\"\n";
    let python3 = [("command-1.0.data/scripts/python3", script)];
    add(&mut lock, wheel(folder, "command", "", &python3));
    lock
}

/// Checks a lock: the exit status, and what it told.
fn checked(folder: &Path, store: &Path, lock: &Lock) -> (Option<i32>, Value) {
    let path = folder.join("small.lock");
    fs::write(&path, lock.to_toml().unwrap()).unwrap();
    let like = image(&path, store);
    let mut command = Command::new(like.get_program());
    command
        .arg("check")
        .arg(&path)
        .args(["--offline", "--json", "--store"])
        .arg(store);
    command.env_clear();
    command.envs(
        like.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let told = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{errors}"));
    (output.status.code(), told)
}

#[test]
fn faults_are_found_and_a_sound_image_has_none() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let store = reference.copy(folder.path());
    let mut lock = sound(folder.path());
    let (status, told) = checked(folder.path(), &store, &lock);
    assert_eq!(status, Some(0), "{told:#}");
    assert_eq!(
        (&told["errors"], &told["warnings"]),
        (&0.into(), &0.into()),
        "{told:#}"
    );
    assert!(
        told["looked_at"]["imports"].as_u64().unwrap() >= 7,
        "{told:#}"
    );

    let extension = extension(folder.path());
    let shared: (&str, &[u8]) = ("shared/data.txt", b"the same");
    let faulty = wheel(
        folder.path(),
        "faulty",
        "Requires-Dist: not-here>=3\n",
        &[
            (
                "faulty/__init__.py",
                b"print('noise')\nimport nowhere_at_all\n",
            ),
            ("fast.cpython-314-x86_64-linux-gnu.so", &extension),
            ("crashes.py", b"import os\nos.abort()\n"),
            (
                "driver.py",
                b"raise ImportError('libcuda.so.1: cannot open shared object file')\n",
            ),
            ("inner.py", b"import main\n"),
            ("faulty-1.0.data/scripts/run-faulty", b"#!/usr/bin/csh\n"),
            shared,
            ("disputed.txt", b"one"),
        ],
    );
    add(&mut lock, faulty);
    add(&mut lock, wheel(folder.path(), "twin", "", &[shared]));
    // In a layer above, so that no part has both.
    let disputed: (&str, &[u8]) = ("disputed.txt", b"two");
    let other = wheel(folder.path(), "other", "", &[disputed]);
    let layer = LayerName::Perf;
    add(&mut lock, Wheel { layer, ..other });
    let node = "idna==0.1\nmissing-one\ncertifi\n";
    fs::write(folder.path().join("requirements.txt"), node).unwrap();
    lock.sources.push(Source {
        layer: LayerName::Comfy,
        name: "node's requirements".to_owned(),
        version: "1".to_owned(),
        kind: SourceKind::File,
        project: None,
        url: None,
        filename: "requirements.txt".to_owned(),
        size: node.len() as u64,
        sha256: Sha256(sha256(node.as_bytes()).0),
        subfolder: String::new(),
        to: "/opt/comfyui-nodes/a-node/requirements.txt".to_owned(),
        exclude: Vec::new(),
    });
    let (status, told) = checked(folder.path(), &store, &lock);
    assert_eq!(status, Some(1), "{told:#}");
    let findings = told["findings"].as_array().unwrap();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    let found: BTreeSet<_> = findings
        .iter()
        .map(|one| {
            (
                text(one, "class"),
                text(one, "severity"),
                text(one, "artifact"),
            )
        })
        .collect();
    let all = [
        ("requirements", "error", "a-node"),
        ("requirements", "warning", "a-node"),
        ("requirements", "error", "faulty 1.0"),
        ("owners", "note", "faulty"),
        ("owners", "error", "other"),
        ("libraries", "error", "faulty"),
        ("interpreters", "error", "faulty"),
        ("imports", "error", "faulty"),
        ("imports", "note", "faulty"),
    ];
    let all: BTreeSet<_> = all
        .map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()))
        .into();
    assert_eq!(found, all, "{told:#}");
    for words in [
        "`import faulty`: ModuleNotFoundError: No module named 'nowhere_at_all'",
        "`import fast`: ImportError: libabsent.so.1: cannot open shared object file",
        "`import crashes`: the interpreter ended by signal 6",
        "`import driver` needs the driver",
        "`import inner` works in ComfyUI alone",
        "requirements.txt:2: `missing-one` is not installed",
        "/usr/local/bin/run-faulty wants /usr/bin/csh",
    ] {
        let told = findings.iter().any(|one| text(one, "what").contains(words));
        assert!(told, "{words}: {findings:#?}");
    }

    // Nothing stays of the unpacked image; a second check needs neither it nor the blobs.
    let left: Vec<_> = fs::read_dir(store.join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let (_, again) = checked(folder.path(), &store, &lock);
    assert_eq!(again["findings"], told["findings"]);
}
