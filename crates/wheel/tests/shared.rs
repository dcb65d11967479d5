//! Files that two wheels own: identical ones pass, different ones are an error that says what to
//! write, and an owner settles it.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use std::collections::BTreeMap;

use lock::Owner;
use making::{Maker, files};
use strata_wheel::{Error, Install, Result, resolve_shared};

type Files = BTreeMap<String, (u32, String)>;

fn owner(path: &str, package: &str) -> Owner {
    Owner {
        path: path.to_owned(),
        package: package.to_owned(),
    }
}

/// The files of each wheel's tree, in the order given.
fn together(makers: &[&Maker], owners: &[Owner]) -> Result<Vec<Files>> {
    let mut installs: Vec<(String, Install)> = makers
        .iter()
        .map(|maker| {
            let name = maker.stem.split('-').next().unwrap().to_owned();
            (name, maker.install(owners).unwrap())
        })
        .collect();
    resolve_shared(&mut installs)?;
    let trees = installs.into_iter().map(|(_, install)| {
        let tree = install.into_tree(Vec::new())?;
        Ok(files(&tree))
    });
    trees.collect()
}

fn record<'f>(files: &'f Files, stem: &str) -> &'f str {
    &files[&format!("usr/lib/pure/{stem}.dist-info/RECORD")].1
}

const SHARED: &str = "usr/lib/pure/ns/__init__.py";

#[test]
fn identical_files_are_carried_once_and_stay_in_both_records() {
    let one = Maker::new("one", "1").file("ns/__init__.py", "same");
    let two = Maker::new("two", "1").file("ns/__init__.py", "same");
    let straight = together(&[&one, &two], &[]).unwrap();
    assert!(straight[0].contains_key(SHARED) && !straight[1].contains_key(SHARED));
    for (files, stem) in straight.iter().zip(["one-1", "two-1"]) {
        assert!(
            record(files, stem).contains("\nns/__init__.py,")
                || record(files, stem).starts_with("ns/__init__.py,")
        );
    }
    // Whatever the order in which they come.
    let mut turned = together(&[&two, &one], &[]).unwrap();
    turned.reverse();
    assert_eq!(straight, turned);
}

#[test]
fn different_files_are_an_error_that_an_owner_settles() {
    let one = Maker::new("one", "1")
        .file("ns/__init__.py", "x = 1")
        .file("ns/a.py", "");
    let two = Maker::new("two", "1")
        .file("ns/__init__.py", "x = 2")
        .file("ns/b.py", "");
    for makers in [[&one, &two], [&two, &one]] {
        let error = together(&makers, &[]).unwrap_err();
        assert!(matches!(error, Error::Shared { .. }));
        assert_eq!(
            error.to_string(),
            "usr/lib/pure/ns/__init__.py is in one and in two with different contents; say in the \
             edition which one wins:\n    [[owner]]\n    path = \"ns/__init__.py\"\n    \
             package = \"one\""
        );
    }
    for (winner, loser, text) in [(0, 1, "x = 1"), (1, 0, "x = 2")] {
        let stems = ["one-1", "two-1"];
        let package = stems[winner].split('-').next().unwrap();
        for path in ["ns/__init__.py", "ns/"] {
            let found = together(&[&one, &two], &[owner(path, package)]).unwrap();
            assert_eq!(found[winner][SHARED].1, text);
            assert!(!found[loser].contains_key(SHARED));
            assert!(record(&found[winner], stems[winner]).contains("ns/__init__.py"));
            assert!(!record(&found[loser], stems[loser]).contains("ns/__init__.py"));
            let own = ["ns/a.py", "ns/b.py"][loser];
            let kept = path == "ns/__init__.py";
            assert_eq!(record(&found[loser], stems[loser]).contains(own), kept);
        }
    }
}

#[test]
fn scripts_of_entry_points_can_be_settled_too() {
    let script = |name: &str| {
        let points = format!("[console_scripts]\ntool = {name}:main\n");
        Maker::new(name, "1").file(&format!("{name}-1.dist-info/entry_points.txt"), &points)
    };
    let (one, two) = (script("one"), script("two"));
    let error = together(&[&one, &two], &[]).unwrap_err().to_string();
    let line = error
        .lines()
        .find_map(|line| line.trim().strip_prefix("path = "))
        .unwrap();
    assert_eq!(line, "\"../../bin/tool\"");
    let owners = [owner(line.trim_matches('"'), "two")];
    let found = together(&[&one, &two], &owners).unwrap();
    assert!(found[1]["usr/bin/tool"].1.contains("from two import main"));
    assert!(!found[0].contains_key("usr/bin/tool"));
    assert!(!record(&found[0], "one-1").contains("bin/tool"));
    assert!(record(&found[1], "two-1").contains("../../bin/tool,sha256="));
}

#[test]
fn what_the_error_says_settles_it_wherever_the_file_stands() {
    // Two ways into the same place: the path to write is the loser's.
    let one = Maker::new("one", "1").file("ns/x.py", "1");
    let two = Maker::new("two", "1").file("two-1.data/purelib/ns/x.py", "2");
    let error = together(&[&one, &two], &[]).unwrap_err().to_string();
    assert!(
        error.contains("path = \"two-1.data/purelib/ns/x.py\"\n    package = \"one\""),
        "{error}"
    );
    let owners = [owner("two-1.data/purelib/ns/x.py", "one")];
    let found = together(&[&one, &two], &owners).unwrap();
    assert_eq!(found[0]["usr/lib/pure/ns/x.py"].1, "1");
}
