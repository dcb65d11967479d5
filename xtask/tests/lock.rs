//! `cargo xtask lock`, `add` and `remove` on the starter edition, with the ordinary registries; where
//! those are not reachable the test says so.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

struct Edition {
    _folder: tempfile::TempDir,
    toml: PathBuf,
    lock: PathBuf,
}

impl Edition {
    /// A copy of the starter edition and its lock.
    fn copy() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let editions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../editions");
        let copy = |name: &str| {
            let to = folder.path().join(name);
            fs::copy(editions.join(name), &to).unwrap();
            to
        };
        Self {
            toml: copy("starter.toml"),
            lock: copy("starter.lock"),
            _folder: folder,
        }
    }

    fn run(&self, verb: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.arg(verb);
        if verb != "lock" {
            command.arg("--edition");
        }
        command.arg(&self.toml).args(arguments);
        command.output().unwrap()
    }

    /// Runs a verb that must succeed, and gives its standard output.
    fn must(&self, verb: &str, arguments: &[&str]) -> String {
        let output = self.run(verb, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.lock).unwrap()
    }
}

/// The text without the entry that has this name, of the tables with this head.
fn without(text: &str, head: &str, name: &str) -> String {
    let at = text.match_indices(head).map(|(at, _)| at);
    let entry = at
        .map(|at| {
            let end = text[at + 2..]
                .find("\n[[")
                .map_or(text.len(), |end| at + 3 + end);
            (at, end)
        })
        .find(|(at, end)| text[*at..*end].contains(&format!("\nname = \"{name}\"\n")));
    let (at, end) = entry.unwrap();
    format!("{}{}", &text[..at], &text[end..])
}

#[test]
fn a_lock_is_kept_repaired_and_left_as_it_was() {
    let edition = Edition::copy();
    let (toml, before) = (fs::read_to_string(&edition.toml).unwrap(), edition.text());
    let first = edition.run("lock", &["--check"]);
    if !first.status.success() {
        let errors = String::from_utf8_lossy(&first.stderr).into_owned();
        let unreachable = ["cannot fetch", "Failed to fetch", "error sending request"];
        assert!(
            unreachable.iter().any(|words| errors.contains(words)),
            "{errors}"
        );
        eprintln!("skipped: the registries are not reachable: {errors}");
        return;
    }
    // The store remembers: nothing is asked again, until something is touched.
    assert!(
        edition
            .must("lock", &["--offline"])
            .contains("nothing changed")
    );
    assert!(
        edition
            .must("lock", &["--offline", "--check"])
            .contains("nothing changed")
    );
    let refused = |arguments: &[&str]| {
        let output = edition.run("lock", arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && errors.contains("--offline"),
            "{errors}"
        );
    };
    refused(&["--offline", "--update", "numpy"]);
    fs::write(&edition.toml, format!("{toml}\n# One line more.\n")).unwrap();
    refused(&["--offline"]);
    fs::write(&edition.toml, &toml).unwrap();
    fs::write(&edition.lock, format!("{before}\n")).unwrap();
    refused(&["--offline"]);
    fs::write(&edition.lock, &before).unwrap();
    // What went is put back as it was.
    let mut torn = before.clone();
    for (head, name) in [
        ("[[wheel]]", "numpy"),
        ("[[deb]]", "libgomp1"),
        ("[[source]]", "ComfyUI"),
    ] {
        torn = without(&torn, head, name);
    }
    fs::write(&edition.lock, &torn).unwrap();
    edition.must("lock", &[]);
    assert_eq!(edition.text(), before);
    // A merge that went wrong is repaired by locking again.
    let torn = before.replacen(
        "edition = \"starter\"\n",
        "<<<<<<< ours\nedition = \"starter\"\n=======\nedition = \"other\"\n>>>>>>> theirs\n",
        1,
    );
    fs::write(&edition.lock, torn).unwrap();
    edition.must("lock", &[]);
    assert_eq!(edition.text(), before);
    // One package more, and gone again.
    let summary = edition.must("add", &["deps", "qrcode"]);
    assert!(
        summary.contains("qrcode") && summary.contains("1 added"),
        "{summary}"
    );
    assert!(edition.text().contains("name = \"qrcode\""));
    let summary = edition.must("remove", &["deps", "qrcode", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["changes"][0]["name"], "qrcode");
    assert_eq!(summary["layers"], serde_json::json!(["deps"]));
    assert_eq!(
        (fs::read_to_string(&edition.toml).unwrap(), edition.text()),
        (toml, before.clone())
    );
    // What cannot be had leaves all as it was, and is told with the lines that ask for it.
    let output = edition.run("add", &["deps", "numpy<1.20"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && errors.contains("numpy") && errors.contains("starter.toml:"),
        "{errors}"
    );
    let output = edition.run("add", &["base", "--debian", "no-such-package-at-all"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && errors.contains("no-such-package-at-all"),
        "{errors}"
    );
    assert_eq!(edition.text(), before);
}
