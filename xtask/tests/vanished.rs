//! A lock with entries that no mirror has any more, on a small edition with the ordinary registries;
//! where those are not reachable the test says so.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use lock::{Lock, Sha256};

const EDITION: &str = r#"
[debian]
suite = "forky"

[python]
version = "3.14"

[image]
title = "Small"

[layer.base]
debian = ["libffi-dev"]

[layer.python]
debian = ["python3.14"]

[layer.deps]
python = ["idna", "certifi"]
"#;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .arg("--store")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("vanished-store"))
        .current_dir(folder)
        .output()
        .unwrap()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn vanished_entries_are_resolved_anew_unless_the_lock_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.lock");
    fs::write(folder.path().join("small.toml"), EDITION).unwrap();
    let locked = run(folder.path(), &["lock", "./small.toml"]);
    if !locked.status.success() {
        let errors = errors(&locked);
        let unreachable = [
            "cannot fetch",
            "Failed to fetch",
            "error sending request",
            "has the suite",
        ];
        assert!(
            unreachable.iter().any(|words| errors.contains(words)),
            "{errors}"
        );
        eprintln!("skipped: the registries are not reachable: {errors}");
        return;
    }
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
    assert!(told.iter().all(|one| warned(one)), "{said}");
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
