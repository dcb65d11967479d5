//! Edits of edition files: what is added and removed again leaves no trace, and comments stay.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::{fs, path::Path};

use lock::LayerName;
use strata_edition::{Change, Edition, EditionFile, ListKind};

const KINDS: [(ListKind, &str); 3] = [
    (ListKind::Debian, "qrencode (>= 4)"),
    (
        ListKind::Python,
        "qrcode[pil]>=7 ; sys_platform == \"linux\"",
    ),
    (ListKind::Constraints, "qrcode<9"),
];

fn file(text: &str) -> EditionFile {
    EditionFile::from_text(Path::new("t.toml"), text.to_owned())
}

/// Adds and removes in every layer and list, alone and nested.
fn in_and_out(text: &str) {
    for layer in LayerName::ALL {
        for (kind, spec) in KINDS {
            let name = if kind == ListKind::Debian {
                "qrencode"
            } else {
                "QRcode"
            };
            let mut edited = file(text);
            match edited.add(layer, kind, &[spec]) {
                Ok(changes) => assert_eq!(changes, [Change::Added(spec.to_owned())]),
                Err(error) => panic!("{error}\n{text}"),
            }
            assert_ne!(edited.text(), text);
            // Another list of the same layer in between.
            let with = edited.text().to_owned();
            edited.add(layer, ListKind::Debian, &["xterm"]).unwrap();
            edited.remove(layer, ListKind::Debian, "xterm").unwrap();
            assert_eq!(edited.text(), with, "{layer} {kind:?}");
            edited.remove(layer, kind, name).unwrap();
            assert_eq!(edited.text(), text, "{layer} {kind:?}");
        }
    }
}

#[test]
fn in_and_out_leaves_no_trace() {
    let starter = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../editions/starter.toml"),
    )
    .unwrap();
    let everything = include_str!("valid/everything.toml");
    let texts = [
        "",
        "\n",
        "a = 1",
        "a = 1\n\n\n",
        "[layer.deps]",
        "[layer.deps]\n",
        "[layer.deps] # c\n\n# tail",
        "[layer.deps]\npython = []",
        "[layer.deps]\npython = [\n]\n",
        "[layer.deps]\npython = [ # none yet\n]\n# tail\n",
        "[layer.deps]\n# head\npython = [\"a\", \"b\"] # tail\n[layer.perf]\n",
        "[layer.deps]\nexclude-newer = \"2026-01-01\" # c",
        "[layer.deps]\nremove.python = [\"a\"]\n",
        "[[layer.comfy.source]]\nname = \"x\"\n",
        "[layer.comfy]\n\n[[layer.comfy.source]]\nname = \"x\"\n",
        "[layer.comfy]\ndebian = ['git']\n[[layer.comfy.source]]\nname = \"x\"",
        "[layer]\n",
        "[layer.deps.remove]\npython = [\"x\"]\n",
        starter.as_str(),
        everything,
    ];
    for text in texts {
        in_and_out(text);
        in_and_out(&text.replace('\n', "\r\n"));
    }
}

#[test]
fn forms_that_cannot_be_edited_are_left_alone() {
    for text in [
        "layer.deps.exclude-newer = \"2026-01-01\"\n",
        "layer = { deps = { } }\n",
        "[layer]\ndeps = { exclude-newer = \"2026-01-01\" }\n",
        "[layer.deps]\npython = \"numpy\"\n",
    ] {
        let mut edited = file(text);
        let error = edited
            .add(LayerName::Deps, ListKind::Python, &["qrcode"])
            .unwrap_err();
        assert!(error.to_string().contains("[layer.deps]"), "{error}");
        assert_eq!(edited.text(), text);
    }
}

#[test]
fn a_second_line_for_a_package_takes_the_place_of_the_first() {
    let mut edited = file("[layer.deps]\npython = [\n    'Numpy>=1', # why\n    \"b\",\n]\n");
    let changes = edited
        .add(LayerName::Deps, ListKind::Python, &["numpy>=2", "b"])
        .unwrap();
    assert_eq!(
        changes,
        [
            Change::Replaced("Numpy>=1".into(), "numpy>=2".into()),
            Change::Kept("b".into())
        ]
    );
    assert_eq!(
        edited.text(),
        "[layer.deps]\npython = [\n    'numpy>=2', # why\n    \"b\",\n]\n"
    );
}

#[test]
fn what_is_not_there_is_looked_for() {
    let mut edited = file("[layer.torch]\npython = [\"torch\"]\n");
    let error = edited
        .remove(LayerName::Deps, ListKind::Python, "torch")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "t.toml: [layer.deps] has no torch in `python`; layer torch has it"
    );
    let error = edited
        .add(LayerName::Deps, ListKind::Python, &["a", "b=1"])
        .unwrap_err();
    assert!(error.to_string().contains("write \"b==1\""), "{error}");
    assert_eq!(
        edited.text(),
        "[layer.torch]\npython = [\"torch\"]\n",
        "not half of it"
    );
}

#[test]
fn pins() {
    let text = "[layer.base]\ndebian = [\"gcc\"] # c\n[layer.deps]\npython = [\"qrcode[pil]>=7 ; os_name == 'posix'\"]\n";
    let mut edited = file(text);
    edited
        .pin(LayerName::Deps, ListKind::Python, "QRcode", "8.2")
        .unwrap();
    edited
        .pin(LayerName::Base, ListKind::Debian, "gcc", "4:15.2.0-5")
        .unwrap();
    edited
        .pin(LayerName::Deps, ListKind::Python, "six", "1.17")
        .unwrap();
    edited
        .pin(LayerName::Deps, ListKind::Python, "six", "1.18")
        .unwrap();
    assert_eq!(
        edited.text(),
        "[layer.base]\ndebian = [\"gcc=4:15.2.0-5\"] # c\n[layer.deps]\npython = [\"qrcode[pil]==8.2 ; os_name == 'posix'\"]\n\
         constraints = [\n    \"six==1.18\",\n]\n"
    );
    let mut edited = file("[layer.deps]\npython = [\"x @ https://example.org/x.whl\"]\n");
    assert!(
        edited
            .pin(LayerName::Deps, ListKind::Python, "x", "2")
            .is_err()
    );
    assert!(
        edited
            .pin(LayerName::Deps, ListKind::Python, "y", "not a version")
            .is_err()
    );
}

#[test]
fn a_saved_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.toml");
    let text =
        "[debian]\nsuite = \"forky\"\n[python]\nversion = \"3.14\"\n[image]\ntitle = \"t\"\n";
    fs::write(&path, text).unwrap();
    let mut edited = EditionFile::open(&path).unwrap();
    edited
        .add(LayerName::Deps, ListKind::Python, &["qrcode"])
        .unwrap();
    edited.save().unwrap();
    let edition = Edition::read(&path).unwrap();
    assert_eq!(
        edition.layer(LayerName::Deps).unwrap().python[0].name,
        "qrcode"
    );
    edited
        .remove(LayerName::Deps, ListKind::Python, "qrcode")
        .unwrap();
    edited.save().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}
