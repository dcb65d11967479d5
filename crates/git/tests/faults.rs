//! Repositories that are not what the lock says, damaged or hostile: each is one clear error.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use std::{fs, path::Path};

use lock::ObjectId;
use making::{Machine, listed, wanted};
use strata_git::Error;

#[test]
fn a_commit_that_no_branch_has_any_more_is_fetched_by_its_name() {
    let machine = Machine::new();
    let repository = machine.repository("forced");
    repository.write("a", "before");
    let before = repository.commit("before");
    repository.write("a", "after");
    repository.git(&["add", "--all"]);
    repository.git(&["commit", "--quiet", "--amend", "-m", "forced"]);
    repository.git(&["reflog", "expire", "--expire=now", "--all"]);
    assert_ne!(repository.head(), before);
    let mut git = wanted(&repository, before);
    machine.complete(&mut git).unwrap();
    let tree = listed(&machine.tree(&git).unwrap());
    assert_eq!(tree[b"opt/node/a".as_slice()], "644 before");
    // Once the server has forgotten it, nobody else can have it.
    repository.git(&["gc", "--quiet", "--prune=now"]);
    let error = strata_git::tree(&machine.with_other_store(), &machine.fetcher, &git).unwrap_err();
    assert!(
        matches!(error, Error::NoCommit { commit, .. } if commit == before),
        "{error}"
    );
    // The store still does.
    assert!(machine.tree(&git).is_ok());
}

#[test]
fn a_tree_that_is_not_the_locks() {
    let machine = Machine::new();
    let repository = machine.repository("other");
    repository.write("a", "1");
    let mut git = wanted(&repository, repository.commit("one"));
    machine.complete(&mut git).unwrap();
    let found = git.tree;
    git.tree = ObjectId([7; 20]);
    let error = machine.tree(&git).unwrap_err().to_string();
    let expected = format!(
        "commit {}: expected tree {}, found {found}",
        git.commit, git.tree
    );
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn a_submodule_that_is_not_the_locks() {
    let machine = Machine::new();
    let inner = machine.repository("inner");
    inner.write("a", "1");
    let at = inner.commit("inner");
    let outer = machine.repository("outer");
    outer.submodule("sub", &inner.address(), at);
    let mut git = wanted(&outer, outer.commit_index("outer"));
    machine.complete(&mut git).unwrap();
    let mut other = git.clone();
    other.submodules[0].commit = ObjectId([1; 20]);
    let error = machine.tree(&other).unwrap_err().to_string();
    assert!(
        error.starts_with("submodule \"sub\": the lock has commit 0101"),
        "{error}"
    );
    other.submodules.clear();
    let error = machine.tree(&other).unwrap_err().to_string();
    assert!(error.contains("the lock does not have it"), "{error}");
    git.submodules[0].tree = ObjectId([1; 20]);
    assert!(matches!(
        machine.tree(&git).unwrap_err(),
        Error::Tree { .. }
    ));
}

#[test]
fn no_such_repository_branch_or_commit() {
    let machine = Machine::new();
    let repository = machine.repository("here");
    repository.write("a", "1");
    let head = repository.commit("one");
    repository.git(&["tag", "-a", "-m", "annotated", "v1"]);
    repository.git(&["branch", "develop"]);
    let look_up = |name| strata_git::look_up(&machine.fetcher, &repository.address(), name);
    for name in [
        "HEAD",
        "refs/heads/main",
        "refs/heads/develop",
        "refs/tags/v1",
    ] {
        assert_eq!(look_up(name).unwrap(), head, "{name}");
    }
    let error = look_up("refs/heads/develp").unwrap_err().to_string();
    assert!(
        error.ends_with("has no branch develp\nhint: did you mean \"develop\"?"),
        "{error}"
    );
    let error = look_up("refs/tags/v7").unwrap_err().to_string();
    assert!(error.contains("has no tag v7"), "{error}");

    let absent = ObjectId([9; 20]);
    let error = machine
        .complete(&mut wanted(&repository, absent))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!("has no commit {absent}\nhint: ")),
        "{error}"
    );

    let mut nowhere = wanted(&repository, head);
    nowhere.repository += "-not";
    let error = machine.complete(&mut nowhere).unwrap_err().to_string();
    assert!(
        error.contains("git said:") && error.contains("hint: `git ls-remote file://"),
        "{error}"
    );

    // The name of something else than a commit: nothing is damaged, and asking again gives the same.
    let tag: ObjectId = repository.git(&["rev-parse", "v1"]).parse().unwrap();
    for _ in 0..2 {
        let error = machine.complete(&mut wanted(&repository, tag));
        let error = error.unwrap_err().to_string();
        assert_eq!(
            error,
            format!("object {tag}: expected a commit, found a tag")
        );
        assert!(machine.store.repository(&tag).is_some());
    }
}

/// The one pack in a store.
fn pack(store: &Path, commit: ObjectId) -> std::path::PathBuf {
    let folder = store.join(format!("downloads/git/{commit}/objects/pack"));
    let mut files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .find(|path| path.extension().is_some_and(|end| end == "pack"))
        .unwrap()
}

#[test]
fn a_damaged_copy_is_found_and_fetched_again() {
    let machine = Machine::new();
    let repository = machine.repository("damaged");
    let text: String = (0..2000).map(|number| format!("line {number}\n")).collect();
    repository.write("a", &text);
    let mut git = wanted(&repository, repository.commit("one"));
    machine.complete(&mut git).unwrap();
    let path = pack(machine.store.root(), git.commit);
    let whole = fs::read(&path).unwrap();
    let mut found = 0;
    for at in (12..whole.len() - 20).step_by(whole.len() / 16) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        make_writable(&path);
        fs::write(&path, bytes).unwrap();
        let result = machine.tree(&git).and_then(|tree| {
            let entry = tree.get(b"opt/node/a").unwrap();
            let layer::Kind::File(content) = &entry.kind else {
                unreachable!("a file")
            };
            let mut bytes = Vec::new();
            content
                .copy_to(&mut bytes)
                .map_err(|error| *error.downcast::<Error>().unwrap())?;
            assert_eq!(String::from_utf8(bytes).unwrap(), text);
            Ok(())
        });
        match result {
            Ok(()) => {}
            Err(error @ Error::Damaged { .. }) => {
                found += 1;
                assert!(
                    error
                        .to_string()
                        .contains("hint: run the same command again")
                );
                assert!(machine.store.repository(&git.commit).is_none());
                machine.tree(&git).unwrap();
            }
            Err(error) => panic!("at {at}: {error}"),
        }
    }
    assert!(found > 12, "{found}");
}

#[allow(clippy::permissions_set_readonly_false)]
fn make_writable(path: &Path) {
    let mut mode = fs::metadata(path).unwrap().permissions();
    mode.set_readonly(false);
    fs::set_permissions(path, mode).unwrap();
}

#[test]
fn pointers_of_lfs_are_refused_by_name() {
    const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let machine = Machine::new();
    let repository = machine.repository("lfs");
    repository.write("model.bin", POINTER).write("a", "1");
    // Without the attribute it is a text about Git LFS.
    machine
        .complete(&mut wanted(&repository, repository.commit("text")))
        .unwrap();
    repository.write(
        "models/.gitattributes",
        "*.bin filter=lfs diff=lfs merge=lfs -text\n",
    );
    let mut git = wanted(&repository, repository.commit("lfs"));
    let error = machine.complete(&mut git).unwrap_err().to_string();
    assert!(
        error.starts_with("\"model.bin\" is a pointer of Git LFS"),
        "{error}"
    );
    git.exclude = vec!["model.bin".to_owned()];
    machine.complete(&mut git).unwrap();
}

#[test]
fn hostile_trees() {
    let machine = Machine::new();
    let repository = machine.repository("hostile");
    let blob = repository.blob(b"x");
    let entry = |mode: &str, name: &str, object: ObjectId| {
        [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &object.0].concat()
    };
    let refused = |tree: &[u8]| {
        let mut git = wanted(&repository, repository.commit_of(tree));
        machine.complete(&mut git).unwrap_err().to_string()
    };
    for name in ["..", ".", ".git", ".GIT", "a/b"] {
        let error = refused(&entry("100644", name, blob));
        assert!(!error.contains("git said"), "{name}: {error}");
    }
    assert!(refused(&entry("60644", "device", blob)).contains("has the mode"));
    let twice = [entry("100644", "a", blob), entry("100644", "a", blob)].concat();
    assert!(refused(&twice).contains("stands twice"));
    for target in ["/etc/passwd", "../../x", "a/../.."] {
        let link = repository.blob(target.as_bytes());
        let error = refused(&entry("120000", "link", link));
        assert!(error.contains("leads out of the tree"), "{target}: {error}");
    }
    // Ten folders with ten of the next in each: small to store, endless to unpack.
    let mut tree = entry("100644", "f", blob);
    for _ in 0..7 {
        let arguments = ["hash-object", "-t", "tree", "-w", "--stdin"];
        let id: ObjectId = repository.git_with(&arguments, &tree).parse().unwrap();
        tree = (0..10)
            .flat_map(|n| entry("40000", &n.to_string(), id))
            .collect();
    }
    assert!(refused(&tree).contains("more than 1048576 entries"));
}

#[test]
fn a_full_disk_is_told_as_one() {
    // Mounting needs root.
    let machine = Machine::new();
    let repository = machine.repository("large");
    let noise: Vec<u8> = (0..3_000_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    repository.write("large", noise);
    let mut git = wanted(&repository, repository.commit("large"));
    let small = machine.folder.path().join("small");
    fs::create_dir(&small).unwrap();
    let mount = |arguments: &[&str]| {
        let mut mount = std::process::Command::new(arguments[0]);
        mount
            .args(&arguments[1..])
            .arg(&small)
            .stderr(std::process::Stdio::null());
        mount.status().is_ok_and(|status| status.success())
    };
    if !mount(&["mount", "-t", "tmpfs", "-o", "size=4m", "none"]) {
        eprintln!("skipped: no small disk can be mounted here");
        return;
    }
    let store = store::Store::open(small.join("store")).unwrap();
    let error = strata_git::complete(&store, &machine.fetcher, &mut git);
    let left = fs::read_dir(store.root().join("tmp")).unwrap().count();
    drop(store);
    assert!(mount(&["umount"]));
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with("no space left on the disk"), "{error}");
    assert_eq!(left, 0);
}
