//! Editions that stand on another image: locked, built and kept, from a layout and from a registry. With the
//! ordinary registries of packages; where these are not reachable the tests say so. Debian's `docker-registry`
//! serves the image on this machine; where it is not installed, that part is skipped.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

#[allow(dead_code)] // what other tests use of it
mod small;

#[allow(dead_code)] // what the tests of the client use of it
#[path = "../../crates/registry/tests/servers/mod.rs"]
mod servers;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use lock::{LayerName, Lock, Sha256};
use oci_image::{Client, DEBIAN, KIND, PACKAGES, PART, TARS, packages_text};
use registry::{Bytes, File, Reference, media_type};
use serde_json::{Value, json};
use servers::debian::Debian;
use sha2::Digest as _;
use small::{EDITION, errors, lock, run};

/// What a verb printed, which must have succeeded.
fn must(output: &Output) -> String {
    assert!(output.status.success(), "{}", errors(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// An image as `image --json` tells of it.
fn image(folder: &Path, lock: &str, out: &str) -> Value {
    let told = run(folder, &["image", lock, "--out", out, "--json"]);
    parse(must(&told).as_bytes())
}

/// The names of the parts that it added.
fn added(image: &Value) -> Vec<&str> {
    let layers = image["layers"].as_array().unwrap().iter();
    let parts = layers.flat_map(|layer| layer["parts"].as_array().unwrap());
    parts.map(|part| part["name"].as_str().unwrap()).collect()
}

/// The manifest of a layout's one image.
fn manifest(layout: &Path) -> Value {
    let index = parse(&fs::read(layout.join("index.json")).unwrap());
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    let digest = digest.trim_start_matches("sha256:");
    parse(&fs::read(layout.join("blobs/sha256").join(digest)).unwrap())
}

/// The upper edition: as the lower one asks for, and one package more.
fn upper(from: &str) -> String {
    let more = EDITION.replace("\"certifi\"", "\"certifi\", \"six\"");
    format!("from = \"{from}\"\n{more}")
}

fn version(lock: &Path, name: &str) -> String {
    let mut wheels = Lock::read(lock).unwrap().wheels.into_iter();
    wheels.find(|wheel| wheel.name == name).unwrap().version
}

#[test]
fn one_more_package_on_an_image_of_ours_is_one_more_part() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // An image with a version that is not the newest.
    let lower = EDITION.replace("\"idna\"", "\"idna==3.10\"");
    let Some(path) = lock(folder, &lower) else {
        return;
    };
    // And of another day: the files of its Debian system are dated by that.
    let mut older = Lock::read(&path).unwrap();
    older.debian.date = "2026-01-02T03:04:05Z".to_owned();
    fs::write(&path, older.to_toml().unwrap()).unwrap();
    let below = image(folder, "./small.lock", "lower");
    let toml = folder.join("upper.toml");
    let path = folder.join("upper.lock");
    fs::write(&toml, upper("oci:lower")).unwrap();
    let told = must(&run(folder, &["lock", "./upper.toml"]));
    assert!(told.contains("to pull all of them"), "{told}");
    assert!(told.contains(" (in the image below)"), "{told}");
    let from = Lock::read(&path).unwrap().from.unwrap();
    assert_eq!(from.image, "oci:lower");
    assert_eq!(below["digest"], from.digest.to_oci());
    assert_eq!(version(&path, "idna"), "3.10", "as it is below");
    assert_eq!(Lock::read(&path).unwrap().debian.date, older.debian.date);

    let first = image(folder, "./upper.lock", "upper");
    assert_eq!(added(&first), ["deps packages"]);
    assert_eq!(first["from"]["digest"], below["digest"]);
    let (low, high) = (
        manifest(&folder.join("lower")),
        manifest(&folder.join("upper")),
    );
    let (low, high) = (
        low["layers"].as_array().unwrap(),
        high["layers"].as_array().unwrap(),
    );
    assert!(high.starts_with(low) && high.len() == low.len() + 1);
    let packages = high[low.len()]["annotations"]["strata.packages"]
        .as_str()
        .unwrap();
    assert!(packages.contains(" idna==3.10 six=="), "{packages}");

    // Another image stands there: the lock keeps to the one that it has, until it is asked to look.
    lock(folder, &lower.replace("\"Small\"", "\"Other\"")).unwrap();
    let other = image(folder, "./small.lock", "lower");
    assert_ne!(other["digest"], below["digest"]);
    fs::write(&toml, upper("oci:lower") + "# touched\n").unwrap();
    must(&run(folder, &["lock", "./upper.toml", "--check"]));
    assert_eq!(
        image(folder, "./upper.lock", "upper")["digest"],
        first["digest"]
    );
    let told = must(&run(folder, &["lock", "./upper.toml", "--update", "from"]));
    let hex = |image: &Value| image["digest"].as_str().unwrap()["sha256:".len()..].to_owned();
    let line = format!("~ from: digest {} -> {}", hex(&below), hex(&other));
    assert!(told.contains(&line), "{told}");
    assert_eq!(version(&path, "idna"), "3.10");
    let second = image(folder, "./upper.lock", "upper");
    assert_eq!(added(&second), ["deps packages"]);
    assert_ne!(second["digest"], first["digest"]);
    must(&run(folder, &["lock", "./upper.toml", "--update"]));
    assert_eq!(
        version(&path, "idna"),
        "3.10",
        "renewed as far as it goes with the image below"
    );
    // Another name is another image, for the lock.
    fs::write(&toml, upper("oci:./lower")).unwrap();
    let output = run(folder, &["lock", "./upper.toml", "--check"]);
    let said = errors(&output);
    assert!(
        !output.status.success() && said.contains("is not what its edition"),
        "{said}"
    );
    fs::write(&toml, upper("oci:nowhere")).unwrap();
    let said = errors(&run(folder, &["lock", "./upper.toml"]));
    assert!(
        said.contains("upper.toml:1:8: ") && said.contains("no OCI layout at"),
        "{said}"
    );

    // From a registry: the same layers, and the name.
    from_a_registry(folder, high);

    // Another version than below, by name, is what one gets, and cannot be built.
    fs::write(&toml, upper("oci:lower")).unwrap();
    let written = run(folder, &["lock", "./upper.toml", "--update", "idna"]);
    must(&written);
    assert_ne!(version(&path, "idna"), "3.10");
    // The lock is written with a warning; who only checks, or builds, fails.
    let checked = run(folder, &["lock", "./upper.toml", "--check"]);
    let built = run(folder, &["image", "./upper.lock", "--out", "no"]);
    assert!(!checked.status.success() && !built.status.success());
    for output in [written, checked, built] {
        let said = errors(&output);
        for words in ["wheel idna 3.10 (the edition has", "\nhint: "] {
            assert!(said.contains(words), "{said}");
        }
    }
}

/// Copies a layout's image into a registry.
fn push(layout: &Path, to: &Reference) {
    let client = Client::new(registry::Options::default());
    let repository = to.repository();
    let manifest = manifest(layout);
    let layers = manifest["layers"].as_array().unwrap().iter();
    for blob in layers.chain([&manifest["config"]]) {
        let digest: Sha256 = blob["digest"].as_str().unwrap().parse().unwrap();
        let path = layout.join("blobs/sha256").join(digest.to_string());
        let file = File::new(digest, blob["size"].as_u64().unwrap(), path);
        client.push_blob(repository, &file, &[]).unwrap();
    }
    let index = parse(&fs::read(layout.join("index.json")).unwrap());
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    let path = layout.join("blobs/sha256").join(&digest["sha256:".len()..]);
    let manifest = fs::read(path).unwrap();
    client
        .push_manifest(repository, to.by(), media_type::MANIFEST, &manifest)
        .unwrap();
    // What nobody asks for.
    client
        .push_blob(repository, &Bytes::new(&b"other"[..]), &[])
        .unwrap();
}

fn from_a_registry(folder: &Path, layers: &[Value]) {
    let Some(server) = Debian::start() else {
        return;
    };
    let name = format!("{}/strata/small:v1", server.host());
    push(&folder.join("lower"), &name.parse().unwrap());
    fs::write(folder.join("registry.toml"), upper(&name)).unwrap();
    must(&run(folder, &["lock", "./registry.toml"]));
    // All but the manifest is in the store: neither config nor layers are asked for.
    let blobs = || {
        let log = server.log();
        let gets = log
            .lines()
            .filter(|line| line.contains("\"GET /v2/strata/small/blobs/"));
        gets.count()
    };
    let built = image(folder, "./registry.lock", "from-registry");
    assert_eq!(blobs(), 0);
    let found = manifest(&folder.join("from-registry"));
    assert_eq!(found["layers"].as_array().unwrap(), layers);
    assert_eq!(
        found["annotations"]["org.opencontainers.image.base.name"],
        name
    );

    // A store that has nothing but the packages: the layers come out of the registry, once.
    let elsewhere = |out: &str, more: &[&str]| {
        let store = folder.join("elsewhere");
        if !store.exists() {
            fs::create_dir(&store).unwrap();
            let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small-edition-store");
            let mut copy = Command::new("cp");
            copy.arg("-al").arg(shared.join("downloads")).arg(&store);
            assert!(copy.status().unwrap().success());
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["image", "./registry.lock", "--json", "--out", out]);
        command
            .args(more)
            .arg("--store")
            .arg(store)
            .current_dir(folder);
        command.output().unwrap()
    };
    let again = parse(must(&elsewhere("one", &[])).as_bytes());
    assert_eq!(again["digest"], built["digest"]);
    // The layers below and the config.
    assert_eq!(blobs(), layers.len());
    drop(server);
    let again = parse(must(&elsewhere("two", &["--offline"])).as_bytes());
    assert_eq!(again["digest"], built["digest"]);
}

/// A layout that says that it has an edition's image, as far as one can without building it: its layers are
/// named, and are not there.
fn named_image(lock: &Lock, layout: &Path) {
    let sha256 = |bytes: &[u8]| Sha256(sha2::Sha256::digest(bytes).into());
    let mut layers = Vec::new();
    for layer in assembler::layers(lock, LayerName::Runtime).unwrap() {
        for plan in layer.plans().unwrap().unwrap() {
            let mut annotations = json!({
                PART: format!("{}: {}", layer.name(), plan.name()), TARS: plan.tars().to_string(),
            });
            if let Some(first) = plan.packages().first() {
                let packages = plan.packages().iter();
                let packages = packages.map(|one| (one.name.as_str(), one.version.as_str()));
                annotations[KIND] = first.kind.as_str().into();
                annotations[PACKAGES] = packages_text(packages).into();
            }
            layers.push(json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "size": 1000,
                "digest": sha256(plan.tars().as_bytes()).to_oci(), "annotations": annotations,
            }));
        }
    }
    fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    let add = |document: &Value, media_type: &str| {
        let bytes = serde_json::to_vec(document).unwrap();
        let digest = sha256(&bytes);
        fs::write(layout.join("blobs/sha256").join(digest.to_string()), &bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest.to_oci(), "size": bytes.len()})
    };
    let diff_ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
    let config = json!({
        "os": "linux", "architecture": "amd64", "created": lock.created,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let config = add(&config, "application/vnd.oci.image.config.v1+json");
    let debian = format!("{} {}", lock.debian.suite, lock.debian.date);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": layers,
        "annotations": { DEBIAN: debian },
    });
    let manifest = add(&manifest, media_type::MANIFEST);
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(layout.join("index.json"), index.to_string()).unwrap();
}

/// The example of docs/editions.md at its real size: from no lock at all, one package and one part more.
#[test]
fn the_example_adds_one_part_to_starter() {
    let folder = tempfile::tempdir().unwrap();
    let starter = Lock::starter().unwrap();
    let editions = folder.path().join("editions");
    fs::create_dir(&editions).unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../editions");
    for name in ["starter.toml", "on-top.toml"] {
        fs::copy(repository.join(name), editions.join(name)).unwrap();
    }
    named_image(&starter, &folder.path().join("dist/starter"));
    let output = run(folder.path(), &["lock", "editions/on-top.toml", "--json"]);
    if !output.status.success() {
        let said = errors(&output);
        let unreachable = ["cannot fetch", "Failed to fetch", "error sending request"];
        assert!(
            unreachable.iter().any(|words| said.contains(words)),
            "{said}"
        );
        eprintln!("skipped: the registries are not reachable: {said}");
        return;
    }
    let lock = Lock::read(&editions.join("on-top.lock")).unwrap();
    assert_eq!(lock.debs, starter.debs);
    assert_eq!(lock.debian.date, starter.debian.date);
    let new: Vec<_> = lock
        .wheels
        .iter()
        .filter(|one| !starter.wheels.contains(one))
        .collect();
    let names: Vec<&str> = new.iter().map(|wheel| wheel.name.as_str()).collect();
    assert_eq!(
        (names, lock.wheels.len()),
        (vec!["qrcode"], starter.wheels.len() + 1)
    );
    let told = parse(&output.stdout);
    let parts = told["parts"].as_array().unwrap().iter();
    let built: Vec<&Value> = parts.filter(|part| part["in_store"] == false).collect();
    assert_eq!(built.len(), 1, "{built:?}");
    assert!(
        built[0]["name"]
            .as_str()
            .unwrap()
            .starts_with("deps packages "),
        "{built:?}"
    );
}
