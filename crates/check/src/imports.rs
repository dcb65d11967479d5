//! Python modules that do not import: each in a process of its own, by the image's own interpreter, in
//! the sandbox. In an image without the GIL, the extension modules that turn it back on as well.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use assembler::Image;
use layer::Context;
use lock::Lock;
use sandbox::Sandbox;
use serde::{Deserialize, Serialize};
use store::{Key, KeyBuilder, ProgressTask, TaskKind};

use crate::{Error, Result, distributions::Distribution, modules, unpack};

const KIND: &str = "check-imports";
const FORMAT: &str = "strata check imports 1";
const WORKER: &str = include_str!("worker.py");
/// How long one import may take. `import torch` takes 2 to 4 s on a machine at rest.
const PATIENCE: Duration = Duration::from_secs(120);
/// How the end by the system's own hand is told.
const KILLED: &str = "ended by signal 9:";
/// Where ComfyUI stands: what comes with it may import its modules.
pub(crate) const COMFY: &str = "opt/comfyui";

/// One import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Import {
    /// The distribution.
    pub distribution: String,
    /// The module.
    pub module: String,
    /// It is at the distribution's top; else an extension module that is imported for the GIL alone.
    pub top: bool,
    /// With ComfyUI's folder in front of `sys.path`.
    #[serde(default)]
    pub in_comfy: bool,
    /// How it went.
    pub outcome: Outcome,
}

/// How an import went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// It came to its end.
    Told(Told),
    /// The process ended without a word, such as through a signal: what is known of that.
    Died(String),
    /// It took longer than it may.
    TooLong,
}

/// What the worker tells (`worker.py`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The error's last line.
    pub error: Option<String>,
    /// The module that was not found, if that was it.
    pub missing: Option<String>,
    /// Whether there was a GIL before, and after.
    pub gil_before: bool,
    /// After it.
    pub gil_after: bool,
    /// What CPython said of that.
    pub gil_warnings: Vec<String>,
}

/// Imports everything, or finds in the store how that went.
pub(crate) fn all(
    cx: &Context,
    image: &Image,
    lock: &Lock,
    env: &BTreeMap<String, String>,
    distributions: &[Distribution],
) -> Result<Vec<Import>> {
    let key = key(image, lock, env);
    let _once = cx.store.lock(KIND, &key)?;
    if let Some(imports) = cx.store.result(KIND, &key)? {
        return Ok(imports);
    }
    let wanted = wanted(distributions, &lock.python.tag);
    let root = unpack::image(cx, image)?;
    let imports = run(cx, root.path(), &lock.python.interpreter, env, wanted)?;
    // A machine that is busy or short of memory today may not be tomorrow.
    let of_today = |import: &Import| match &import.outcome {
        Outcome::TooLong => true,
        Outcome::Died(why) => why.starts_with(KILLED),
        Outcome::Told(_) => false,
    };
    if !imports.iter().any(of_today) {
        cx.store.put_result(KIND, &key, &imports)?;
    }
    Ok(imports)
}

fn key(image: &Image, lock: &Lock, env: &BTreeMap<String, String>) -> Key {
    let mut key = KeyBuilder::new(FORMAT);
    key.field("worker", WORKER)
        .field("interpreter", &lock.python.interpreter)
        .field("tag", &lock.python.tag);
    key.list("parts", image.parts().map(|part| part.diff_id.0));
    for (name, value) in env {
        key.field(name, value);
    }
    key.finish()
}

/// What is to be imported, each module once.
fn wanted(distributions: &[Distribution], python_tag: &str) -> Vec<Import> {
    let mut seen = BTreeSet::new();
    let mut wanted = Vec::new();
    let mut add = |distribution: &Distribution, module: String, top: bool| {
        if seen.insert(module.clone()) {
            wanted.push(Import {
                distribution: distribution.name.clone(),
                module,
                top,
                in_comfy: false,
                outcome: Outcome::TooLong,
            });
        }
    };
    for one in distributions {
        for module in modules::top(one, python_tag) {
            add(one, module, true);
        }
    }
    if python_tag.ends_with('t') {
        for one in distributions {
            for module in modules::extensions(one, python_tag) {
                add(one, module, false);
            }
        }
    }
    wanted
}

/// Runs all imports, as many at a time as the context has threads; the results are in their order.
pub(crate) fn run(
    cx: &Context,
    root: &Path,
    interpreter: &str,
    env: &BTreeMap<String, String>,
    wanted: Vec<Import>,
) -> Result<Vec<Import>> {
    let sandbox = sandbox(root, env);
    let comfy = root.join(COMFY);
    let task = ProgressTask::start(
        cx.progress.clone(),
        TaskKind::Check,
        format!("{} imports", wanted.len()),
        None,
    );
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(wanted.len()));
    let work = || -> Result<()> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(import) = wanted.get(at) else {
                return Ok(());
            };
            let name = format!("import {}", import.module);
            let task = ProgressTask::start(cx.progress.clone(), TaskKind::Check, name, None);
            let mut import = import.clone();
            import.outcome = one(&sandbox, interpreter, &import.module, &[])?;
            if is_of_comfy(&import.outcome, &comfy) {
                let folder = format!("/{COMFY}");
                import.outcome = one(&sandbox, interpreter, &import.module, &[&folder])?;
                import.in_comfy = true;
            }
            task.done();
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((at, import));
        }
    };
    let results: Vec<Result<()>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cx.threads()).map(|_| scope.spawn(work)).collect();
        let gone = || {
            let lost = layer::Error::Worker("importing the image's modules".to_owned());
            Err(Error::Layer(lost))
        };
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| gone()))
            .collect()
    });
    results.into_iter().collect::<Result<()>>()?;
    task.done();
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, import)| import).collect())
}

/// The image's environment, on a root that is not written to.
fn sandbox(root: &Path, env: &BTreeMap<String, String>) -> Sandbox {
    let mut sandbox = Sandbox::new(root).writable(false);
    for (name, value) in env {
        sandbox = sandbox.env(name, value);
    }
    // The one place that can be written to.
    sandbox
        .env("HOME", "/tmp")
        .env("PYTHONDONTWRITEBYTECODE", "1")
}

/// Whether what was missing is a module of ComfyUI.
fn is_of_comfy(outcome: &Outcome, comfy: &Path) -> bool {
    let Outcome::Told(told) = outcome else {
        return false;
    };
    let first = told
        .missing
        .as_deref()
        .and_then(|name| name.split('.').next());
    first
        .is_some_and(|name| comfy.join(name).is_dir() || comfy.join(format!("{name}.py")).is_file())
}

fn one(sandbox: &Sandbox, interpreter: &str, module: &str, folders: &[&str]) -> Result<Outcome> {
    let failed = |source| Error::Sandbox {
        program: interpreter.to_owned(),
        source,
    };
    // -P: the folder that it starts in is no place for modules.
    let mut arguments = vec!["-P", "-c", WORKER, module];
    arguments.extend(folders);
    let mut child = sandbox.spawn(interpreter, arguments).map_err(failed)?;
    child.close_stdin();
    let Some(mut stdout) = child.take_stdout() else {
        return Ok(Outcome::Died("it has no output".to_owned()));
    };
    let (send, receive) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        let _ = stdout.read_to_string(&mut text);
        let _ = send.send(text);
    });
    let text = receive.recv_timeout(PATIENCE);
    let Ok(text) = text else {
        child.kill().map_err(failed)?;
        // The pipe ended with the last process.
        let _ = reader.join();
        return Ok(Outcome::TooLong);
    };
    if let Ok(told) = serde_json::from_str(&text) {
        // What it started may hold it open; the answer is here.
        child.kill().map_err(failed)?;
        return Ok(Outcome::Told(told));
    }
    let words = child.stderr_tail();
    let last = words.lines().rev().find(|line| !line.trim().is_empty());
    let last = last
        .unwrap_or("no word on standard error")
        .trim()
        .to_owned();
    Ok(Outcome::Died(match child.wait() {
        Err(sandbox::Error::Failed { status, .. }) => match status.checked_sub(128) {
            Some(signal @ 1..) => format!("ended by signal {signal}: {last}"),
            _ => format!("ended with status {status}: {last}"),
        },
        Err(error) => return Err(failed(error)),
        Ok(()) => format!("ended early: {last}"),
    }))
}
