//! pip installs the same wheels into a folder with the same scheme: paths, contents, modes and
//! RECORD are ours, but for what pip says of itself (INSTALLER, REQUESTED, direct_url.json).
//!
//! The pip is the machine's own. The text of entry points' scripts differs between its versions:
//! of those the lines that count are compared.
// Helpers outside of #[test] functions; what is skipped is said.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod making;

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use making::{Maker, locked, zips};
use strata_wheel::{Scheme, Wheel};
use zips::{Entry, deflated, stored};

/// pip puts everything below this; nothing is written there, for it gets a root of its own.
const PREFIX: &str = "/opt/strata-oracle";

fn python(arguments: &[&str]) -> Option<Output> {
    // As the user has set it up, but in a folder that is not a project's.
    Command::new("python3")
        .args(arguments)
        .current_dir("/")
        .output()
        .ok()
}

/// The machine's Python as a lock's, with the scheme that pip's `--prefix` gives.
fn machine() -> Option<lock::Python> {
    let text = format!(
        "import os.path, sys, sysconfig\n\
         from pip._internal.locations import get_scheme\n\
         s = get_scheme('name', prefix='{PREFIX}')\n\
         print(sysconfig.get_python_version(), sys.executable, s.purelib, s.platlib, s.scripts,\n\
         os.path.dirname(s.headers), s.data, sep='\\n')\n"
    );
    let said = python(&["-c", &text]).filter(|said| said.status.success());
    let Some(said) = said else {
        eprintln!("skipped: there is no python3 with pip here");
        return None;
    };
    let said = String::from_utf8(said.stdout).unwrap();
    let lines: Vec<String> = said.lines().map(str::to_owned).collect();
    let [
        version,
        interpreter,
        purelib,
        platlib,
        scripts,
        headers,
        data,
    ] = lines.try_into().unwrap();
    Some(lock::Python {
        version,
        tag: "cp3".to_owned(),
        interpreter,
        purelib,
        platlib,
        scripts,
        headers,
        data,
        archive: None,
    })
}

/// Runs a pip that has to succeed.
fn pip(command: &mut Command) {
    let done = command.current_dir("/").output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
}

/// Path to mode and text.
type Files = BTreeMap<String, (u32, Vec<u8>)>;

fn pips(wheel: &Path, root: &Path) -> Files {
    pip(Command::new("python3")
        .args("-m pip install --quiet --no-deps --no-index --no-compile".split(' '))
        .args("--disable-pip-version-check --ignore-installed".split(' '))
        .args(["--no-warn-script-location", "--root-user-action=ignore"])
        .args(["--prefix", PREFIX, "--root"])
        .args([root, wheel]));
    let mut found = Files::new();
    let mut left: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(at) = left.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            if about.is_dir() {
                left.push(path);
                continue;
            }
            let shown = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            // The umask is the machine's: what counts is who may execute.
            let mode = if about.permissions().mode() & 0o100 != 0 {
                0o755
            } else {
                0o644
            };
            found.insert(shown, (mode, std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn ours(
    wheel: &Path,
    python: &lock::Python,
    name: &str,
    version: &str,
) -> (Files, BTreeSet<String>) {
    let wheel = Wheel::open(wheel, &locked(name, version)).unwrap();
    let install = wheel
        .plan(&Scheme::from_lock(python).unwrap(), &[], true)
        .unwrap();
    let made = install
        .files
        .iter()
        .filter(|file| file.source.is_none())
        .map(|file| file.path.to_string())
        .collect();
    let tree = install.into_tree(Vec::new()).unwrap();
    let mut found = Files::new();
    for entry in tree.iter() {
        if let layer::Kind::File(content) = &entry.kind {
            let bytes = layer::read_small(content.as_ref(), 1 << 30).unwrap();
            found.insert(entry.path.to_string(), (entry.mode, bytes));
        }
    }
    (found, made)
}

/// Takes out what pip says of itself, and its lines, and puts RECORD's lines into one order.
fn without_own(files: Files, made: &BTreeSet<String>) -> Files {
    let own = |path: &str| {
        path.contains(".dist-info/")
            && ["INSTALLER", "REQUESTED", "direct_url.json"]
                .iter()
                .any(|name| path.ends_with(&format!("/{name}")))
    };
    let script_names: BTreeSet<&str> = made.iter().map(|path| name_of(path)).collect();
    files
        .into_iter()
        .filter(|(path, _)| !own(path))
        .map(|(path, (mode, bytes))| {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let bytes = if path.ends_with(".dist-info/RECORD") {
                let mut lines: Vec<String> = text
                    .lines()
                    .filter(|line| !own(line.split(',').next().unwrap_or_default()))
                    // Of a script that gives way to an entry point's, pip leaves the wheel's own
                    // line, though nothing stands there.
                    .filter(|line| !line.contains(".data/scripts/"))
                    .map(|line| {
                        let (rest, _size) = line.rsplit_once(',').unwrap();
                        let (path, _hash) = rest.rsplit_once(',').unwrap();
                        // Whose text differs, their hash differs.
                        let made = script_names.contains(name_of(path)) && path.starts_with("../");
                        if made {
                            path.to_owned()
                        } else {
                            line.to_owned()
                        }
                    })
                    .collect();
                lines.sort();
                lines.join("\n").into_bytes()
            } else if made.contains(&path) {
                let counts = |line: &&str| {
                    let line = line.trim();
                    line.starts_with("#!")
                        || line.starts_with("from ")
                        || line.starts_with("sys.exit(")
                };
                let lines: Vec<&str> = text.lines().filter(counts).collect();
                assert_eq!(lines.len(), 3, "{path}: {text}");
                lines.join("\n").into_bytes()
            } else {
                bytes
            };
            (path, (mode, bytes))
        })
        .collect()
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn compare(wheel: &Path, python: &lock::Python, name: &str, version: &str) -> usize {
    let root = tempfile::tempdir().unwrap();
    let theirs = pips(wheel, root.path());
    let (ours, made) = ours(wheel, python, name, version);
    let [theirs, ours] = [theirs, ours].map(|files| without_own(files, &made));
    let paths = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&ours), paths(&theirs), "{name}");
    for (path, (mode, bytes)) in &theirs {
        assert_eq!(ours[path].0, *mode, "{name}: mode of {path}");
        assert!(
            ours[path].1 == *bytes,
            "{name}: {path}\nours: {}\npip's: {}",
            String::from_utf8_lossy(&ours[path].1),
            String::from_utf8_lossy(bytes)
        );
    }
    theirs.len()
}

fn samples() -> Vec<Maker> {
    let run = |name: &str, text: &str| Entry {
        mode: 0o100_755,
        ..stored(name, text.as_bytes())
    };
    let wide = Entry {
        zip64: true,
        ..deflated("wide/x.py", &b"x = 1\n".repeat(99))
    };
    let later = Entry {
        flags: 8,
        ..deflated("wide/later.py", &b"y = 1\n".repeat(99))
    };
    let untyped = Entry {
        mode: 0o755,
        ..stored("wide/untyped", b"x")
    };
    let plain = Maker::new("plain", "1.0")
        .entry(stored("plain/", b""))
        .entry(stored("plain/empty/", b""))
        .file("plain/__init__.py", "")
        .file("plain/a, b.txt", "comma")
        .entry(run("plain/run.sh", "#!/bin/sh\n"));
    let platform = Maker {
        purelib: false,
        ..Maker::new("platform", "2.0")
            .entry(wide)
            .entry(later)
            .entry(untyped)
    };
    let data = Maker::new("data", "3.0")
        .file("data/__init__.py", "")
        .file("data-3.0.data/purelib/pure.py", "pure")
        .file("data-3.0.data/platlib/plat.py", "plat")
        .file("data-3.0.data/headers/sub/x.h", "header")
        .file("data-3.0.data/data/share/data/x", "data")
        .entry(run("data-3.0.data/scripts/py", "#!python\nprint()\n"))
        .entry(run("data-3.0.data/scripts/pyw", "#!pythonw\r\nprint()\r\n"))
        .entry(run("data-3.0.data/scripts/py3", "#!python3 -u\nprint()\n"))
        .entry(run("data-3.0.data/scripts/sh", "#!/bin/sh\n#!python\n"));
    let scripts = Maker::new("scripts", "4.0")
        .file("scripts/__init__.py", "def main(): pass\n")
        .entry(run("scripts-4.0.data/scripts/tool", "#!python\nold\n"))
        .entry(run(
            "scripts-4.0.data/scripts/gui-script.py",
            "#!python\nold\n",
        ))
        .entry(run("scripts-4.0.data/scripts/other", "#!python\nkept\n"))
        .file(
            "scripts-4.0.dist-info/entry_points.txt",
            "[console_scripts]\ntool = scripts:main [extra]\nTool-2=scripts.cli:App.run\n\
             [gui_scripts]\ngui = scripts:main\n[other]\nx = y\n",
        );
    vec![plain, platform, data, scripts]
}

#[test]
fn made_wheels_as_pip_leaves_them() {
    let Some(python) = machine() else { return };
    let folder = tempfile::tempdir().unwrap();
    for maker in samples() {
        let (name, version) = maker.stem.rsplit_once('-').unwrap();
        // The tag in the file's name is what pip goes by.
        let path = folder
            .path()
            .join(format!("{}-py3-none-any.whl", maker.stem));
        std::fs::write(&path, maker.bytes()).unwrap();
        assert!(compare(&path, &python, name, version) >= 5, "{name}");
    }
}

#[test]
#[ignore = "needs the network"]
fn real_wheels_as_pip_leaves_them() {
    let Some(python) = machine() else { return };
    let folder = tempfile::tempdir().unwrap();
    pip(Command::new("python3")
        .args("-m pip download --quiet --no-deps --only-binary :all:".split(' '))
        .args(["--disable-pip-version-check", "--dest"])
        .arg(folder.path())
        .args(["six", "packaging", "pyyaml", "pygments", "numpy"]));
    let mut count = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut parts = file.split('-');
        let (name, version) = (parts.next().unwrap(), parts.next().unwrap());
        compare(&path, &python, name, version);
        count += 1;
    }
    assert_eq!(count, 5);
}
