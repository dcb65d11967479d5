//! Editions whose interpreter comes from an archive, from file to image, with the ordinary registries. The
//! archive is a stand-in in the layout of python-build-standalone: of a Python of this machine, or of made-up
//! files where nothing has to run. Where the registries are not reachable the tests say so.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

#[allow(dead_code)] // what other tests use of it
mod small;
#[path = "../../crates/python/tests/standin/mod.rs"]
mod standin;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use lock::{Lock, Sha256};
use sandbox::Sandbox;
use sha2::Digest;
use small::{errors, lock_there, run};

/// An edition with this interpreter. No layer asks for Debian's Python.
fn edition(folder: &Path, version: &str, archive: &Path, packages: &str) {
    let bytes = fs::read(archive).unwrap();
    let text = format!(
        "[debian]\nsuite = \"forky\"\n\n[python]\nversion = \"{version}\"\n\
         source = \"python-build-standalone\"\narchive = \"file://{}\"\nsha256 = \"{}\"\n\n\
         [image]\ntitle = \"Small\"\n\n[layer.python]\npython = [\"pip\"]\n\n\
         [layer.deps]\npython = [{packages}]\n",
        archive.display(),
        Sha256(sha2::Sha256::digest(&bytes).into()),
    );
    fs::write(folder.join("small.toml"), text).unwrap();
}

/// Locks the edition; `None` where the registries are not reachable.
fn lock(folder: &Path) -> Option<Lock> {
    lock_there(folder).map(|path| Lock::read(&path).unwrap())
}

/// Builds the image with these options more, and gives its digest.
fn image(folder: &Path, more: &[&str]) -> String {
    let build = [
        "image",
        "./small.lock",
        "--compression",
        "gzip",
        "--out",
        "out",
    ];
    let output = run(folder, &[&build[..], more].concat());
    assert!(output.status.success(), "{}", errors(&output));
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .last()
        .unwrap()
        .to_owned()
}

fn blob(folder: &Path, digest: &str) -> PathBuf {
    folder.join("out/blobs").join(digest.replace(':', "/"))
}

/// A document of the image in `out`.
fn document(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Unpacks the image into a folder, without owners.
fn unpacked(folder: &Path, manifest: &serde_json::Value) -> PathBuf {
    let root = folder.join("root");
    fs::create_dir(&root).unwrap();
    for layer in manifest["layers"].as_array().unwrap() {
        let path = blob(folder, layer["digest"].as_str().unwrap());
        let mut tar = Command::new("tar");
        tar.args(["-x", "-z", "--no-same-owner", "-C"])
            .arg(&root)
            .arg("-f")
            .arg(path);
        assert!(tar.status().unwrap().success());
    }
    root
}

#[test]
fn the_interpreter_of_an_archive_runs_in_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some((archive, version)) = standin::real(folder) else {
        println!("skipped: no Python 3.11 or newer on this machine that is not Debian's");
        return;
    };
    let short = &version[..version.rfind('.').unwrap()];
    edition(folder, short, &archive, "\"idna\"");
    let Some(locked) = lock(folder) else {
        return;
    };
    assert_eq!(locked.python.version, version);
    assert_eq!(
        locked.python.interpreter,
        format!("/usr/local/bin/python{short}")
    );
    let python = |deb: &lock::Deb| deb.name.contains("python");
    assert!(!locked.debs.iter().any(python), "{:?}", locked.debs);
    // What is locked is kept, without the archive.
    let text = fs::read_to_string(folder.join("small.lock")).unwrap();
    let aside = folder.join("aside");
    fs::rename(&archive, &aside).unwrap();
    let toml = folder.join("small.toml");
    fs::write(&toml, fs::read_to_string(&toml).unwrap() + "# touched\n").unwrap();
    assert_eq!(lock(folder).unwrap(), locked);
    assert_eq!(fs::read_to_string(folder.join("small.lock")).unwrap(), text);
    fs::rename(&aside, &archive).unwrap();

    let digest = image(folder, &[]);
    let manifest = document(&blob(folder, &digest));
    let config = document(&blob(
        folder,
        manifest["config"]["digest"].as_str().unwrap(),
    ));
    let env = config["config"]["Env"].as_array().unwrap();
    let env: Vec<_> = env.iter().map(|one| one.as_str().unwrap()).collect();
    let own = |one: &&str| one.starts_with("PIP_BREAK_SYSTEM_PACKAGES");
    assert!(!env.iter().any(own), "{env:?}");
    let path = env.iter().find(|one| one.starts_with("PATH=")).unwrap();
    let root = unpacked(folder, &manifest);
    let sandbox = Sandbox::new(&root).writable(false);
    let run = |program: &str, script: &str| {
        let output = sandbox.run(program, ["-c", script], b"").unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    // Through PATH, as the entrypoint does.
    let through_path = run(
        "/bin/sh",
        &format!("{path} python3 -c 'import sys; print(sys.version.split()[0], sys.base_prefix)'"),
    );
    assert_eq!(through_path.trim(), format!("{version} /usr/local"));
    // What sysconfig says is what the lock says, and is there.
    let said = run(
        "/usr/local/bin/python3",
        "import os, sysconfig\n\
         paths = sysconfig.get_paths()\n\
         for name in ('purelib', 'platlib', 'scripts', 'data'): print(paths[name])\n\
         for name in ('INCLUDEPY', 'LIBDIR', 'prefix'):\n    \
             value = sysconfig.get_config_var(name)\n    assert os.path.isdir(value), value\n    print(value)\n\
         assert os.path.isfile(sysconfig.get_makefile_filename())",
    );
    let want = &locked.python;
    let include = format!("/usr/local/include/python{short}");
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            want.purelib.as_str(),
            want.platlib.as_str(),
            want.scripts.as_str(),
            want.data.as_str(),
            include.as_str(),
            "/usr/local/lib",
            "/usr/local",
        ]
    );
    // Modules come from bytecode: of the interpreter's own library, and of a wheel. Nothing is compiled
    // where nothing can be written, so a module without would have no file there.
    let modules = run(
        "/usr/local/bin/python3",
        "import idna, json.decoder\n\
         for module in (idna, json.decoder):\n    \
             path = module.__cached__\n    head = open(path, 'rb').read(8)\n    \
             assert head[4:] == bytes([1, 0, 0, 0]), head\n    print(path)\n\
         print(idna.encode('bücher.example').decode())",
    );
    let tag = want.tag.replace("cp", "cpython-");
    let json = format!("/usr/local/lib/python{short}/json/__pycache__/decoder.{tag}.pyc");
    let idna = format!("{}/idna/__pycache__/__init__.{tag}.pyc", want.purelib);
    assert_eq!(
        modules.lines().collect::<Vec<_>>(),
        [idna.as_str(), json.as_str(), "xn--bcher-kva.example"]
    );
    // The lock's pip, and no other.
    let pip = run(
        "/usr/local/bin/python3",
        "from importlib.metadata import distributions\n\
         print(*sorted(d.name + ' ' + d.version for d in distributions()))",
    );
    let packages = locked
        .wheels
        .iter()
        .map(|wheel| format!("{} {}", wheel.name, wheel.version));
    let mut packages: Vec<_> = packages.collect();
    packages.sort();
    assert_eq!(pip.trim(), packages.join(" "));
    // The health check runs, and finds no ComfyUI.
    let no_arguments: [&str; 0] = [];
    let health = sandbox.run("/runner-scripts/health.py", no_arguments, b"");
    let said = health.unwrap_err().to_string();
    assert!(said.contains("ComfyUI does not answer"), "{said}");
    // Made anew, it is the same.
    assert_eq!(image(folder, &["--no-reuse"]), digest);
}

#[test]
fn without_the_gil_wheels_are_those_of_its_own_abi() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let archive = standin::layout(folder, "3.14.7", true);
    // A compiled package, and a pure one that Windows alone needs.
    edition(folder, "3.14t", &archive, "\"markupsafe\", \"tqdm\"");
    let Some(locked) = lock(folder) else {
        return;
    };
    let python = &locked.python;
    assert_eq!(
        (python.version.as_str(), python.tag.as_str()),
        ("3.14.7", "cp314t")
    );
    assert_eq!(python.interpreter, "/usr/local/bin/python3.14t");
    let names = locked.wheels.iter().map(|wheel| wheel.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["pip", "markupsafe", "tqdm"]);
    let compiled = &locked.wheels[1].filename;
    assert!(compiled.contains("-cp314-cp314t-manylinux"), "{compiled}");

    // Another version than the archive's, and another digest.
    let text = fs::read_to_string(folder.join("small.toml")).unwrap();
    let refused = |text: &str| {
        fs::write(folder.join("small.toml"), text).unwrap();
        let output = run(folder, &["lock", "./small.toml"]);
        assert!(!output.status.success());
        errors(&output)
    };
    let said = refused(&text.replace("3.14t", "3.14"));
    let wanted = "Python 3.14 is wanted, but cpython-3.14.7t.tar.gz has Python 3.14t";
    assert!(
        said.contains("small.toml:5:") && said.contains(wanted),
        "{said}"
    );
    let sha256 = python.archive.as_ref().unwrap().sha256.to_string();
    let said = refused(&text.replace(&sha256, &"0".repeat(64)));
    assert!(
        said.contains("small.toml:7:") && said.contains(&sha256),
        "{said}"
    );
    fs::write(folder.join("none.tar.gz"), "none".repeat(1000)).unwrap();
    let none = folder.join("none.tar.gz");
    edition(folder, "3.14t", &none, "");
    let said = refused(&fs::read_to_string(folder.join("small.toml")).unwrap());
    assert!(
        said.contains("small.toml:7:") && said.contains("expected a tar"),
        "{said}"
    );
}

/// `slim-py314t` as it stands, with a stand-in for its archive and without ComfyUI's repository.
#[test]
fn slim_without_the_gil_resolves_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let editions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../editions");
    for name in ["starter.toml", "slim.toml", "slim-py314t.toml"] {
        fs::copy(editions.join(name), folder.join(name)).unwrap();
    }
    let archive = standin::layout(folder, "3.14.7", true);
    let text = format!(
        "extends = \"slim-py314t\"\n\n[python]\narchive = \"file://{}\"\nsha256 = \"{}\"\n\n\
         [layer.comfy.remove]\nsource = [\"ComfyUI\"]\n",
        archive.display(),
        Sha256(sha2::Sha256::digest(fs::read(&archive).unwrap()).into()),
    );
    fs::write(folder.join("small.toml"), text).unwrap();
    let Some(free) = lock(folder) else {
        return;
    };
    assert_eq!(free.python.tag, "cp314t");
    assert_eq!(free.image.env.get("PYTHON_GIL").unwrap(), "0");
    let python = |deb: &&lock::Deb| deb.name.starts_with("python3");
    assert!(!free.debs.iter().any(|deb| python(&deb)), "{:?}", free.debs);
    // Every package of `slim` is there, each in a wheel for this interpreter or for any.
    let slim = Lock::read(&editions.join("slim.lock")).unwrap();
    let names: Vec<_> = free.wheels.iter().map(|wheel| &wheel.name).collect();
    for wheel in &slim.wheels {
        assert!(names.contains(&&wheel.name), "{} is left out", wheel.name);
    }
    let foreign = |wheel: &&lock::Wheel| {
        let tags = wheel.filename.trim_end_matches(".whl").rsplit('-').nth(1);
        !matches!(tags, Some("none" | "cp314t"))
    };
    let foreign: Vec<_> = free.wheels.iter().filter(foreign).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let compiled = free
        .wheels
        .iter()
        .filter(|one| one.filename.contains("cp314t-"));
    assert!(compiled.count() > 25);
}
