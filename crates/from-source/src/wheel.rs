//! The wheel of a package: out of the store, or built, and held against the lock.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use layer::Context;
use lock::{BuiltWheel, Lock, Sdist, Sha256};
use serde::{Deserialize, Serialize};
use store::Key;

use crate::{
    Error, OtherWheel, Result,
    build::build,
    compare::{by_byte, by_file, files},
    error::io,
    key::build_key,
};

/// The store's kind for wheels that were built.
const KIND: &str = "wheel-from-source";
/// … and for those that are not the lock's, and were built to be compared.
const OTHER: &str = "wheel-from-source-other";
const TWIN: &str = "wheel-from-source-twin";

/// Beside a wheel in the store: what it is called.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    filename: String,
    sha256: Sha256,
}

/// The wheel that the lock says comes of a package, as a file in the store.
///
/// # Errors
/// [`Error::NotBuilt`] where the lock does not say; [`Error::Other`] where something else comes of it; see
/// [`Error`].
pub fn wheel(cx: &Context, lock: &Lock, sdist: &Sdist) -> Result<PathBuf> {
    let expected = sdist.wheel.as_ref().ok_or(Error::NotBuilt)?;
    let key = build_key(lock, sdist)?;
    let _once = cx.store.lock(KIND, &key)?;
    let found = stored(cx, &key)?;
    if let Some((path, _)) = found
        .as_ref()
        .filter(|(_, record)| record.sha256 == expected.sha256)
    {
        return Ok(path.clone());
    }
    let built = build(cx, lock, sdist)?;
    let made = record(&built.filename, &built.path)?;
    if made.sha256 == expected.sha256 {
        return keep(cx, KIND, &key, &built.path, &made);
    }
    // One more, to tell whether it is the same every time here.
    let first = match found {
        Some((path, _)) => Ok(path),
        None => build(cx, lock, sdist).and_then(|twin| {
            keep(
                cx,
                TWIN,
                &key,
                &twin.path,
                &record(&twin.filename, &twin.path)?,
            )
        }),
    };
    let kept = keep(cx, OTHER, &key, &built.path, &made)?;
    let differences = first
        .and_then(|first| differences(expected, &built.path, &first))
        .unwrap_or_else(|error| format!("they could not be compared: {error}"));
    Err(Error::Other(Box::new(OtherWheel {
        package: sdist.name.clone(),
        filename: made.filename,
        found: made.sha256,
        expected: expected.sha256,
        differences,
        kept,
    })))
}

/// What comes of a package, for a lock that does not say yet, and the wheel as a file in the store. With
/// `anew` it is built even if the store has it.
///
/// # Errors
/// See [`Error`].
pub fn make(cx: &Context, lock: &Lock, sdist: &Sdist, anew: bool) -> Result<(BuiltWheel, PathBuf)> {
    let key = build_key(lock, sdist)?;
    let _once = cx.store.lock(KIND, &key)?;
    let found = stored(cx, &key)?.filter(|_| !anew);
    let (path, record) = match found {
        Some(found) => found,
        None => {
            let built = build(cx, lock, sdist)?;
            let record = record(&built.filename, &built.path)?;
            (keep(cx, KIND, &key, &built.path, &record)?, record)
        }
    };
    let wheel = BuiltWheel {
        filename: record.filename,
        size: fs::metadata(&path).map_err(io(&path))?.len(),
        sha256: record.sha256,
        files: files(&path)?,
    };
    fits(sdist, &wheel, &path)?;
    Ok((wheel, path))
}

/// Whether a wheel is of the package, in the version that the lock has, and well formed: else it would be locked
/// and refused by a build.
fn fits(sdist: &Sdist, wheel: &BuiltWheel, path: &Path) -> Result<()> {
    let mut built = sdist.clone();
    if built.version.is_empty() {
        // Of a package from git only its wheel knows it (PEP 427: NAME-VERSION-…).
        let version = wheel.filename.split('-').nth(1).unwrap_or_default();
        version.clone_into(&mut built.version);
    }
    built.wheel = Some(wheel.clone());
    let Some(expected) = built.built() else {
        return Ok(());
    };
    let opened = wheel::Wheel::open(path, &expected);
    opened.map(drop).map_err(|source| Error::Wheel {
        file: wheel.filename.clone(),
        source: Box::new(source),
    })
}

/// Says in a lock what comes of each package that is built from source: as an earlier lock has it, as long
/// as all that the build depends on stands, else by building it, if `build` allows that. `anew` names those to
/// be built in any case.
///
/// # Errors
/// The package's name, and why. See [`Error`].
pub fn complete(
    cx: &Context,
    before: Option<&Lock>,
    lock: &mut Lock,
    build: bool,
    anew: impl Fn(&str) -> bool,
) -> Result<(), (String, Box<Error>)> {
    for at in 0..lock.sdists.len() {
        let sdist = &lock.sdists[at];
        if sdist.wheel.is_some() {
            continue;
        }
        let named = |error| (sdist.shown(), Box::new(error));
        let again = anew(&sdist.name);
        let before = before.filter(|_| !again);
        let known = before.and_then(|before| known(before, lock, sdist));
        let wheel = match known {
            None if build => Some(make(cx, lock, sdist, again).map_err(named)?.0),
            known => known,
        };
        lock.sdists[at].wheel = wheel;
    }
    Ok(())
}

/// What an earlier lock says of a package that is built the same way.
pub fn known(before: &Lock, lock: &Lock, sdist: &Sdist) -> Option<BuiltWheel> {
    let old = before.sdists.iter().find(|old| old.name == sdist.name)?;
    let wheel = old.wheel.as_ref()?;
    // A key that cannot be made is nobody's.
    let same = build_key(before, old).ok()? == build_key(lock, sdist).ok()?;
    same.then(|| wheel.clone())
}

fn record(filename: &str, path: &Path) -> Result<Record> {
    let mut file = File::open(path).map_err(io(path))?;
    let (_, sha256) = store::sha256(&mut file).map_err(io(path))?;
    Ok(Record {
        filename: filename.to_owned(),
        sha256,
    })
}

/// What the store has of a build, if it is what was put there.
fn stored(cx: &Context, key: &Key) -> Result<Option<(PathBuf, Record)>> {
    let Some(kept) = cx.store.result::<Record>(KIND, key)? else {
        return Ok(None);
    };
    if !cx.store.has_file(KIND, key) {
        return Ok(None);
    }
    let path = cx.store.file_path(KIND, key);
    let whole = record(&kept.filename, &path)?.sha256 == kept.sha256;
    Ok(whole.then_some((path, kept)))
}

fn keep(cx: &Context, kind: &str, key: &Key, from: &Path, record: &Record) -> Result<PathBuf> {
    let mut writer = cx.store.file_writer(kind, key)?;
    let mut file = File::open(from).map_err(io(from))?;
    std::io::copy(&mut file, &mut writer).map_err(io(from))?;
    let path = writer.commit()?;
    cx.store.put_result(kind, key, record)?;
    Ok(path)
}

/// How a wheel that is not the lock's differs from that, and from another one that was built here.
fn differences(expected: &BuiltWheel, built: &Path, first: &Path) -> Result<String> {
    let against = by_file(&expected.files, &files(built)?);
    let said = match by_byte(built, first)? {
        Some(bytes) => format!("it is another one every time; between two builds here:\n{bytes}"),
        None => "two builds here give the same: what differs comes from the machine, such as its processor"
            .to_owned(),
    };
    Ok(format!("against the lock's:\n{against}\n{said}"))
}
