//! `.git` as a shallow clone: the real git takes it for one.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use making::{Machine, Repository, listed, unpack, wanted};

fn clone(machine: &Machine, git: &lock::Git, name: &str) -> Repository {
    let path = machine.folder.path().join(name);
    unpack(&machine.tree(git).unwrap(), &path);
    Repository { path }
}

#[test]
fn git_finds_a_clone_that_is_clean_and_pulls() {
    let machine = Machine::new();
    let inner = machine.repository("inner");
    inner.write("module.py", "1");
    let at = inner.commit("inner");
    let repository = machine.repository("kept");
    let long: String = (0..30_000).map(|number| format!("{number}\n")).collect();
    assert!(long.len() > 2 * 0xffff);
    repository
        .write("a", "1")
        .write("b/c/long", &long)
        .write("b/again", "1")
        .write("empty", "");
    repository.write(b"caf\xe9", "Latin-1");
    std::os::unix::fs::symlink("a", repository.path.join("link")).unwrap();
    repository.commit("first");
    repository.submodule("sub", &inner.address(), at);
    let commit = repository.commit_index("second");
    let mut git = wanted(&repository, commit);
    git.reference = Some("refs/heads/main".to_owned());
    git.keep_git = true;
    machine.complete(&mut git).unwrap();

    let clone = clone(&machine, &git, "clone");
    assert_eq!(clone.git(&["status", "--porcelain"]), "");
    assert_eq!(clone.git(&["fsck", "--strict"]), "");
    assert_eq!(
        clone.git(&["rev-parse", "HEAD", "origin/main"]),
        format!("{commit}\n{commit}")
    );
    assert_eq!(clone.git(&["log", "--format=%s"]), "second");
    assert_eq!(clone.git(&["rev-parse", "--is-shallow-repository"]), "true");
    assert_eq!(
        clone.git(&["ls-files", "-s"]),
        repository.git(&["ls-files", "-s"])
    );
    let packs = clone.git(&["count-objects", "-v"]);
    assert!(
        packs.contains("count: 0\n") && packs.contains("garbage: 0"),
        "{packs}"
    );

    // As ComfyUI's Manager does.
    repository
        .write("a", "2")
        .git(&["commit", "--quiet", "-m", "third", "a"]);
    clone.git(&["pull", "--quiet"]);
    assert_eq!(clone.head(), repository.head());
    assert_eq!(std::fs::read_to_string(clone.path.join("a")).unwrap(), "2");
    assert_eq!(clone.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_tag_leaves_no_branch() {
    let machine = Machine::new();
    let repository = machine.repository("tagged");
    repository.write("a", "1");
    let mut git = wanted(&repository, repository.commit("one"));
    git.reference = Some("refs/tags/v1".to_owned());
    git.keep_git = true;
    machine.complete(&mut git).unwrap();
    let clone = clone(&machine, &git, "clone");
    assert_eq!(
        clone.git(&["status", "--porcelain", "--branch"]),
        "## HEAD (no branch)"
    );
}

#[test]
fn one_commit_one_clone() {
    let machine = Machine::new();
    let repository = machine.repository("packs");
    let text: String = (0..500).map(|number| format!("line {number}\n")).collect();
    repository
        .write("a", &text)
        .write("b", format!("{text}and more"));
    let mut git = wanted(&repository, repository.commit("one"));
    git.keep_git = true;
    machine.complete(&mut git).unwrap();
    let first = listed(&machine.tree(&git).unwrap());
    // The server packs them otherwise: one as a difference from the other.
    repository.git(&["repack", "-a", "-d", "-f", "--depth=50", "--window=250"]);
    let store = machine.with_other_store();
    let again = strata_git::tree(&store, &machine.fetcher, &git).unwrap();
    assert_eq!(listed(&again), first);
    assert!(first.contains_key(b"opt/node/.git/HEAD".as_slice()));
    // Its address, branch and commit are in it, so they are in its key.
    let key = strata_git::recipe_key(&git);
    let mut other = git.clone();
    other.repository += ".git";
    assert_ne!(strata_git::recipe_key(&other), key);
    other = git.clone();
    other.commit.0[0] ^= 1;
    assert_ne!(strata_git::recipe_key(&other), key);
    other = git.clone();
    other.reference = Some("refs/heads/main".to_owned());
    assert_ne!(strata_git::recipe_key(&other), key);
}

#[test]
fn a_part_of_a_repository_is_no_clone() {
    let machine = Machine::new();
    let repository = machine.repository("part");
    repository.write("a/b", "1").write("c", "2");
    let mut git = wanted(&repository, repository.commit("one"));
    git.keep_git = true;
    git.subfolder = "a".to_owned();
    let error = machine.complete(&mut git).unwrap_err().to_string();
    assert!(
        error.contains("leave out `keep-git`, or `subfolder`"),
        "{error}"
    );
    (git.subfolder, git.exclude) = (String::new(), vec!["c".to_owned()]);
    assert!(machine.complete(&mut git).is_err());
}

/// Pack and index of one small commit, whose names and dates are the test's own. A change of these bytes wants
/// another version of the format in `clone.rs`.
#[test]
fn golden() {
    let machine = Machine::new();
    let repository = machine.repository("golden");
    repository.write("a/b.py", "print(1)\n").write("empty", "");
    let mut git = wanted(&repository, repository.commit("one"));
    git.keep_git = true;
    machine.complete(&mut git).unwrap();
    let tree = machine.tree(&git).unwrap();
    let names: Vec<String> = tree.iter().map(|entry| entry.path.to_string()).collect();
    let pack = names.iter().find(|name| name.ends_with(".pack")).unwrap();
    assert_eq!(
        pack,
        "opt/node/.git/objects/pack/pack-8c5375e046bd5a96b82a5afe0ddde4c0b4d0abf1.pack"
    );
    let clone = clone(&machine, &git, "clone");
    // The name of the index's contents, as git would call them.
    assert_eq!(
        clone.git(&["hash-object", ".git/index"]),
        "3d58ef119b8a1c22bebf93d7eaf8c0c7f3b1117c"
    );
}
