//! The interpreter: what it needs to run, unpacked into a folder of the store, once. Debian's own needs
//! the packages of its closure; one out of an archive needs the C library beside it.

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use layer::Context;
use lock::{Artifact, Lock};
use sandbox::Sandbox;
use store::{Key, KeyBuilder};

use crate::{
    Error, Result,
    spread::spread,
    standalone,
    worker::{PROGRAM, Worker},
};

/// Version of how the root is made. Part of every bytecode's key.
const FORMAT: &str = "strata interpreter 1";
const TREE: &str = "interpreter";

/// The image's interpreter, ready to compile. Workers are started when they are first needed, at
/// most as many as the context has threads, and kept for as long as this value lives: one for all layers
/// of a context.
#[derive(Debug)]
pub struct Interpreter {
    key: Key,
    root: PathBuf,
    program: String,
    limit: usize,
    workers: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Worker>,
    started: usize,
}

/// The package that an interpreter out of an archive needs.
const LIBRARY: &str = "libc6";

/// What brings the interpreter.
pub(crate) enum Origin {
    /// This Debian package, with what it depends on.
    Debian(String),
    /// This archive.
    Archive(Artifact),
}

impl Origin {
    fn of(lock: &Lock) -> Result<Self> {
        if let Some(archive) = lock.python.artifact() {
            return Ok(Self::Archive(archive));
        }
        let program = &lock.python.interpreter;
        let package = program.rsplit('/').next().unwrap_or(program).to_owned();
        if !lock.debs.iter().any(|deb| deb.name == package) {
            return Err(Error::NoInterpreter {
                package,
                interpreter: program.clone(),
            });
        }
        Ok(Self::Debian(package))
    }

    /// The package whose closure is in the root.
    fn package(&self) -> &str {
        match self {
            Self::Debian(package) => package,
            Self::Archive(_) => LIBRARY,
        }
    }
}

/// What brings the interpreter, and the recipe key of its root.
pub(crate) fn identity(lock: &Lock) -> Result<(Origin, Key)> {
    let program = &lock.python.interpreter;
    let origin = Origin::of(lock)?;
    let mut key = KeyBuilder::new(FORMAT);
    key.field("interpreter", program).field("worker", PROGRAM);
    let debs = debian::closure(lock, &[origin.package()])?;
    key.list("debs", debs.iter().map(|deb| deb.sha256.0));
    if let Origin::Archive(archive) = &origin {
        standalone::add_to_key(&lock.python, archive, &mut key);
    }
    Ok((origin, key.finish()))
}

impl Interpreter {
    /// The interpreter of a lock: the context's, found in the store, or fetched and unpacked.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn from_lock(cx: &Context, lock: &Lock) -> Result<Arc<Self>> {
        let (origin, key) = identity(lock)?;
        cx.shared(key, || Self::unpacked(cx, lock, &origin, key))
    }

    fn unpacked(cx: &Context, lock: &Lock, origin: &Origin, key: Key) -> Result<Self> {
        let _once = cx.store.lock(TREE, &key)?;
        let root = match cx.store.tree(TREE, &key) {
            Some(root) => root,
            None => {
                let scratch = cx.store.scratch(TREE)?;
                if let Origin::Archive(archive) = origin {
                    let path = cx.fetcher.fetch(&cx.store, archive)?;
                    let tree = standalone::tree(&cx.store, &lock.python, archive, &path)?;
                    // First, while the folder is empty.
                    spread(&tree, scratch.path())?;
                }
                debian::unpack_closure(cx, lock, &[origin.package()], scratch.path())?;
                cx.store.commit_tree(TREE, &key, scratch)?
            }
        };
        Ok(Self {
            key,
            root,
            program: lock.python.interpreter.clone(),
            limit: cx.threads(),
            workers: Mutex::default(),
            returned: Condvar::new(),
        })
    }

    /// The key that bytecode depends on beside its source.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The folder that it is unpacked in, as a root.
    pub fn root(&self) -> &std::path::Path {
        &self.root
    }

    /// How many workers there are at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Runs `work` with a worker of its own. Waits for one, for as long as one is `wanted`: when none is any
    /// more, `work` is not run, and that is no error.
    pub(crate) fn with_worker(
        &self,
        wanted: impl Fn() -> bool,
        work: impl FnOnce(&mut Worker) -> Result<()>,
    ) -> Result<()> {
        let mut pool = self.pool();
        let idle = loop {
            if !wanted() {
                return Ok(());
            }
            if let Some(worker) = pool.idle.pop() {
                break Some(worker);
            }
            if pool.started < self.limit {
                pool.started += 1;
                break None;
            }
            pool = self
                .returned
                .wait(pool)
                .unwrap_or_else(PoisonError::into_inner);
        };
        drop(pool);
        let mut place = Place {
            interpreter: self,
            worker: None,
        };
        let mut worker = match idle {
            Some(worker) => worker,
            None => {
                let sandbox = Sandbox::new(&self.root).writable(false);
                Worker::start(&sandbox, &self.program)?
            }
        };
        work(&mut worker)?;
        place.worker = Some(worker);
        Ok(())
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those that work at once. Gives it back however the work ends; the worker too, where the work
/// was done: one that failed may hold half an answer, and is not used again.
struct Place<'i> {
    interpreter: &'i Interpreter,
    worker: Option<Worker>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut pool = self.interpreter.pool();
        match self.worker.take() {
            Some(worker) => pool.idle.push(worker),
            None => pool.started -= 1,
        }
        // All: some may find that none is wanted any more.
        self.interpreter.returned.notify_all();
    }
}
