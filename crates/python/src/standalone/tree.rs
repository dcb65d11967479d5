//! What is taken of an interpreter's archive. Packages are not: the lock names them as wheels.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use layer::{Entry, EntryPath, Kind, Tree, read_small};
use lock::{Artifact, Python};
use store::{KeyBuilder, Store};

use super::relocate::{Relocation, is_build_data};
use crate::{Error, Result};

/// Version of everything here that shapes the tree.
const FORMAT: &str = "strata standalone 1";
/// No text that is changed is larger.
const LARGEST: u64 = 16 << 20;

/// What the tree depends on.
pub(crate) fn add_to_key(python: &Python, archive: &Artifact, key: &mut KeyBuilder) {
    key.field("standalone", FORMAT)
        .field("archive", archive.sha256.0)
        .field("prefix", &python.data)
        .field("packages", &python.purelib)
        .field("scripts", &python.scripts);
}

/// The tree of the interpreter whose archive lies at `path`, without bytecode.
///
/// # Errors
/// An archive that cannot be read.
pub(crate) fn tree(
    store: &Store,
    python: &Python,
    archive: &Artifact,
    path: &Path,
) -> Result<Tree> {
    let whole = archive::tree(&super::source(archive, &python.data), path, store)?;
    let wrong = |problem: String| Error::Standalone {
        archive: archive.filename.clone(),
        problem,
    };
    let place =
        |path: &str| EntryPath::from_absolute(path).map_err(|e| wrong(format!("{path}: {e}")));
    let leaving = Leaving {
        packages: place(&python.purelib)?,
        scripts: place(&python.scripts)?,
    };
    let read = |entry: &Entry| -> Result<Option<Vec<u8>>> {
        let Kind::File(content) = &entry.kind else {
            return Ok(None);
        };
        let bytes = read_small(content.as_ref(), LARGEST);
        bytes
            .map(Some)
            .map_err(|error| wrong(format!("{}: {error}", entry.path)))
    };
    let mut relocation = Relocation::default();
    for entry in whole.iter().filter(|entry| is_build_data(&entry.path)) {
        if let Some(text) = read(entry)? {
            relocation = Relocation::new(&text, &python.data);
        }
    }
    // A file that is left out may have another name that is not.
    let mut left: BTreeMap<EntryPath, Entry> = BTreeMap::new();
    let mut tree = Tree::new();
    for mut entry in whole {
        if leaving.is_left(&entry.path) {
            left.insert(entry.path.clone(), entry);
            continue;
        }
        if let Kind::Hardlink(target) = &entry.kind
            && let Some(file) = left.get(target)
        {
            entry.kind = file.kind.clone();
        }
        if relocation.concerns(&entry.path)
            && let Some(text) = read(&entry)?
        {
            entry.kind = Kind::File(Arc::new(relocation.apply(&entry.path, text)));
        }
        tree.insert(entry).map_err(Box::new)?;
    }
    Ok(tree)
}

/// What stays in the archive.
struct Leaving {
    packages: EntryPath,
    scripts: EntryPath,
}

impl Leaving {
    fn is_left(&self, path: &EntryPath) -> bool {
        let name = path.file_name();
        // Bytecode is made here, as that of all modules; and an image is there to be added to.
        if name == b"EXTERNALLY-MANAGED" || path.as_bytes().split(|b| *b == b'/').any(is_cache) {
            return true;
        }
        // pip, with its scripts.
        match (path.below(&self.packages), path.below(&self.scripts)) {
            (Some(below), _) => below.as_bytes() != b"README.txt",
            (None, Some(_)) => name
                .strip_prefix(b"pip")
                .is_some_and(|rest| rest.iter().all(|b| b.is_ascii_digit() || *b == b'.')),
            (None, None) => false,
        }
    }
}

fn is_cache(folder: &[u8]) -> bool {
    folder == b"__pycache__"
}

#[cfg(test)]
#[path = "../../tests/standin/mod.rs"]
mod standin;

#[cfg(test)]
mod tests {
    use lock::{Origin, PythonArchive, Sha256};

    use super::*;
    use crate::Standalone;

    fn paths(free_threaded: bool) -> (Tree, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let path = standin::layout(folder.path(), "3.14.7", free_threaded);
        let artifact = Artifact {
            name: "Python".to_owned(),
            filename: "p.tar.gz".to_owned(),
            size: 0,
            sha256: Sha256([7; 32]),
            origin: Origin::Url(String::new()),
        };
        let locked = Standalone::read(&artifact, &path, &store).unwrap();
        let locked = locked.locked(PythonArchive {
            url: String::new(),
            filename: artifact.filename.clone(),
            size: 0,
            sha256: artifact.sha256,
        });
        let tree = tree(&store, &locked, &artifact, &path).unwrap();
        let files = tree.iter().filter(|entry| !matches!(entry.kind, Kind::Dir));
        let paths = files.map(|entry| entry.path.to_string()).collect();
        (tree, paths)
    }

    fn text(tree: &Tree, path: &str) -> String {
        match &tree.get(path.as_bytes()).unwrap().kind {
            Kind::File(content) => {
                String::from_utf8(read_small(content.as_ref(), LARGEST).unwrap()).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn packages_scripts_of_theirs_and_bytecode_stay_in_the_archive() {
        let (tree, paths) = paths(true);
        let want = [
            "bin/pipes",
            "bin/python",
            "bin/python3",
            "bin/python3.14",
            "bin/python3.14t",
            "include/python3.14t/patchlevel.h",
            "include/python3.14t/pyconfig.h",
            "lib/pkgconfig/python-3.14t.pc",
            "lib/python3.14t/_sysconfigdata_t_linux_x86_64-linux-gnu.py",
            "lib/python3.14t/os.py",
            "lib/python3.14t/site-packages/README.txt",
        ];
        assert_eq!(paths, want.map(|path| format!("usr/local/{path}")));
        let data = text(&tree, &paths[8]);
        assert!(data.contains("\"CC\": \"cc -pthread\""), "{data}");
        assert!(
            data.contains("\"INCLUDEPY\": \"/usr/local/include/python3.14t\""),
            "{data}"
        );
        assert_eq!(text(&tree, &paths[7]), "prefix=/usr/local\n");
        // The program's two names are one file.
        let target = &tree.get(paths[4].as_bytes()).unwrap().kind;
        assert!(
            matches!(target, Kind::Hardlink(to) if to.to_string() == paths[3]),
            "{target:?}"
        );
    }

    #[test]
    fn the_flavour_with_the_gil_has_its_own_names() {
        let (_, paths) = paths(false);
        assert!(paths.contains(&"usr/local/bin/python3.14".to_owned()));
        assert!(
            paths.iter().all(|path| !path.contains("3.14t")),
            "{paths:?}"
        );
    }
}
