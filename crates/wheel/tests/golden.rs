//! Small wheels with everything that a wheel can have: paths, modes, contents and RECORD, written
//! out.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use making::{Maker, files, scheme, sha256, zips};
use zips::{Entry, deflated, stored};

fn with_mode(mode: u32, entry: Entry) -> Entry {
    Entry { mode, ..entry }
}

fn everything() -> Maker {
    let text = "x = 1\n".repeat(50);
    Maker::new("Some_Thing", "1.0")
        .entry(stored("pkg/", b""))
        .entry(stored("pkg/stored.py", text.as_bytes()))
        .entry(deflated("pkg/deflated.py", text.as_bytes()))
        .entry(Entry {
            flags: 8,
            ..deflated("pkg/descriptor.py", text.as_bytes())
        })
        .entry(Entry {
            zip64: true,
            ..deflated("pkg/wide.py", text.as_bytes())
        })
        .entry(with_mode(0o100_700, stored("pkg/run", b"x")))
        // A mode without the type of a regular file is not believed.
        .entry(with_mode(0o755, stored("pkg/no-type", b"x")))
        .file("pkg/a, \"b\".txt", "quoted")
        .file("Some_Thing-1.0.data/purelib/pure.py", "pure")
        .file("Some_Thing-1.0.data/platlib/plat.py", "plat")
        .file("Some_Thing-1.0.data/headers/thing.h", "header")
        .file("Some_Thing-1.0.data/data/share/thing/x", "data")
        .file("Some_Thing-1.0.data/scripts/py", "#!python\nprint()\n")
        .file(
            "Some_Thing-1.0.data/scripts/pyw",
            "#!pythonw\r\nprint()\r\n",
        )
        .file("Some_Thing-1.0.data/scripts/py3", "#!python3 -u\nprint()\n")
        .file("Some_Thing-1.0.data/scripts/alone", "#!python")
        .file("Some_Thing-1.0.data/scripts/sh", "#!/bin/sh\n#!python\n")
        // What setuptools made for an entry point gives way to ours.
        .file("Some_Thing-1.0.data/scripts/tool", "#!python\nold\n")
        .file(
            "Some_Thing-1.0.data/scripts/gui-script.py",
            "#!python\nold\n",
        )
        .file(
            "Some_Thing-1.0.dist-info/entry_points.txt",
            "[console_scripts]\ntool = pkg.cli:main [extra, other]\n\n[gui_scripts]\n\
             gui = pkg.cli:App.run\n[pkg.plugins]\nnot a script\n",
        )
}

const TOOL: &str = "#!/usr/bin/python3.14\nimport sys\nfrom pkg.cli import main\n\
                    if __name__ == '__main__':\n    \
                    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit(main())\n";

#[test]
fn purelib_and_platlib() {
    for (purelib, lib) in [(true, "usr/lib/pure"), (false, "usr/lib/plat")] {
        let maker = Maker {
            purelib,
            ..everything()
        };
        let tree = maker.tree().unwrap();
        let mut found = files(&tree);
        let text = "x = 1\n".repeat(50);
        let gui = TOOL
            .replace("import main", "import App")
            .replace("main()", "App.run()");
        let mut expected = vec![
            ("usr/lib/pure/pure.py".to_owned(), 0o644, "pure"),
            ("usr/lib/plat/plat.py".to_owned(), 0o644, "plat"),
            (
                "usr/include/site/Some_Thing/thing.h".to_owned(),
                0o644,
                "header",
            ),
            ("usr/share/thing/x".to_owned(), 0o644, "data"),
            (
                "usr/bin/py".to_owned(),
                0o755,
                "#!/usr/bin/python3.14\nprint()\n",
            ),
            (
                "usr/bin/pyw".to_owned(),
                0o755,
                "#!/usr/bin/python3.14\nprint()\r\n",
            ),
            (
                "usr/bin/py3".to_owned(),
                0o755,
                "#!/usr/bin/python3.14\nprint()\n",
            ),
            ("usr/bin/alone".to_owned(), 0o755, "#!/usr/bin/python3.14\n"),
            ("usr/bin/sh".to_owned(), 0o755, "#!/bin/sh\n#!python\n"),
            ("usr/bin/tool".to_owned(), 0o755, TOOL),
            ("usr/bin/gui".to_owned(), 0o755, gui.as_str()),
        ];
        for (name, mode, content) in [
            ("pkg/stored.py", 0o644, text.as_str()),
            ("pkg/deflated.py", 0o644, &text),
            ("pkg/descriptor.py", 0o644, &text),
            ("pkg/wide.py", 0o644, &text),
            ("pkg/run", 0o755, "x"),
            ("pkg/no-type", 0o644, "x"),
            ("pkg/a, \"b\".txt", 0o644, "quoted"),
            ("Some_Thing-1.0.dist-info/INSTALLER", 0o644, "strata\n"),
        ] {
            expected.push((format!("{lib}/{name}"), mode, content));
        }
        for (path, mode, content) in expected {
            let (found_mode, found_content) =
                found.remove(&path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(
                (found_mode, found_content.as_str()),
                (mode, content),
                "{path}"
            );
        }
        let record = found
            .remove(&format!("{lib}/Some_Thing-1.0.dist-info/RECORD"))
            .unwrap();
        let left: Vec<_> = found
            .keys()
            .map(|path| path.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(left, ["METADATA", "WHEEL", "entry_points.txt"]);
        check_record(&tree, lib, &record.1);
    }
}

/// Every file of the tree stands in RECORD once, with its true hash and size, and nothing else.
fn check_record(tree: &layer::Tree, lib: &str, record: &str) {
    let mut expected = Vec::new();
    for (path, (_, text)) in files(tree) {
        let shown = match path.strip_prefix(&format!("{lib}/")) {
            Some(below) => below.to_owned(),
            None => match path.strip_prefix("usr/lib/") {
                Some(other) => format!("../{other}"),
                None => format!("../../{}", path.strip_prefix("usr/").unwrap()),
            },
        };
        let quoted = match shown.contains([',', '"']) {
            true => format!("\"{}\"", shown.replace('"', "\"\"")),
            false => shown.clone(),
        };
        expected.push((
            shown.clone(),
            match shown.ends_with("/RECORD") {
                true => format!("{quoted},,"),
                false => format!("{quoted},{},{}", sha256(text.as_bytes()), text.len()),
            },
        ));
    }
    expected.sort();
    let expected: Vec<String> = expected.into_iter().map(|(_, line)| line).collect();
    assert_eq!(record.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn record_is_written_out() {
    let maker = Maker::new("tiny", "1")
        .file("tiny.py", "")
        .file("tiny-1.data/scripts/run", "#!python\n");
    let install = maker.open().unwrap().plan(&scheme(), &[], true).unwrap();
    let found = files(&install.into_tree(Vec::new()).unwrap());
    // The hash of nothing and those of the short texts, from Python's hashlib.
    assert_eq!(
        found["usr/lib/pure/tiny-1.dist-info/RECORD"].1,
        "../../bin/run,sha256=V4bNd_Z3xs7e1ckRUPYdLTP9Xhl38pFGTBob94z3ARU,22\n\
         tiny-1.dist-info/INSTALLER,sha256=LfoLqwjn6IHFPTZZtLRVe73TZm8HE7sjWYJS8f9Lwd8,7\n\
         tiny-1.dist-info/METADATA,sha256=mEgh9afAvvZ0mUGQ-dRGs2RO3Z5GhFsC6taJZdgzMzg,53\n\
         tiny-1.dist-info/RECORD,,\n\
         tiny-1.dist-info/REQUESTED,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\
         tiny-1.dist-info/WHEEL,sha256=GOJWfGKy_s7ZRMtmrMyJFvIHxzo0gLZVhGWWyTqB6uo,75\n\
         tiny.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"
    );
}

#[test]
fn a_data_folder_of_any_spelling() {
    // pip takes whatever ends in `.data`; writers do not agree on the case of its name.
    let maker = Maker::new("Some_Thing", "1.0").file("some_thing-1.0.data/data/share/x", "data");
    assert_eq!(files(&maker.tree().unwrap())["usr/share/x"].1, "data");
}

#[test]
fn hashes_that_record_does_not_have_are_made() {
    let large = vec![3; 70 << 20];
    let maker = Maker::new("a", "1")
        .entry(deflated("large", &large))
        .file("none.py", "x")
        .line("large", Some("large,sha512=abc,1"))
        .line("none.py", Some("none.py,,"));
    let install = maker.install(&[]).unwrap();
    let hash = |name: &str| {
        let mut files = install.files.iter();
        files
            .find(|file| file.source.as_deref() == Some(name))
            .unwrap()
            .hash
            .clone()
    };
    assert_eq!(hash("large"), sha256(&large));
    assert_eq!(hash("none.py"), sha256(b"x"));
}

#[test]
fn signatures_need_no_line() {
    let maker = Maker::new("a", "1")
        .file("a-1.dist-info/RECORD.jws", "{}")
        .line("a-1.dist-info/RECORD.jws", None);
    assert!(files(&maker.tree().unwrap()).contains_key("usr/lib/pure/a-1.dist-info/RECORD.jws"));
}
