//! Trees out of repositories that the real git made.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use std::{os::unix::fs::PermissionsExt, sync::Arc};

use layer::Kind;
use lock::Git;
use making::{Machine, Repository, listed, on_disk, wanted};
use store::{Fetcher, Places, Silent};

fn executable(repository: &Repository, name: &str) {
    let path = repository.path.join(name);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).unwrap();
}

/// A repository with a bit of everything.
fn everything(machine: &Machine) -> Repository {
    let repository = machine.repository("everything");
    repository
        .write("nodes.py", "print(1)\n")
        .write("run.sh", "#!/bin/sh\n")
        .write("docs/caf\u{e9}.md", "UTF-8")
        .write(b"docs/caf\xe9.md", "Latin-1")
        .write("empty", "")
        // None of these has a say in what stands in the image.
        .write(
            ".gitattributes",
            "*.bat eol=crlf\n*.txt ident export-subst\n*.md export-ignore\n",
        )
        .write("start.bat", "echo\n")
        .write("id.txt", "$Id$ $Format:%H$\n");
    executable(&repository, "run.sh");
    std::os::unix::fs::symlink("../nodes.py", repository.path.join("docs/link")).unwrap();
    repository
}

#[test]
fn modes_links_and_names_are_kept_and_attributes_have_no_say() {
    let machine = Machine::new();
    let repository = everything(&machine);
    let mut git = wanted(&repository, repository.commit("all"));
    machine.complete(&mut git).unwrap();
    assert_eq!(
        git.tree.to_string(),
        repository.git(&["rev-parse", "HEAD^{tree}"])
    );
    assert_eq!(git.date, "2026-02-03T04:05:06Z");
    let files = on_disk(&repository.path);
    let files = files.iter().filter(|(path, _)| *path != b"docs/link");
    let bytes: usize = files.map(|(_, contents)| contents.len()).sum();
    assert_eq!(git.size, bytes as u64);
    let tree = listed(&machine.tree(&git).unwrap());
    let there: Vec<(&[u8], &str)> = tree
        .iter()
        .filter_map(|(path, what)| Some((path.strip_prefix(b"opt/node/")?, what.as_str())))
        .collect();
    let expected: [(&[u8], &str); 10] = [
        (
            b".gitattributes",
            "644 *.bat eol=crlf\n*.txt ident export-subst\n*.md export-ignore\n",
        ),
        (b"docs", "dir"),
        ("docs/caf\u{e9}.md".as_bytes(), "644 UTF-8"),
        (b"docs/caf\xe9.md", "644 Latin-1"),
        (b"docs/link", "link ../nodes.py"),
        (b"empty", "644 "),
        (b"id.txt", "644 $Id$ $Format:%H$\n"),
        (b"nodes.py", "644 print(1)\n"),
        (b"run.sh", "755 #!/bin/sh\n"),
        (b"start.bat", "644 echo\n"),
    ];
    assert_eq!(there, expected);
}

#[test]
fn a_clone_by_git_has_the_same_files() {
    let machine = Machine::new();
    let innermost = machine.repository("innermost");
    innermost.write("deep.py", "3").write("a/b", "4");
    let at = innermost.commit("innermost");
    let inner = machine.repository("inner");
    inner
        .write("module.py", "2")
        .submodule("third", "../innermost", at);
    let at = inner.commit_index("inner");
    let outer = machine.repository("outer");
    outer.write("nodes.py", "1").write("vendor/x", "");
    outer.commit("first");
    outer.submodule("vendor/inner", &inner.address(), at);
    let mut git = wanted(&outer, outer.commit_index("outer"));
    machine.complete(&mut git).unwrap();
    let paths: Vec<_> = git.submodules.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, ["vendor/inner", "vendor/inner/third"]);
    assert_eq!(git.submodules[1].repository, innermost.address());

    let clone = machine.folder.path().join("clone");
    let arguments = [
        "-c",
        "protocol.file.allow=always",
        "clone",
        "--quiet",
        "--recurse-submodules",
    ];
    let to = clone.display().to_string();
    outer.git(&[&arguments[..], &[&outer.address(), &to]].concat());
    let expected = on_disk(&clone);
    assert!(expected.contains_key(b"vendor/inner/third/deep.py".as_slice()));
    let tree = machine.tree(&git).unwrap();
    let found = tree.iter().filter_map(|entry| match &entry.kind {
        Kind::File(content) => {
            let mut bytes = Vec::new();
            content.copy_to(&mut bytes).unwrap();
            Some((entry.path.as_bytes()[b"opt/node/".len()..].to_vec(), bytes))
        }
        _ => None,
    });
    assert_eq!(
        found.collect::<std::collections::BTreeMap<_, _>>(),
        expected
    );

    // The lock alone is enough, from an empty store.
    let store = machine.with_other_store();
    let again = strata_git::tree(&store, &machine.fetcher, &git).unwrap();
    assert_eq!(listed(&again), listed(&tree));
}

#[test]
fn submodules_are_left_out_where_the_edition_says_so() {
    let machine = Machine::new();
    let inner = machine.repository("inner");
    let at = inner.commit("inner");
    let outer = machine.repository("outer");
    outer.write("a", "1");
    outer.commit("first");
    // Nothing says where it is: git itself would leave an empty folder.
    outer.gitlink("lost", at);
    outer.git(&["commit", "--quiet", "-m", "gitlink"]);
    let mut git = wanted(&outer, outer.head());
    let error = machine.complete(&mut git).unwrap_err().to_string();
    assert!(
        error.starts_with("submodule \"lost\": .gitmodules does not say"),
        "{error}"
    );
    git.no_submodules = true;
    machine.complete(&mut git).unwrap();
    let tree = listed(&machine.tree(&git).unwrap());
    assert_eq!(tree[b"opt/node/lost".as_slice()], "dir");
}

#[test]
fn a_part_of_a_repository() {
    let machine = Machine::new();
    let repository = machine.repository("parts");
    repository
        .write("src/node/a.py", "a")
        .write("src/node/tests/b.py", "b")
        .write("readme", "r");
    let of = |change: fn(&mut Git)| {
        let mut git = wanted(&repository, repository.head());
        change(&mut git);
        machine.complete(&mut git)?;
        let tree = listed(&machine.tree(&git)?);
        Ok::<_, strata_git::Error>((git.size, tree.into_keys().collect::<Vec<_>>()))
    };
    repository.commit("parts");
    let (size, paths) = of(|git| {
        git.subfolder = "src/node".to_owned();
        git.exclude = vec!["tests/".to_owned()];
    })
    .unwrap();
    assert_eq!(size, 1);
    assert_eq!(paths, [&b"opt"[..], b"opt/node", b"opt/node/a.py"]);
    let error = |change| of(change).unwrap_err().to_string();
    assert_eq!(
        error(|git| git.subfolder = "src/nod".to_owned()),
        "it has no folder \"src/nod\"; in \"src\" there are: src/node"
    );
    assert_eq!(
        error(|git| git.exclude = vec!["x".to_owned()]),
        "nothing in its tree is called \"x\", which `exclude` names"
    );
}

#[test]
fn keys_follow_contents() {
    let machine = Machine::new();
    let repository = machine.repository("keys");
    repository.write("a", "1");
    let mut git = wanted(&repository, repository.commit("one"));
    machine.complete(&mut git).unwrap();
    let key = strata_git::recipe_key(&git);
    // Another commit with the same tree is the same to the image.
    let mut same = wanted(&repository, repository.commit("another message"));
    machine.complete(&mut same).unwrap();
    assert_ne!(same.commit, git.commit);
    assert_eq!(strata_git::recipe_key(&same), key);
    let mut keys = vec![key];
    let mut changed = |change: &dyn Fn(&mut Git)| {
        let mut other = git.clone();
        change(&mut other);
        keys.push(strata_git::recipe_key(&other));
    };
    changed(&|git| git.tree.0[0] ^= 1);
    changed(&|git| git.to = "/opt/other".to_owned());
    changed(&|git| git.subfolder = "a".to_owned());
    changed(&|git| git.exclude = vec!["a".to_owned()]);
    changed(&|git| git.no_submodules = true);
    changed(&|git| {
        git.submodules.push(lock::Submodule {
            path: "s".to_owned(),
            repository: git.repository.clone(),
            commit: git.commit,
            tree: git.tree,
        });
    });
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count);
}

#[test]
fn what_is_in_the_store_needs_no_repository() {
    let machine = Machine::new();
    let repository = everything(&machine);
    let mut git = wanted(&repository, repository.commit("all"));
    // Not a file on this machine, so that --offline means something.
    git.repository = git.repository.replace("file://", "https://git.invalid");
    let offline = Fetcher::new(Places::none(), Arc::new(Silent), true);
    let error = strata_git::tree(&machine.store, &offline, &git).unwrap_err();
    let shown = error.to_string();
    assert!(
        shown.contains("is not in the store") && shown.contains("node 1 (commit"),
        "{shown}"
    );
    let mut here = wanted(&repository, git.commit);
    machine.complete(&mut here).unwrap();
    std::fs::remove_dir_all(&repository.path).unwrap();
    git.tree = here.tree;
    assert!(strata_git::tree(&machine.store, &offline, &git).is_ok());
}
