//! The room that a package is built in: its source, its tools, and the folders that it may write to, as one
//! folder of the store that the sandbox shows at `/tmp/strata`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use debian::System;
use layer::{Context, EntryPath, Tree};
use lock::{LayerName, Lock, Sdist, Source, SourceKind};
use python::{cuda_links, has_nvcc, nvcc_env, nvcc_header, spread};
use store::{Key, Scratch};
use wheel::{Scheme, Wheel};

use crate::{Error, Result, error::io};

/// Where the room is, inside.
pub(crate) const ROOM: &str = "/tmp/strata";
/// Where the source is.
pub(crate) const SOURCE: &str = "/tmp/strata/source";
/// Where the tools are.
pub(crate) const TOOLS: &str = "/tmp/strata/tools";
/// Seconds since 1970 UTC: of every file of the source, and `SOURCE_DATE_EPOCH`. The first that a zip has.
pub(crate) const EPOCH: i64 = layer::MTIME as i64;

/// In front of the system's headers for nvcc, where it is among the tools.
const HEADERS: &str = "/tmp/strata/tools/nvcc";

/// The variables of a build: what the lock says, on top of what nvcc needs where it is among the tools.
pub(crate) fn variables(lock: &Lock, sdist: &Sdist) -> BTreeMap<String, String> {
    let wheels: Vec<_> = sdist
        .requires
        .iter()
        .filter_map(|id| lock.required(id))
        .collect();
    let nvcc = match has_nvcc(wheels.iter()) {
        true => nvcc_env(lock, HEADERS),
        false => Vec::new(),
    };
    let mut variables: BTreeMap<String, String> = nvcc
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    variables.extend(sdist.environment.clone());
    variables
}

/// The key of the system that a package is built on, and the layer whose stage it is: its own, or the
/// interpreter's if that is higher.
pub(crate) fn system(lock: &Lock, sdist: &Sdist) -> (Key, LayerName) {
    let layer = sdist.layer.max(LayerName::Python);
    (System::from_lock(lock).key(layer), layer)
}

/// A room that is ready.
#[derive(Debug)]
pub(crate) struct Room {
    scratch: Scratch,
    /// The folder with the package's `pyproject.toml` or `setup.py`, as the sandbox has it.
    pub(crate) package: String,
}

impl Room {
    /// Fetches what is needed and lays it out.
    pub(crate) fn new(cx: &Context, lock: &Lock, sdist: &Sdist) -> Result<Self> {
        let scratch = cx.store.scratch("from-source")?;
        let mut tree = source(cx, sdist)?;
        for id in &sdist.requires {
            tool(cx, lock, id, &mut tree)?;
        }
        // What compiles CUDA looks for it as in the image.
        let wheels: Vec<_> = sdist
            .requires
            .iter()
            .filter_map(|id| lock.required(id))
            .collect();
        let tools = EntryPath::from_absolute(TOOLS)
            .map_err(|error| Box::new(layer::Error::step(TOOLS, error)))?;
        if has_nvcc(wheels.iter()) {
            tree.insert(nvcc_header(HEADERS).map_err(Box::new)?)
                .map_err(Box::new)?;
        }
        for link in cuda_links(&tools, wheels.iter()) {
            if tree.get(link.path.as_bytes()).is_none() {
                tree.insert(link).map_err(Box::new)?;
            }
        }
        spread(&tree, scratch.path())?;
        let room = Self {
            package: String::new(),
            scratch,
        };
        for folder in ["out", "tmp", "home", "tools/bin"] {
            let path = room.folder().join(folder);
            fs::create_dir_all(&path).map_err(io(&path))?;
        }
        let package = room.find(sdist)?;
        date(&room.folder().join("source"))?;
        Ok(Self { package, ..room })
    }

    /// The folder that the sandbox shows as [`ROOM`].
    pub(crate) fn folder(&self) -> PathBuf {
        self.scratch.path().join(ROOM.trim_start_matches('/'))
    }

    /// A source distribution has one folder around everything; a commit has the package at its root, or
    /// where the edition says.
    fn find(&self, sdist: &Sdist) -> Result<String> {
        let source = self.folder().join("source");
        let is_package = |folder: &Path| {
            folder.join("pyproject.toml").is_file() || folder.join("setup.py").is_file()
        };
        if is_package(&source) {
            return Ok(SOURCE.to_owned());
        }
        let mut folders = Vec::new();
        if sdist.git.is_none() {
            for entry in fs::read_dir(&source).map_err(io(&source))? {
                let name = entry.map_err(io(&source))?.file_name();
                if is_package(&source.join(&name)) {
                    folders.push(name.to_string_lossy().into_owned());
                }
            }
        }
        match folders.as_slice() {
            [folder] => Ok(format!("{SOURCE}/{folder}")),
            _ => Err(Error::NoPackage {
                folder: sdist
                    .git
                    .as_ref()
                    .map(|git| git.subfolder.clone())
                    .unwrap_or_default(),
            }),
        }
    }
}

fn source(cx: &Context, sdist: &Sdist) -> Result<Tree> {
    if let Some(git) = sdist.tree(SOURCE) {
        return Ok(git::tree(&cx.store, &cx.fetcher, &git)?);
    }
    let Some(artifact) = sdist.artifact() else {
        return Err(Error::NoPackage {
            folder: String::new(),
        });
    };
    let path = cx.fetcher.fetch(&cx.store, &artifact)?;
    let kind = SourceKind::of_filename(&artifact.filename);
    let source = Source::whole(&artifact, sdist.layer, kind, SOURCE);
    Ok(archive::tree(&source, &path, &cx.store)?)
}

/// Adds one wheel that is there while the package is built.
fn tool(cx: &Context, lock: &Lock, id: &str, tree: &mut Tree) -> Result<()> {
    let locked = lock
        .required(id)
        .ok_or_else(|| Error::Requirement(id.to_owned()))?;
    let path = cx.fetcher.fetch(&cx.store, &locked.artifact())?;
    let bad = |source| Error::Wheel {
        file: locked.filename.clone(),
        source: Box::new(source),
    };
    let scheme = Scheme::from_lock(&lock::Python {
        purelib: TOOLS.to_owned(),
        platlib: TOOLS.to_owned(),
        scripts: format!("{TOOLS}/bin"),
        headers: format!("{TOOLS}/include"),
        data: TOOLS.to_owned(),
        ..lock.python.clone()
    });
    let wheel = Wheel::open(&path, &locked).map_err(bad)?;
    let install = wheel.plan(&scheme.map_err(bad)?, &[], false).map_err(bad)?;
    for entry in install.into_tree(Vec::new()).map_err(bad)? {
        // Two wheels may have the same file; the first by name keeps it, as in the image.
        match tree.get(entry.path.as_bytes()) {
            Some(_) => {}
            None => tree.insert(entry).map_err(Box::new)?,
        }
    }
    Ok(())
}

/// Gives every file below a folder the one date: some builds note the files' own.
fn date(folder: &Path) -> Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
    let time = Timespec {
        tv_sec: EPOCH,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    for entry in fs::read_dir(folder).map_err(io(folder))? {
        let entry = entry.map_err(io(folder))?;
        let path = entry.path();
        if entry.file_type().map_err(io(&path))?.is_dir() {
            date(&path)?;
        }
        utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| io(&path)(error.into()))?;
    }
    Ok(())
}
