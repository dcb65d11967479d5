//! A tree out of git from edition to image: locked, kept, updated, vanished. The edition is resolved with
//! the ordinary registries; where these are not reachable the test says so. The repository is the test's own.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

#[allow(dead_code)] // what other tests use of it
mod small;

use std::{fs, path::Path, process::Command};

use lock::Lock;
use serde_json::Value;
use small::{EDITION, errors, lock, run};

fn git(repository: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=A", "-c", "user.email=a@example.org"]);
    let output = git
        .args(arguments)
        .current_dir(repository)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", errors(&output));
}

fn commit(repository: &Path, text: &str) {
    fs::write(repository.join("node.py"), text).unwrap();
    git(repository, &["add", "--all"]);
    git(repository, &["commit", "--quiet", "-m", text]);
}

/// The comfy layer's parts as `layer` tells them.
fn parts(folder: &Path, more: &[&str]) -> Vec<Value> {
    let build = ["layer", "comfy", "./small.lock", "--out", "out", "--json"];
    let output = run(folder, &[&build[..], more].concat());
    assert!(output.status.success(), "{}", errors(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let layers = told["layers"].as_array().unwrap();
    layers
        .iter()
        .flat_map(|layer| layer["parts"].as_array().unwrap().clone())
        .collect()
}

fn built(parts: &[Value]) -> Vec<&str> {
    let built = parts.iter().filter(|part| !part["built"].is_null());
    built.map(|part| part["name"].as_str().unwrap()).collect()
}

#[test]
fn a_branch_is_locked_kept_updated_and_resolved_anew() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "--quiet", "--initial-branch=main"]);
    // Other bytes in every run: the store is kept between them.
    let mark = folder.path().display().to_string();
    commit(&repository, &format!("ONE = {mark:?}\n"));
    let edition = format!(
        "{EDITION}\n[[layer.comfy.source]]\nname = \"node\"\ngit = \"file://{}\"\nbranch = \"main\"\n\
         to = \"/opt/nodes/node\"\n",
        repository.display()
    );
    let Some(path) = lock(folder.path(), &edition) else {
        return;
    };
    let first = Lock::read(&path).unwrap();
    assert_eq!(first.git[0].reference.as_deref(), Some("refs/heads/main"));
    let before = parts(folder.path(), &[]);
    assert!(built(&before).contains(&"node"), "{before:?}");
    let digest = |parts: &[Value]| parts.last().unwrap()["digest"].clone();
    let anew = parts(folder.path(), &["--offline", "--no-reuse"]);
    assert_eq!(digest(&anew), digest(&before));

    // A newer commit is not taken unasked …
    commit(&repository, &format!("TWO = {mark:?}\n"));
    let text = fs::read_to_string(&path).unwrap();
    let touched = format!("{edition}# touched\n");
    lock(folder.path(), &touched).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    // … but told of, with what it would rebuild, …
    let output = run(folder.path(), &["outdated", "./small.toml", "--json"]);
    assert!(output.status.success(), "{}", errors(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let newer = told["outdated"].as_array().unwrap();
    let node = newer.iter().find(|one| one["name"] == "node").unwrap();
    assert_eq!(node["locked"], first.git[0].commit.short());
    assert_eq!(node["rebuilt"]["parts"][0]["name"], "node");
    // … and asked for it changes its entry, and one part.
    let update = ["lock", "./small.toml", "--json", "--update", "node"];
    let output = run(folder.path(), &update);
    assert!(output.status.success(), "{}", errors(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["changes"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["changes"][0]["kind"], "git");
    assert_eq!(told["parts"].as_array().unwrap().len(), 1, "{told}");
    let second = Lock::read(&path).unwrap();
    assert_eq!(node["allowed"], second.git[0].commit.short());
    let mut expected = first.clone();
    expected.git.clone_from(&second.git);
    expected.created.clone_from(&second.created);
    assert_eq!(second, expected);
    assert_eq!(built(&parts(folder.path(), &[])), ["node"]);

    // An entry that is deleted comes back.
    let text = fs::read_to_string(&path).unwrap();
    let at = text.find("[[git]]").unwrap();
    fs::write(&path, &text[..at]).unwrap();
    lock(folder.path(), &touched).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);

    // A commit that was pushed away, and that no store has.
    let mut gone = second.clone();
    gone.git[0].commit.0[0] ^= 1;
    gone.git[0].tree.0[0] ^= 1;
    fs::write(&path, gone.to_toml().unwrap()).unwrap();
    let build = ["layer", "comfy", "./small.lock", "--out", "out"];
    let output = run(folder.path(), &[&build[..], &["--locked"]].concat());
    let said = errors(&output);
    assert!(!output.status.success(), "{said}");
    let name = format!(
        "node {} (commit {})",
        gone.git[0].version, gone.git[0].commit
    );
    for words in ["has no commit", "without --locked", &name] {
        assert!(said.contains(words), "{said}");
    }
    let output = run(folder.path(), &build);
    let said = errors(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("warning: no mirror has node"), "{said}");
    assert_eq!(Lock::read(&path).unwrap().git, second.git);
}

#[test]
fn what_a_repository_lacks_is_told_with_the_editions_line() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "--quiet", "--initial-branch=main"]);
    commit(&repository, "ONE = 1\n");
    let edition = format!(
        "{EDITION}\n[[layer.comfy.source]]\nname = \"node\"\ngit = \"file://{}\"\nbranch = \"mian\"\n\
         to = \"/opt/nodes/node\"\n",
        repository.display()
    );
    fs::write(folder.path().join("small.toml"), edition).unwrap();
    let output = run(folder.path(), &["lock", "./small.toml"]);
    let said = errors(&output);
    assert!(!output.status.success());
    if !said.contains("has no branch mian") {
        // The registries come first where they are not reachable.
        assert!(
            said.contains("fetch") || said.contains("has the suite"),
            "{said}"
        );
        return;
    }
    assert!(
        said.contains("small.toml:2") && said.contains("did you mean \"main\"?"),
        "{said}"
    );
}
