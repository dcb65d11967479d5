//! A small edition and the real program on it, with the ordinary registries.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The edition, for tests to add to.
pub const EDITION: &str = r#"
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

/// `xtask` in a folder, with a store that all these tests share.
pub fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(arguments)
        .arg("--store")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("small-edition-store"))
        .current_dir(folder)
        .output()
        .unwrap()
}

/// What it said on standard error.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Locks an edition; `None` where the registries are not reachable.
pub fn lock(folder: &Path, edition: &str) -> Option<PathBuf> {
    fs::write(folder.join("small.toml"), edition).unwrap();
    lock_there(folder)
}

/// Locks the edition that stands in the folder.
pub fn lock_there(folder: &Path) -> Option<PathBuf> {
    let locked = run(folder, &["lock", "./small.toml"]);
    if locked.status.success() {
        return Some(folder.join("small.lock"));
    }
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
    None
}
