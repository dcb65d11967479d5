//! Archives of python-build-standalone: what they say of themselves.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod standin;

use std::{fs, path::Path};

use lock::{Artifact, Origin, PythonArchive, Sha256};
use store::Store;
use strata_python::{Error, Standalone};

fn read(archive: &Path) -> Result<Standalone, Error> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    let artifact = Artifact {
        name: "Python".to_owned(),
        filename: archive.file_name().unwrap().to_str().unwrap().to_owned(),
        size: fs::metadata(archive).unwrap().len(),
        sha256: Sha256([7; 32]),
        origin: Origin::Url(String::new()),
    };
    Standalone::read(&artifact, archive, &store)
}

#[test]
fn version_flavour_and_paths_are_the_archives_own() {
    for (free_threaded, tag, name) in [(false, "cp314", "3.14"), (true, "cp314t", "3.14t")] {
        let folder = tempfile::tempdir().unwrap();
        let path = standin::layout(folder.path(), "3.14.7", free_threaded);
        // Whatever the file is called.
        let renamed = folder.path().join("any.tar.gz");
        fs::rename(path, &renamed).unwrap();
        let found = read(&renamed).unwrap();
        assert_eq!((found.short(), found.free_threaded), (name, free_threaded));
        let locked = found.locked(PythonArchive {
            url: String::new(),
            filename: String::new(),
            size: 0,
            sha256: Sha256([0; 32]),
        });
        assert_eq!(
            (locked.version.as_str(), locked.tag.as_str()),
            ("3.14.7", tag)
        );
        assert_eq!(locked.interpreter, format!("/usr/local/bin/python{name}"));
        let packages = format!("/usr/local/lib/python{name}/site-packages");
        assert_eq!((&locked.purelib, &locked.platlib), (&packages, &packages));
        assert_eq!(locked.headers, format!("/usr/local/include/python{name}"));
        assert_eq!(
            (locked.scripts.as_str(), locked.data.as_str()),
            ("/usr/local/bin", "/usr/local")
        );
    }
}

#[test]
fn archives_that_are_something_else_say_what() {
    let refused = |change: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        standin::layout(folder.path(), "3.14.7", true);
        change(&folder.path().join("python"));
        let archive = standin::pack(folder.path(), "changed.tar.gz", "czf");
        read(&archive).unwrap_err().to_string()
    };
    let rename = |from: &'static str, to: &'static str| {
        move |root: &Path| fs::rename(root.join(from), root.join(to)).unwrap()
    };
    let data = "lib/python3.14t/_sysconfigdata_t_linux_";
    let musl = refused(&|root| {
        let from = root.join(format!("{data}x86_64-linux-gnu.py"));
        fs::rename(from, root.join(format!("{data}x86_64-linux-musl.py"))).unwrap();
    });
    for (said, word) in [
        (musl, "not for x86_64-unknown-linux-gnu"),
        (refused(&rename("include", "headers")), "install_only"),
        (
            refused(&rename("bin/python3", "bin/python4")),
            "no python/bin/python3",
        ),
        (
            refused(&rename("include/python3.14t", "include/python3.14")),
            "of Python 3.14.7t and lie in python3.14",
        ),
        (
            refused(&|root| fs::write(root.join("include/python3.14t/patchlevel.h"), "").unwrap()),
            "does not tell its version",
        ),
    ] {
        assert!(
            said.contains("changed.tar.gz") && said.contains(word),
            "{said}"
        );
    }
}
