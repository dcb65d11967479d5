//! What is chosen for an interpreter from an archive, against two oracles on this machine: the versions
//! against uv itself, each package's wheel against pip. Needs the network.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests are tests too"
)]

#[path = "../../python/tests/standin/mod.rs"]
mod standin;

use std::{
    collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path, process::Command,
    sync::Arc,
};

use edition::Edition;
use lock::Lock;
use store::{Fetcher, Places, Silent, Store};
use strata_resolve::{Kept, Options, Update, resolve};

const VERSION: &str = "3.14.7";
const PLATFORM: &str = "x86_64-manylinux_2_28";
/// Compiled for each flavour, for the stable ABI, and pure; with markers for version and platform.
const PACKAGES: [&str; 9] = [
    "numpy",
    "pydantic",
    "safetensors",
    "markupsafe",
    "pyyaml",
    "aiohttp",
    "pillow",
    "tqdm",
    "psutil",
];

/// The lock of an edition that wants the packages on this interpreter.
fn locked(folder: &Path, free_threaded: bool) -> Lock {
    let archive = standin::layout(folder, VERSION, free_threaded);
    let file = fs::File::open(&archive);
    let (_, sha256) = store::sha256(&mut file.unwrap()).unwrap();
    let flavour = if free_threaded { "t" } else { "" };
    let text = format!(
        "[debian]\nsuite = \"forky\"\n[python]\nversion = \"3.14{flavour}\"\n\
         source = \"python-build-standalone\"\narchive = \"file://{}\"\nsha256 = \"{sha256}\"\n\
         [image]\ntitle = \"t\"\n[layer.deps]\npython = {PACKAGES:?}\n",
        archive.display()
    );
    let edition = Edition::parse(&text, "t").unwrap();
    let store = Store::open(folder.join("store")).unwrap();
    let fetcher = Fetcher::new(Places::from_env().unwrap(), Arc::new(Silent), false);
    let options = Options {
        update: Update::Nothing,
        folder,
        build: false,
        now: jiff::Timestamp::now(),
    };
    let (lock, _) = resolve(&store, &fetcher, &edition, &Kept::nothing(), &options).unwrap();
    assert_eq!(lock.python.tag, format!("cp314{flavour}"));
    lock
}

/// The versions that the machine's uv chooses. It has no option for the flavour: it is given the
/// machine's interpreter, whose answer has one word changed.
fn versions(folder: &Path, free_threaded: bool) -> BTreeMap<String, String> {
    let (input, program) = (folder.join("r.in"), folder.join("python3"));
    fs::write(&input, PACKAGES.join("\n")).unwrap();
    let script = format!(
        "#!/bin/sh\npython3 \"$@\" | sed 's/\"gil_disabled\": false/\"gil_disabled\": {free_threaded}/'\n"
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let mut uv = Command::new("uv");
    uv.args(["pip", "compile", "--no-config", "--quiet", "--no-header"])
        .args(["--no-annotate", "--only-binary", ":all:"])
        .args(["--python-version", VERSION, "--python-platform", PLATFORM])
        .arg("--python")
        .arg(&program)
        .arg(&input);
    let output = uv.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let pins = text.lines().filter_map(|line| line.split_once("=="));
    pins.map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect()
}

/// The wheel that pip takes of each pinned package.
fn wheels(lock: &Lock) -> BTreeMap<String, String> {
    let mut pip = Command::new("python3");
    // pip holds Requires-Python against itself, whatever it is asked for.
    pip.args("-m pip install --quiet --dry-run --ignore-installed --no-deps --pre".split(' '))
        .arg("--ignore-requires-python")
        .args("--disable-pip-version-check --only-binary=:all: --target unused".split(' '))
        .args("--report - --implementation cp --python-version 3.14".split(' '))
        .args(["--abi", lock.python.tag.as_str()]);
    if lock.python.tag == "cp314" {
        // Given one ABI, pip forgets the others that this interpreter takes.
        pip.args(["--abi", "abi3"]);
    }
    pip.args(["--abi", "none"]);
    for minor in (5..=28).rev() {
        pip.args(["--platform", &format!("manylinux_2_{minor}_x86_64")]);
        for (of, name) in [
            (17, "manylinux2014"),
            (12, "manylinux2010"),
            (5, "manylinux1"),
        ] {
            if of == minor {
                pip.args(["--platform", &format!("{name}_x86_64")]);
            }
        }
    }
    pip.args(
        lock.wheels
            .iter()
            .map(|wheel| format!("{}=={}", wheel.name, wheel.version)),
    );
    let output = pip.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let installed = report["install"].as_array().unwrap().iter();
    let wheel = |one: &serde_json::Value| {
        let name = lock::normalised(one["metadata"]["name"].as_str().unwrap());
        let url = one["download_info"]["url"].as_str().unwrap();
        (name, url.rsplit('/').next().unwrap().to_owned())
    };
    installed.map(wheel).collect()
}

fn agrees(free_threaded: bool) {
    let has = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !has("uv") || !has("python3") {
        println!("skipped: no uv or no python3 on this machine");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let lock = locked(folder.path(), free_threaded);
    let chosen = lock.wheels.iter();
    let chosen: BTreeMap<_, _> = chosen
        .map(|wheel| (wheel.name.clone(), wheel.version.clone()))
        .collect();
    assert!(chosen.len() > PACKAGES.len(), "{chosen:?}");
    assert_eq!(chosen, versions(folder.path(), free_threaded));
    let files = lock.wheels.iter();
    let files: BTreeMap<_, _> = files
        .map(|wheel| (wheel.name.clone(), wheel.filename.clone()))
        .collect();
    assert_eq!(files, wheels(&lock));
    let own = files.values().filter(|file| file.contains("-cp314t-"));
    assert_eq!(own.count() > 0, free_threaded, "{files:?}");
}

#[test]
#[ignore = "needs the network"]
fn with_the_gil_uv_and_pip_choose_the_same() {
    agrees(false);
}

#[test]
#[ignore = "needs the network"]
fn without_the_gil_uv_and_pip_choose_the_same() {
    agrees(true);
}
