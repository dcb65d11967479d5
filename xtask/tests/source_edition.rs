//! Python packages from source: locked with what they need and what comes of them, built for real in the
//! sandbox, and refused where something else comes of them. With the ordinary registries; where these are not
//! reachable the tests say so.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

#[allow(dead_code)] // what other tests use of it
mod small;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use lock::Lock;
use small::{EDITION, errors, lock, run};

/// The program with another store, which has the downloads of the tests' own and nothing else.
fn elsewhere(folder: &Path, arguments: &[&str]) -> Output {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small-edition-store");
    let store = folder.join("store");
    if !store.exists() {
        fs::create_dir(&store).unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-al").arg(shared.join("downloads")).arg(&store);
        assert!(copy.status().unwrap().success());
    }
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .arg("--store")
        .arg(store)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn a_source_distribution_is_built_once_and_the_same_everywhere() {
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
    let file = sdist.file.as_ref().unwrap();
    assert_eq!(
        (sdist.name.as_str(), file.filename.as_str(), sdist.requested),
        ("iopath", "iopath-0.1.10.tar.gz", true)
    );
    let wheel = sdist.wheel.as_ref().unwrap();
    assert_eq!(wheel.filename, "iopath-0.1.10-py3-none-any.whl");
    assert!(wheel.files.contains_key("iopath/version.py"), "{wheel:?}");
    // It has no pyproject.toml: setuptools is there while it is built, and in no layer.
    let tools: Vec<_> = found.tools.iter().map(|tool| tool.id()).collect();
    assert_eq!(sdist.requires, tools);
    assert!(tools[0].starts_with("setuptools=="), "{tools:?}");
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

    // Elsewhere the same wheel comes of it, also with two builds at a time in one layer.
    let build = ["layer", "deps", "./small.lock", "--out", "out"];
    let output = elsewhere(folder.path(), &build);
    assert!(output.status.success(), "{}", errors(&output));
    let digest = String::from_utf8(output.stdout).unwrap();
    let output = run(folder.path(), &build);
    assert!(output.status.success(), "{}", errors(&output));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().lines().last(),
        digest.lines().last()
    );

    // A lock that says something else of it.
    let mut other = found.clone();
    let wheel = other.sdists[0].wheel.as_mut().unwrap();
    wheel.sha256.0[0] ^= 1;
    *wheel.files.get_mut("iopath/version.py").unwrap() = "00000000".to_owned();
    fs::write(&path, other.to_toml().unwrap()).unwrap();
    let output = elsewhere(folder.path(), &build);
    let said = errors(&output);
    assert!(!output.status.success());
    for words in [
        "iopath 0.1.10: building it gave another wheel than the lock has",
        "iopath/version.py: CRC-32 ",
        "expected 00000000",
        "two builds here give the same",
        "--update iopath",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }

    // One that says nothing of it yet.
    other.sdists[0].wheel = None;
    fs::write(&path, other.to_toml().unwrap()).unwrap();
    let output = run(folder.path(), &build);
    let said = errors(&output);
    assert!(!output.status.success());
    assert!(said.contains("its wheel is not in the lock yet"), "{said}");

    // A table for what is not built.
    let table = format!("{source}\n[build.idna]\nrequires = [\"setuptools\"]\n");
    fs::write(folder.path().join("small.toml"), table).unwrap();
    let output = run(folder.path(), &["lock", "./small.toml"]);
    let said = errors(&output);
    assert!(said.contains("idna is not built from source"), "{said}");

    // Wheels alone: there is none, and the resolver says so.
    fs::write(folder.path().join("small.toml"), &with).unwrap();
    let output = run(folder.path(), &["lock", "./small.toml"]);
    let said = errors(&output);
    assert!(
        !output.status.success() && said.contains("iopath"),
        "{said}"
    );
}

fn commit(repository: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(repository.join(name), text).unwrap();
    }
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "--all"],
        &["commit", "--quiet", "-m", "x"],
    ] {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]);
        let status = git.args(arguments).current_dir(repository).status();
        assert!(status.unwrap().success());
    }
}

#[test]
fn a_package_from_git_is_built_to_know_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    fs::create_dir(&repository).unwrap();
    // Other bytes in every run: the store is kept between them.
    let mark = format!("MARK = {:?}\n", folder.path());
    // What it needs is known to its program alone.
    let setup = "from setuptools import setup\n\
        setup(name='Our_Package', version='1.2', py_modules=['ours'], install_requires=[open('needs').read()])\n";
    commit(
        &repository,
        &[("setup.py", setup), ("needs", "six"), ("ours.py", &mark)],
    );
    let line = format!("our-package @ git+file://{}@main", repository.display());
    let edition = EDITION.replace("\"certifi\"", &format!("\"certifi\", \"{line}\""));
    let Some(path) = lock(folder.path(), &edition) else {
        return;
    };
    let before = fs::read_to_string(&path).unwrap();
    let found = Lock::read(&path).unwrap();
    let [sdist] = found.sdists.as_slice() else {
        panic!("{:?}", found.sdists);
    };
    assert_eq!((sdist.version.as_str(), sdist.requested), ("1.2", true));
    let git = sdist.git.as_ref().unwrap();
    assert_eq!(git.reference.as_deref(), Some("refs/heads/main"));
    assert!(found.wheels.iter().any(|wheel| wheel.name == "six"));
    let build = ["layer", "deps", "./small.lock", "--out", "out"];
    let output = run(folder.path(), &build);
    assert!(output.status.success(), "{}", errors(&output));

    // A newer commit is taken when it is asked for.
    commit(&repository, &[("needs", "certifi")]);
    lock(folder.path(), &format!("{edition}# touched\n")).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    let output = run(
        folder.path(),
        &["lock", "./small.toml", "--update", "our-package"],
    );
    assert!(output.status.success(), "{}", errors(&output));
    let after = Lock::read(&path).unwrap();
    assert_ne!(after.sdists[0].git, found.sdists[0].git);
    assert!(!after.wheels.iter().any(|wheel| wheel.name == "six"));

    // One that is another every time: the bytes are named.
    let setup = "import time\nfrom setuptools import setup\n\
        open('ours.py', 'w').write(f'# 456789\\nTIME = {time.time_ns()}\\n')\n\
        setup(name='Our_Package', version='1.2', py_modules=['ours'])\n";
    commit(&repository, &[("setup.py", setup)]);
    let output = run(
        folder.path(),
        &["lock", "./small.toml", "--update", "our-package"],
    );
    assert!(output.status.success(), "{}", errors(&output));
    let output = elsewhere(folder.path(), &build);
    let said = errors(&output);
    assert!(!output.status.success());
    assert!(said.contains("it is another one every time"), "{said}");
    let place = said.split("ours.py: from byte ").nth(1).unwrap();
    let byte = place.split(' ').next().unwrap().parse::<usize>().unwrap();
    assert!(byte > "# 456789\nTIME = ".len(), "{said}");

    // One that cannot be built: its last words are told.
    commit(
        &repository,
        &[("setup.py", "raise SystemExit('no such luck')\n")],
    );
    let output = run(
        folder.path(),
        &["lock", "./small.toml", "--update", "our-package"],
    );
    let said = errors(&output);
    assert!(!output.status.success());
    for words in ["our-package: building its wheel failed", "no such luck"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let log = said.split("is kept in ").nth(1).unwrap();
    let log = log.split("; what").next().unwrap();
    assert!(fs::read_to_string(log).unwrap().contains("no such luck"));
}
