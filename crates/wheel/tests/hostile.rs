//! Wheels that lie or are not what they should be: each is refused with an error that names the
//! path.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;

use making::{Maker, zips};
use strata_wheel::{Error, Scheme};
use zips::{Entry, stored};

fn maker() -> Maker {
    Maker::new("a", "1").file("a.py", "x")
}

fn refused(maker: &Maker) -> Error {
    match maker.tree() {
        Ok(tree) => panic!("taken: {:?}", making::files(&tree).keys()),
        Err(error) => error,
    }
}

#[test]
fn names_that_lead_elsewhere() {
    for name in [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a//b",
        "a-1.data/scripts/../../x",
    ] {
        let error = refused(&maker().file(name, "x"));
        assert!(
            matches!(error, Error::Zip(zip_reader::Error::Path { .. })),
            "{error}"
        );
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
    }
}

#[test]
fn links_and_paths_that_stand_twice() {
    for made_by_unix in [true, false] {
        let mut link = stored("a/link", b"a.py");
        link.mode = 0o120_777;
        let mut bytes = maker().entry(link).bytes();
        if !made_by_unix {
            // The system that made it stands in the sixth byte of each directory entry.
            for at in 0..bytes.len() - 5 {
                if bytes[at..].starts_with(b"PK\x01\x02") {
                    bytes[at + 5] = 0;
                }
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wheel");
        std::fs::write(&path, bytes).unwrap();
        let error = strata_wheel::Wheel::open(&path, &making::locked("a", "1")).unwrap_err();
        assert!(matches!(error, Error::Kind { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            "a/link is a symbolic link, which a wheel may not have"
        );
    }
    let error = refused(&maker().file("a.py", "y"));
    assert!(matches!(error, Error::Zip(zip_reader::Error::Duplicate(_))));
    assert_eq!(error.to_string(), "entry \"a.py\" stands twice");
    // Two files of different names that are installed to one place.
    let error = refused(&maker().file("a-1.data/purelib/a.py", "y"));
    assert!(matches!(error, Error::Twice(_)));
    assert_eq!(
        error.to_string(),
        "two files of the wheel are installed as usr/lib/pure/a.py"
    );
}

#[test]
fn a_file_in_place_of_a_folder() {
    let error = refused(&maker().file("a.py/b", "y"));
    assert!(
        matches!(error, Error::Tree(layer::Error::NotAFolder { .. })),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("usr/lib/pure/a.py/b lies below usr/lib/pure/a.py"),
        "{text}"
    );
}

#[test]
fn record_and_files_differ() {
    let more = refused(&maker().line("b.py", Some("b.py,,")));
    assert!(matches!(more, Error::Record { .. }));
    assert_eq!(more.to_string(), "b.py is in RECORD but not in the wheel");
    let less = refused(&maker().line("a.py", None));
    assert!(matches!(less, Error::Record { .. }));
    assert_eq!(
        less.to_string(),
        "a.py is in the wheel but not in its RECORD"
    );
    let fields = refused(&maker().line("a.py", Some("a.py,sha256=x")));
    assert!(matches!(fields, Error::Line { line: 4, .. }), "{fields}");
    assert_eq!(
        fields.to_string(),
        "RECORD, line 4: expected path, hash and size, found 2 fields"
    );
    let twice = refused(&maker().line("z", Some("a.py,sha256=other,1")));
    assert_eq!(
        twice.to_string(),
        "RECORD, line 5: a.py stands twice, with different hashes"
    );
    // The same twice does no harm: some writers do it.
    let same = format!("a.py,{},1", making::sha256(b"x"));
    assert!(maker().line("z", Some(&same)).tree().is_ok());
}

#[test]
fn another_package_than_the_lock_names() {
    let other = |name: &str, version: &str| maker().open_as(name, version).unwrap_err();
    let name = other("b", "1");
    assert!(matches!(name, Error::Other { field: "Name", .. }));
    assert_eq!(name.to_string(), "expected Name b, found a");
    let version = other("a", "1.1");
    assert!(matches!(
        version,
        Error::Other {
            field: "Version",
            ..
        }
    ));
    assert_eq!(version.to_string(), "expected Version 1.1, found 1");
    assert!(maker().open_as("A", "1.0").is_ok());
    let nameless = Maker {
        metadata: "Metadata-Version: 2.1\n\nName: a\nVersion: 1\n".to_owned(),
        ..maker()
    };
    assert_eq!(refused(&nameless).to_string(), "expected Name a, found ");
}

#[test]
fn folders_and_files_that_a_wheel_must_have() {
    let two = refused(&maker().file("b-1.dist-info/METADATA", ""));
    assert!(matches!(two, Error::TwoDistInfo(..)));
    assert_eq!(
        two.to_string(),
        "the wheel has two .dist-info folders: a-1 and b-1"
    );
    for name in ["METADATA", "WHEEL", "RECORD"] {
        let mut less = maker();
        less.leave_out.push(name);
        let less = less.line(&format!("a-1.dist-info/{name}"), None);
        let error = refused(&less);
        assert!(matches!(error, Error::Missing(_)));
        assert_eq!(
            error.to_string(),
            format!("the wheel has no a-1.dist-info/{name}")
        );
    }
    let mut none = maker();
    none.leave_out = vec!["METADATA", "WHEEL", "RECORD"];
    assert_eq!(
        refused(&none).to_string(),
        "the wheel has no .dist-info folder"
    );
}

#[test]
fn formats_that_are_not_known() {
    for format in ["2.0", "0.9", "10.0", ""] {
        let other = Maker {
            format: format.to_owned(),
            ..maker()
        };
        let error = refused(&other);
        assert!(matches!(error, Error::WheelVersion(_)));
        assert_eq!(
            error.to_string(),
            format!("Wheel-Version {format} is not supported (1.x is)")
        );
    }
    let newer = Maker {
        format: "1.9".to_owned(),
        ..maker()
    };
    assert!(newer.tree().is_ok());
}

#[test]
fn data_folders_that_are_not_known() {
    for (path, found) in [("a-1.data/etc/x", "etc"), ("a-1.data/scripts", "scripts")] {
        let error = refused(&maker().file(path, "x"));
        assert!(matches!(error, Error::DataFolder { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            format!(
                "{path}: a .data folder has purelib, platlib, headers, scripts and data, not \
                 {found:?}"
            )
        );
    }
}

#[test]
fn entry_points_with_bad_syntax() {
    for bad in [
        "tool",
        "tool = pkg",
        "tool = pkg:main()",
        "../tool = pkg:main",
        "t = p:os;x",
    ] {
        let text = format!("[console_scripts]\n\n{bad}\n");
        let error = refused(&maker().file("a-1.dist-info/entry_points.txt", &text));
        assert!(
            matches!(error, Error::Line { line: 3, .. }),
            "{bad}: {error}"
        );
        assert!(
            error.to_string().starts_with("entry_points.txt, line 3: "),
            "{error}"
        );
    }
    let dots = "[console_scripts]\n.. = pkg:main\n";
    let error = refused(&maker().file("a-1.dist-info/entry_points.txt", dots));
    assert!(matches!(error, Error::Path { .. }), "{error}");
    assert_eq!(error.to_string(), "..: the path leads outside with `..`");
}

#[test]
fn content_that_is_damaged_is_told_when_it_is_read() {
    let damaged = Entry {
        crc: 1,
        ..stored("b.py", b"text")
    };
    // With a hash in RECORD nothing is read before the layer is written.
    let tree = maker().entry(damaged.clone()).tree().unwrap();
    let layer::Kind::File(content) = &tree.get(b"usr/lib/pure/b.py").unwrap().kind else {
        panic!("no file");
    };
    let error = content.copy_to(&mut Vec::new()).unwrap_err().to_string();
    assert!(
        error.contains("entry \"b.py\": expected CRC-32 00000001"),
        "{error}"
    );
    let error = refused(&maker().entry(damaged).line("b.py", Some("b.py,,")));
    assert!(matches!(error, Error::Unread { .. }));
    assert!(
        error
            .to_string()
            .starts_with("b.py: entry \"b.py\": expected CRC-32"),
        "{error}"
    );
}

#[test]
fn schemes_that_lead_elsewhere() {
    let mut python = making::python();
    python.scripts = "/usr/../bin".to_owned();
    let error = Scheme::from_lock(&python).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/usr/../bin: the path leads outside with `..`"
    );
}
