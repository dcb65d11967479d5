//! One build: the room, the sandbox, the wheel that is left.

use std::{
    fs,
    path::{Path, PathBuf},
};

use debian::System;
use layer::Context;
use lock::{Lock, Sdist};
use python::Interpreter;
use sandbox::Sandbox;
use store::{ProgressTask, TaskKind};

use crate::{
    Error, Result,
    error::io,
    key::build_key,
    room::{EPOCH, ROOM, Room, TOOLS, system, variables},
};

/// What the interpreter runs.
pub(crate) const PROGRAM: &str = include_str!("build.py");

/// The store's kind for what failed builds said.
const LOG: &str = "wheel-from-source-log";

/// A wheel that was just built, in a room that goes away with this value.
#[derive(Debug)]
pub(crate) struct Built {
    /// Its file name.
    pub(crate) filename: String,
    /// Where it lies.
    pub(crate) path: PathBuf,
    _room: Room,
}

/// Keeps what a build said, which may be much; its path.
fn keep_log(cx: &Context, lock: &Lock, sdist: &Sdist, log: &Path) -> Result<PathBuf> {
    let mut writer = cx.store.file_writer(LOG, &build_key(lock, sdist)?)?;
    // Only what really lies there.
    if fs::symlink_metadata(log).is_ok_and(|log| log.is_file()) {
        let mut file = fs::File::open(log).map_err(io(log))?;
        std::io::copy(&mut file, &mut writer).map_err(io(log))?;
    }
    Ok(writer.commit()?)
}

/// Builds the wheel of a package.
pub(crate) fn build(cx: &Context, lock: &Lock, sdist: &Sdist) -> Result<Built> {
    let name = format!("wheel of {}", sdist.name);
    let task = ProgressTask::start(cx.progress.clone(), TaskKind::Build, name, None);
    let (_, layer) = system(lock, sdist);
    let stage = System::from_lock(lock).stage(cx, layer)?;
    let room = Room::new(cx, lock, sdist)?;
    let mut sandbox = Sandbox::new(stage.root)
        .writable(false)
        .bind(room.folder(), ROOM)
        .source_date_epoch(EPOCH)
        .env("HOME", format!("{ROOM}/home"))
        .env("TMPDIR", format!("{ROOM}/tmp"))
        .env("PYTHONPATH", TOOLS)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PATH", format!("{TOOLS}/bin:/usr/local/bin:/usr/bin:/bin"));
    if lock.python.archive.is_some() {
        // It is no part of the Debian system, which leaves this folder alone.
        let interpreter = Interpreter::from_lock(cx, lock)?;
        sandbox = sandbox.bind_read_only(interpreter.root().join("usr/local"), "/usr/local");
    }
    for (name, value) in variables(lock, sdist) {
        sandbox = sandbox.env(name, value);
    }
    let out = format!("{ROOM}/out");
    let arguments = ["-s", "-P", "-c", PROGRAM, &room.package, &out, TOOLS];
    if let Err(source) = sandbox.run(&lock.python.interpreter, arguments, b"") {
        return Err(Error::Build {
            package: sdist.name.clone(),
            source,
            log: keep_log(cx, lock, sdist, &room.folder().join("out.log"))?,
        });
    }
    task.done();
    let out = room.folder().join("out");
    let mut names = Vec::new();
    // What the build left may lead anywhere: only what really lies there is looked at.
    if fs::symlink_metadata(&out).map_err(io(&out))?.is_dir() {
        for entry in fs::read_dir(&out).map_err(io(&out))? {
            names.push(entry.map_err(io(&out))?.file_name());
        }
    }
    let is_wheel = |name: &std::ffi::OsString| {
        let file = fs::symlink_metadata(out.join(name));
        name.to_str().is_some_and(|name| name.ends_with(".whl"))
            && file.is_ok_and(|file| file.is_file())
    };
    match names.as_slice() {
        [name] if is_wheel(name) => Ok(Built {
            filename: name.to_string_lossy().into_owned(),
            path: out.join(name),
            _room: room,
        }),
        other => {
            let found: Vec<_> = other.iter().map(|name| name.to_string_lossy()).collect();
            let found = match found.as_slice() {
                [] => "nothing".to_owned(),
                some => some.join(", "),
            };
            Err(Error::Left { found })
        }
    }
}
