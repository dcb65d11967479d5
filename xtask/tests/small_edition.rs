//! A small edition from its file to its image, with the ordinary registries: entries that no mirror has
//! any more, and a tree from an archive at an address. Where the registries are not reachable the tests
//! say so.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

#[allow(dead_code)] // what another test uses of it
#[path = "../../crates/store/tests/server/mod.rs"]
mod server;

#[allow(dead_code)] // what other tests use of it
mod small;

use std::{fs, path::Path, process::Command};

use lock::{Lock, Sha256};
use server::{Answer, Server};
use small::{EDITION, errors, lock, run};

#[test]
fn vanished_entries_are_resolved_anew_unless_the_lock_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = lock(folder.path(), EDITION) else {
        return;
    };
    let before = fs::read_to_string(&path).unwrap();
    // An old wheel and an old package: of versions that were never there.
    let mut lock = Lock::read(&path).unwrap();
    let wheel = lock
        .wheels
        .iter_mut()
        .find(|wheel| wheel.name == "idna")
        .unwrap();
    (wheel.version, wheel.sha256) = ("0.0.1".to_owned(), Sha256([1; 32]));
    wheel.filename = "idna-0.0.1-py3-none-any.whl".to_owned();
    let deb = lock
        .debs
        .iter_mut()
        .find(|deb| deb.name == "libffi-dev")
        .unwrap();
    deb.filename = deb.filename.replace(&deb.version, "0.0.1");
    (deb.version, deb.sha256) = ("0.0.1".to_owned(), Sha256([2; 32]));
    let old = lock.to_toml().unwrap();
    fs::write(&path, &old).unwrap();

    let image = ["image", "./small.lock", "--up-to", "deps", "--out", "out"];
    let told = [
        "idna 0.0.1 (idna-0.0.1-py3-none-any.whl)",
        "libffi-dev 0.0.1 (",
    ];
    let output = run(folder.path(), &[&image[..], &["--locked"]].concat());
    let said = errors(&output);
    assert!(
        !output.status.success() && said.contains("without --locked"),
        "{said}"
    );
    assert!(told.iter().all(|one| said.contains(one)), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), old);

    let output = run(folder.path(), &image);
    let said = errors(&output);
    assert!(output.status.success(), "{said}");
    let warned = |one: &&str| said.contains(&format!("warning: no mirror has {one}"));
    assert!(told.iter().all(warned), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("sha256:"));
    assert_eq!(fs::read_to_string(&path).unwrap(), before);

    // Without the edition there is nothing to resolve from.
    fs::write(&path, &old).unwrap();
    fs::remove_file(folder.path().join("small.toml")).unwrap();
    let output = run(folder.path(), &image);
    let said = errors(&output);
    assert!(
        !output.status.success() && said.contains("there is no edition"),
        "{said}"
    );
}

#[test]
fn an_archive_at_an_address_is_locked_once_and_is_in_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("node-1.0/src");
    fs::create_dir_all(&tree).unwrap();
    fs::write(tree.join("node.py"), "NAME = 'node'\n").unwrap();
    let archive = folder.path().join("node-1.0.tar.gz");
    let pack = || {
        let mut tar = Command::new("tar");
        tar.arg("czf").arg(&archive).arg("-C").arg(folder.path());
        assert!(tar.arg("node-1.0").status().unwrap().success());
    };
    pack();
    let edition = format!(
        "{EDITION}\n[[layer.comfy.source]]\nname = \"node\"\narchive = \"file://{}\"\n\
         subfolder = \"node-1.0/src\"\nto = \"/opt/nodes/node\"\n",
        archive.display()
    );
    let Some(path) = lock(folder.path(), &edition) else {
        return;
    };
    let before = fs::read_to_string(&path).unwrap();
    let source = Lock::read(&path).unwrap().sources.remove(0);
    assert_eq!(
        (source.name.as_str(), source.filename.as_str()),
        ("node", "node-1.0.tar.gz")
    );
    assert_eq!(source.kind, lock::SourceKind::Tar);
    let layer = [
        "layer",
        "comfy",
        "./small.lock",
        "--compression",
        "gzip",
        "--out",
        "out",
        "--json",
    ];
    let output = run(folder.path(), &layer);
    assert!(output.status.success(), "{}", errors(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let comfy = told["layers"].as_array().unwrap().last().unwrap().clone();
    let part = &comfy["parts"].as_array().unwrap()[0];
    assert_eq!(part["name"], "node");
    let list = Command::new("tar")
        .arg("tzf")
        .arg(part["path"].as_str().unwrap())
        .output()
        .unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(
        list.lines().any(|path| path == "opt/nodes/node/node.py"),
        "{list}"
    );
    assert!(
        list.contains("opt/nodes/node/__pycache__/node.cpython-314.pyc"),
        "{list}"
    );

    // Another file there is not taken unasked; asked for, it is.
    fs::write(tree.join("node.py"), "NAME = 'other'\n").unwrap();
    pack();
    fs::write(
        folder.path().join("small.toml"),
        format!("{edition}# touched\n"),
    )
    .unwrap();
    assert!(
        run(folder.path(), &["lock", "./small.toml"])
            .status
            .success()
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    assert!(
        run(folder.path(), &["lock", "./small.toml", "--update", "node"])
            .status
            .success()
    );
    let after = Lock::read(&path).unwrap().sources.remove(0);
    assert_ne!(after.sha256, source.sha256);
    // What the edition expects is what counts.
    let expecting = format!("{edition}sha256 = \"{}\"\n", source.sha256);
    fs::write(folder.path().join("small.toml"), expecting).unwrap();
    let output = run(folder.path(), &["lock", "./small.toml"]);
    let said = errors(&output);
    assert!(!output.status.success(), "{said}");
    for word in [
        source.sha256.to_string(),
        after.sha256.to_string(),
        "small.toml:".to_owned(),
    ] {
        assert!(said.contains(&word), "{said}");
    }
}

#[test]
fn wheels_by_path_and_by_address_are_the_same_as_those_of_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = lock(folder.path(), EDITION) else {
        return;
    };
    let layer = |offline: &[&str]| -> serde_json::Value {
        let build = ["layer", "deps", "./small.lock", "--out", "out", "--json"];
        let output = run(folder.path(), &[&build[..], offline].concat());
        assert!(output.status.success(), "{}", errors(&output));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        told["layers"].as_array().unwrap().last().unwrap()["parts"][0]["digest"].clone()
    };
    let from_index = layer(&[]);
    let before = Lock::read(&path).unwrap();
    // The very wheels, out of the store.
    let store = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small-edition-store/downloads/sha256");
    fs::create_dir(folder.path().join("wheels")).unwrap();
    for wheel in &before.wheels {
        let to = folder.path().join("wheels").join(&wheel.filename);
        fs::copy(store.join(wheel.sha256.to_string()), to).unwrap();
    }
    let [certifi, idna] = before.wheels.as_slice() else {
        panic!("{:?}", before.wheels);
    };
    let address = format!(
        "file://{}/wheels/{}",
        folder.path().display(),
        idna.filename
    );
    let edition = |sha256: &str| {
        let lines = format!(
            "\"certifi @ ./wheels/{}\", \"idna @ {address}#sha256={sha256}\"",
            certifi.filename
        );
        EDITION.replace("\"idna\", \"certifi\"", &lines)
    };
    lock(folder.path(), &edition(&idna.sha256.to_string())).unwrap();
    let after = Lock::read(&path).unwrap();
    assert_eq!(
        after.wheels[0].file,
        Some(format!("wheels/{}", certifi.filename))
    );
    assert_eq!(after.wheels[1].url.as_deref(), Some(address.as_str()));
    for (one, other) in before.wheels.iter().zip(&after.wheels) {
        assert_eq!((one.sha256, one.size), (other.sha256, other.size));
    }
    assert_eq!(layer(&["--no-reuse"]), from_index);
    // Another digest than the edition expects.
    fs::write(folder.path().join("small.toml"), edition(&"0".repeat(64))).unwrap();
    let output = run(folder.path(), &["lock", "./small.toml"]);
    let said = errors(&output);
    assert!(!output.status.success(), "{said}");
    for word in [
        "0".repeat(64),
        idna.sha256.to_string(),
        "small.toml:".to_owned(),
    ] {
        assert!(said.contains(&word), "{said}");
    }
}

#[test]
fn an_index_of_its_own_gives_what_it_lists_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let Some(path) = lock(folder.path(), EDITION) else {
        return;
    };
    let build = ["layer", "deps", "./small.lock", "--out", "out"];
    let output = run(folder.path(), &build);
    assert!(output.status.success(), "{}", errors(&output));
    let before = Lock::read(&path).unwrap();
    let idna = before
        .wheels
        .iter()
        .find(|wheel| wheel.name == "idna")
        .unwrap();
    // An index with idna and, as a trap, a certifi of a higher version than any.
    let store = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small-edition-store/downloads/sha256");
    let wheel = fs::read(store.join(idna.sha256.to_string())).unwrap();
    let page = format!(
        "<a href=\"/{0}#sha256={1}\">{0}</a>",
        idna.filename, idna.sha256
    );
    let trap =
        "<a href=\"/certifi-9999.1.1-py3-none-any.whl\">certifi-9999.1.1-py3-none-any.whl</a>";
    let file = format!("/{}", idna.filename);
    let server = Server::start(move |request| match request.path.as_str() {
        "/simple/idna/" => Answer::ok(page.as_str()).header("Content-Type", "text/html"),
        "/simple/certifi/" => Answer::ok(trap).header("Content-Type", "text/html"),
        path if path == file => Answer::file(request, &wheel),
        _ => Answer::new("404 Not Found", ""),
    });
    let index = server.url("/simple/");
    let edition = format!(
        "{EDITION}\n[index.own]\nurl = \"{index}\"\npackages = [\"idna\", \"not-wanted\"]\n"
    );
    lock(folder.path(), &edition).unwrap();
    let after = Lock::read(&path).unwrap();
    let [certifi, idna] = after.wheels.as_slice() else {
        panic!("{:?}", after.wheels);
    };
    assert_eq!(idna.index.as_deref(), Some(index.as_str()));
    assert_eq!(
        (&certifi.index, &certifi.version),
        (&None, &before.wheels[0].version)
    );
    assert_eq!(idna.sha256, before.wheels[1].sha256);
    assert!(
        !server
            .requests()
            .iter()
            .any(|request| request.path.contains("certifi"))
    );
}
