//! An interpreter out of an archive of python-build-standalone, of the kind `install_only`: what the
//! archive says of itself, and where its parts go. It is installed below `/usr/local`, as one that is
//! built from source: there it is found by every `PATH`, and Debian leaves the folder alone.

mod part;
mod relocate;
mod tree;

pub use part::interpreter_plan;
pub(crate) use tree::{add_to_key, tree};

use std::path::Path;

use layer::{EntryPath, Kind, Tree, read_small};
use lock::{Artifact, LayerName, PythonArchive, Source, SourceKind};
use store::Store;

use crate::{Error, Result};

/// Where the interpreter goes in the image.
const PREFIX: &str = "/usr/local";
/// The folder of the archive that has all of it.
const FOLDER: &str = "python";
/// No header is larger.
const LARGEST: u64 = 4 << 20;
/// The end of a build's data for `sysconfig`, which names the machine and the C library.
const MACHINE: &str = "_linux_x86_64-linux-gnu.py";

/// An interpreter's version and flavour, as its archive has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standalone {
    /// Its whole version, such as `3.14.7`.
    pub version: String,
    /// Built without the GIL.
    pub free_threaded: bool,
    /// `python3.14`, `python3.14t`: the name of its program, and of its folders in `include` and `lib`.
    name: String,
}

impl Standalone {
    /// Reads the archive at `path`: its headers, which the program was built with.
    ///
    /// # Errors
    /// [`Error::Standalone`] for an archive of another kind, or for another machine; an archive that
    /// cannot be read.
    pub fn read(archive: &Artifact, path: &Path, store: &Store) -> Result<Self> {
        let tree = archive::tree(&source(archive, PREFIX), path, store)?;
        let wrong = |problem: String| Error::Standalone {
            archive: archive.filename.clone(),
            problem,
        };
        let headers = below(&tree, "include/", "/patchlevel.h");
        let [name] = headers.as_slice() else {
            return Err(wrong(
                "it has no folder python/include/python3.…; an archive with install_only in its name has"
                    .to_owned(),
            ));
        };
        let header = |file: &str| -> Result<String> {
            let path = format!("include/{name}/{file}");
            text(&tree, &path).ok_or_else(|| wrong(format!("{path} cannot be read")))
        };
        let version = defined(&header("patchlevel.h")?, "PY_VERSION")
            .ok_or_else(|| wrong("patchlevel.h does not tell its version".to_owned()))?;
        let free_threaded =
            defined(&header("pyconfig.h")?, "Py_GIL_DISABLED").as_deref() == Some("1");
        let mut numbers = version.split('.');
        let short = match (numbers.next(), numbers.next()) {
            (Some(major), Some(minor)) => format!("{major}.{minor}"),
            _ => return Err(wrong(format!("{version:?} is no version"))),
        };
        let flavour = if free_threaded { "t" } else { "" };
        if *name != format!("python{short}{flavour}") {
            return Err(wrong(format!(
                "its headers are of Python {version}{flavour} and lie in {name}"
            )));
        }
        for wanted in [
            format!("bin/{name}"),
            "bin/python3".to_owned(),
            format!("lib/{name}/os.py"),
        ] {
            if get(&tree, &wanted).is_none() {
                return Err(wrong(format!("it has no python/{wanted}")));
            }
        }
        let data = below(&tree, &format!("lib/{name}/_sysconfigdata_"), MACHINE);
        if data.is_empty() {
            return Err(wrong(
                "it is not for x86_64-unknown-linux-gnu, going by its _sysconfigdata".to_owned(),
            ));
        }
        Ok(Self {
            version,
            free_threaded,
            name: name.clone(),
        })
    }

    /// `3.14` of 3.14.7, `3.14t` without the GIL.
    pub fn short(&self) -> &str {
        self.name.trim_start_matches("python")
    }

    /// `[python]` of a lock.
    pub fn locked(&self, archive: PythonArchive) -> lock::Python {
        let name = &self.name;
        let packages = format!("{PREFIX}/lib/{name}/site-packages");
        lock::Python {
            version: self.version.clone(),
            tag: format!("cp{}", self.short().replace('.', "")),
            interpreter: format!("{PREFIX}/bin/{name}"),
            purelib: packages.clone(),
            platlib: packages,
            scripts: format!("{PREFIX}/bin"),
            headers: format!("{PREFIX}/include/{name}"),
            data: PREFIX.to_owned(),
            archive: Some(archive),
        }
    }
}

/// The archive as a tree's source.
fn source(archive: &Artifact, to: &str) -> Source {
    Source {
        subfolder: FOLDER.to_owned(),
        ..Source::whole(archive, LayerName::Python, SourceKind::Tar, to)
    }
}

/// What stands between `start` and `end` in the tree's paths, which are below the prefix, where there
/// is no folder in between.
fn below(tree: &Tree, start: &str, end: &str) -> Vec<String> {
    let start = format!("{PREFIX}/{start}");
    let paths = tree.iter().map(|entry| format!("/{}", entry.path));
    paths
        .filter_map(|path| {
            let middle = path.strip_prefix(&start)?.strip_suffix(end)?;
            (!middle.contains('/')).then(|| middle.to_owned())
        })
        .collect()
}

fn get<'t>(tree: &'t Tree, path: &str) -> Option<&'t layer::Entry> {
    let path = EntryPath::from_absolute(&format!("{PREFIX}/{path}")).ok()?;
    tree.get(path.as_bytes())
}

fn text(tree: &Tree, path: &str) -> Option<String> {
    match &get(tree, path)?.kind {
        Kind::File(content) => String::from_utf8(read_small(content.as_ref(), LARGEST).ok()?).ok(),
        _ => None,
    }
}

/// What a C header defines a name as, without quotes.
fn defined(header: &str, name: &str) -> Option<String> {
    header.lines().find_map(|line| {
        let mut words = line.strip_prefix("#define")?.split_whitespace();
        (words.next() == Some(name)).then_some(())?;
        Some(words.next()?.trim_matches('"').to_owned())
    })
}
