//! The repository's files: what git tracks or would track, or every file where there is no git.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What a build leaves; git ignores it by itself.
const LEFT_BY_BUILDS: [&str; 3] = ["target", "dist", ".git"];

/// The folder above this crate's.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap().to_owned()
}

/// Every regular file with its text, by path from the root. Links are passed over: what they lead
/// to is listed by itself.
pub fn files() -> Vec<(String, String)> {
    let root = root();
    let mut names = tracked(&root).unwrap_or_else(|| {
        let mut found = Vec::new();
        walk(&root, "", &mut found);
        found
    });
    names.sort();
    // A file that is tracked and deleted has no text.
    let is_file = |name: &String| fs::symlink_metadata(root.join(name)).is_ok_and(|m| m.is_file());
    names.retain(is_file);
    assert!(
        names
            .iter()
            .any(|name| name == "xtask/tests/tidy/repository.rs")
    );
    let text = |name: &String| fs::read(root.join(name)).unwrap();
    names
        .into_iter()
        .map(|name| (String::from_utf8_lossy(&text(&name)).into_owned(), name))
        .map(|(text, name)| (name, text))
        .collect()
}

fn tracked(root: &Path) -> Option<Vec<String>> {
    let arguments = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root)
        .output()
        .ok()?;
    // A source archive inside some other repository is tracked by nobody.
    if !output.status.success() || output.stdout.is_empty() {
        return None;
    }
    let names = String::from_utf8(output.stdout).ok()?;
    Some(names.split_terminator('\0').map(str::to_owned).collect())
}

fn walk(root: &Path, below: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if below.is_empty() {
            name.clone()
        } else {
            format!("{below}/{name}")
        };
        match entry.file_type().unwrap().is_dir() {
            true if LEFT_BY_BUILDS.contains(&name.as_str()) => {}
            true => walk(root, &path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn a_walk_finds_all_that_git_tracks() {
    let root = root();
    let mut walked = Vec::new();
    walk(&root, "", &mut walked);
    for name in tracked(&root).unwrap_or_default() {
        assert!(
            walked.contains(&name) || !root.join(&name).exists(),
            "{name}"
        );
    }
}
