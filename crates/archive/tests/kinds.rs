//! Zips and single files as sources, the subfolder's and the exclusions' errors for both kinds of
//! archive, and the recipe key.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;
#[path = "../../zip/tests/making/mod.rs"]
mod zips;

use std::collections::BTreeSet;

use lock::{Sha256, Source, SourceKind};
use making::{Tar, build, lines, source, text};
use strata_archive::recipe_key;
use zips::{Entry, deflated, stored, zip};

/// The same tree in both kinds of archive.
fn archives() -> [(SourceKind, Vec<u8>); 3] {
    let run = Entry {
        mode: 0o100_775,
        ..stored("app/bin/run", b"#!/bin/sh")
    };
    let zip = zip(&[
        stored("app/empty/", b""),
        stored("app/main.py", b"main"),
        deflated("app/bin/tool.py", b"tool"),
        run,
        stored("docs/readme", b"read me"),
    ]);
    let tar = Tar::default()
        .dir("app/empty")
        .file("app/main.py", "main")
        .file("app/bin/tool.py", "tool")
        .program("app/bin/run", "#!/bin/sh")
        .file("docs/readme", "read me")
        .end();
    [
        (SourceKind::Zip, zip.clone()),
        (SourceKind::Wheel, zip),
        (SourceKind::Tar, tar),
    ]
}

fn with(kind: SourceKind, subfolder: &str, exclude: &[&str]) -> Source {
    let mut source = source(kind);
    source.subfolder = subfolder.to_owned();
    source.exclude = exclude.iter().map(|out| (*out).to_owned()).collect();
    source
}

#[test]
fn zip_and_tar_give_the_same_tree() {
    for (kind, bytes) in archives() {
        let built = build(&with(kind, "app", &["bin/tool.py"]), &bytes).unwrap();
        assert_eq!(
            text(&built.tree),
            lines(&[
                ("bin", "folder 755"),
                ("bin/run", "file 755 #!/bin/sh"),
                ("empty", "folder 755"),
                ("main.py", "file 644 main"),
            ]),
            "{kind:?}"
        );
        let built = build(&with(kind, "", &["app/bin/", "docs/readme"]), &bytes).unwrap();
        assert_eq!(
            text(&built.tree),
            lines(&[
                ("app", "folder 755"),
                ("app/empty", "folder 755"),
                ("app/main.py", "file 644 main"),
            ]),
            "{kind:?}"
        );
    }
}

#[test]
fn what_matches_nothing_is_told() {
    for (kind, bytes) in archives() {
        let refused = |subfolder: &str, exclude: &[&str]| {
            build(&with(kind, subfolder, exclude), &bytes)
                .err()
                .unwrap()
                .to_string()
        };
        for (subfolder, exclude, error) in [
            (
                "apps",
                &[][..],
                "it has no folder \"apps\"; at its top there are: app, docs",
            ),
            (
                "app/src/main",
                &[],
                "it has no folder \"app/src/main\"; in \"app\" there are: app/bin, \
                 app/empty",
            ),
            (
                "docs/readme",
                &[],
                "it has no folder \"docs/readme\"; there are no folders in \"docs\"",
            ),
            (
                "app",
                &["main.pyc"],
                "nothing in its tree is called \"main.pyc\", which `exclude` names",
            ),
            // A folder is excluded with a slash at its end.
            ("app", &["bin"], "nothing in its tree is called \"bin\""),
            (
                "app/empty",
                &[],
                "nothing is left of it: its folder \"app/empty\" is empty",
            ),
            (
                "docs",
                &["readme"],
                "nothing is left of it: its folder \"docs\"",
            ),
            (
                "../app",
                &[],
                "\"../app\": the path leads outside with `..`",
            ),
        ] {
            let found = refused(subfolder, exclude);
            assert!(found.starts_with(error), "{kind:?} {subfolder}: {found}");
        }
    }
}

#[test]
fn a_link_in_a_zip_is_refused_where_it_is_taken() {
    let link = Entry {
        mode: 0o120_777,
        ..stored("app/link", b"main.py")
    };
    let bytes = zip(&[stored("app/main.py", b"main"), link]);
    let error = build(&with(SourceKind::Zip, "app", &[]), &bytes)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "entry \"app/link\" is a symbolic link in a zip, which is not taken from an archive; \
         `exclude` can leave it out"
    );
    assert!(build(&with(SourceKind::Zip, "app", &["link"]), &bytes).is_ok());
}

#[test]
fn a_file_is_one_entry() {
    let mut source = source(SourceKind::File);
    source.to = "/opt/thing/notes.txt".to_owned();
    let built = build(&source, b"not unpacked, whatever it is").unwrap();
    assert_eq!(
        text(&built.tree),
        lines(&[("notes.txt", "file 644 not unpacked, whatever it is")])
    );
    for to in ["/", "", "/a/../../b"] {
        source.to = to.to_owned();
        assert!(build(&source, b"").is_err(), "{to:?}");
    }
}

#[test]
fn whatever_changes_the_tree_changes_the_key() {
    let plain = source(SourceKind::Tar);
    let change = |change: fn(&mut Source)| {
        let mut source = plain.clone();
        change(&mut source);
        recipe_key(&source)
    };
    let keys = BTreeSet::from([
        recipe_key(&plain),
        change(|source| source.kind = SourceKind::File),
        change(|source| source.kind = SourceKind::Zip),
        change(|source| source.sha256 = Sha256([1; 32])),
        change(|source| source.subfolder = "a".to_owned()),
        change(|source| source.to = "/a".to_owned()),
        change(|source| source.exclude = vec!["a".to_owned()]),
    ]);
    assert_eq!(keys.len(), 7);
    // Where it comes from and what it is called do not count.
    for same in [
        change(|source| source.url = Some("somewhere".to_owned())),
        change(|source| source.version = "2".to_owned()),
    ] {
        assert_eq!(same, recipe_key(&plain));
    }
}
