//! The ways to a repository: the user's own settings of git, old servers, several at once.
//!
//! Settings come through the environment, which is a process's own: each such test starts itself again.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use std::{process::Command, thread};

use making::{Machine, listed, wanted};
use strata_git::Error;

/// Runs this very test in a process with these variables; true in that process.
fn inside(test: &str, variables: &[(&str, &str)]) -> bool {
    const MARK: &str = "STRATA_TEST_INSIDE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(MARK, "1");
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    false
}

#[test]
fn the_users_insteadof_counts_and_an_outer_git_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let base = format!("{}/", folder.path().display());
    let setting = format!("url.file://{base}.insteadOf");
    let variables = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", setting.as_str()),
        ("GIT_CONFIG_VALUE_0", "https://git.invalid/"),
        ("STRATA_TEST_FOLDER", &base),
        // As a hook would have it.
        ("GIT_DIR", "/nowhere"),
        ("GIT_INDEX_FILE", "/nowhere/index"),
        // What new repositories of the user are like.
        ("GIT_DEFAULT_HASH", "sha256"),
    ];
    if !inside(
        "the_users_insteadof_counts_and_an_outer_git_does_not",
        &variables,
    ) {
        return;
    }
    let machine = Machine::new();
    let path = std::path::PathBuf::from(std::env::var_os("STRATA_TEST_FOLDER").unwrap());
    let at = |name: &str| {
        let path = path.join(name);
        std::fs::create_dir_all(&path).unwrap();
        let mut init = Command::new("git");
        init.env_remove("GIT_DIR")
            .env_remove("GIT_INDEX_FILE")
            .env_remove("GIT_DEFAULT_HASH");
        init.args(["init", "--quiet", "--initial-branch=main"])
            .current_dir(&path);
        assert!(init.status().unwrap().success());
        making::Repository { path }
    };
    let inner = at("inner");
    inner.write("m.py", "2");
    let commit = inner.commit("inner");
    let outer = at("outer");
    outer.submodule("sub", "../inner", commit);
    let head = outer.commit_index("outer");
    let address = "https://git.invalid/outer";
    let found = strata_git::look_up(&machine.fetcher, address, "refs/heads/main").unwrap();
    assert_eq!(found, head);
    let mut git = wanted(&outer, head);
    git.repository = address.to_owned();
    machine.complete(&mut git).unwrap();
    assert_eq!(git.submodules[0].repository, "https://git.invalid/inner");
    let tree = listed(&machine.tree(&git).unwrap());
    assert_eq!(tree[b"opt/node/sub/m.py".as_slice()], "644 2");

    // A repository from elsewhere does not get at this machine's files.
    outer.submodule("sub", &inner.address(), commit);
    git.commit = outer.commit_index("a submodule on this machine");
    let error = machine.complete(&mut git).unwrap_err().to_string();
    assert!(error.contains("is on this machine"), "{error}");
}

#[test]
fn a_server_that_gives_no_commit_by_its_name() {
    let variables = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "protocol.version"),
        ("GIT_CONFIG_VALUE_0", "0"),
    ];
    if !inside("a_server_that_gives_no_commit_by_its_name", &variables) {
        return;
    }
    let machine = Machine::new();
    let repository = machine.repository("old");
    repository.write("a", "1");
    let first = repository.commit("first");
    repository.write("a", "2");
    let second = repository.commit("second");
    repository.git(&["tag", "-a", "-m", "annotated", "v1"]);
    repository.write("a", "3");
    let third = repository.commit("third");
    // At a branch, at an annotated tag, and in neither: out of the whole repository.
    for (commit, contents) in [(third, "644 3"), (second, "644 2"), (first, "644 1")] {
        let mut git = wanted(&repository, commit);
        machine.complete(&mut git).unwrap();
        let tree = listed(&machine.tree(&git).unwrap());
        assert_eq!(tree[b"opt/node/a".as_slice()], contents);
    }
    repository.git(&["commit", "--quiet", "--amend", "-m", "forced"]);
    let error = strata_git::tree(
        &machine.with_other_store(),
        &machine.fetcher,
        &wanted(&repository, third),
    );
    let error = error.unwrap_err();
    assert!(matches!(error, Error::NoCommit { .. }), "{error}");
}

#[test]
fn several_at_once_fetch_it_once() {
    let machine = Machine::new();
    let repository = machine.repository("shared");
    repository.write("a", "1");
    let mut git = wanted(&repository, repository.commit("one"));
    git.tree = repository
        .git(&["rev-parse", "HEAD^{tree}"])
        .parse()
        .unwrap();
    thread::scope(|scope| {
        let trees: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| listed(&machine.tree(&git).unwrap())))
            .collect();
        for tree in trees {
            assert_eq!(tree.join().unwrap()[b"opt/node/a".as_slice()], "644 1");
        }
    });
    let left: Vec<_> = std::fs::read_dir(machine.store.root().join("tmp"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
