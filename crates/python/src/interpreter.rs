//! The interpreter: the Debian packages that it needs, unpacked into a folder of the store, once.

use std::{
    path::PathBuf,
    sync::{Condvar, Mutex, PoisonError},
};

use layer::Context;
use lock::Lock;
use sandbox::Sandbox;
use store::{Key, KeyBuilder};

use crate::{
    Error, Result,
    worker::{PROGRAM, Worker},
};

/// Version of how the root is made. Part of every bytecode's key.
const FORMAT: &str = "strata interpreter 1";
const TREE: &str = "interpreter";

/// The image's interpreter, ready to compile. Workers are started when they are first needed, at
/// most as many as the context has threads, and kept for as long as this value lives.
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

/// The Debian package that brings the interpreter, and the recipe key of its root.
pub(crate) fn identity(lock: &Lock) -> Result<(String, Key)> {
    let program = &lock.python.interpreter;
    let package = program.rsplit('/').next().unwrap_or(program).to_owned();
    if !lock.debs.iter().any(|deb| deb.name == package) {
        return Err(Error::NoInterpreter {
            package,
            interpreter: program.clone(),
        });
    }
    let mut key = KeyBuilder::new(FORMAT);
    key.field("interpreter", program).field("worker", PROGRAM);
    let debs = debian::closure(lock, &[&package])?;
    key.list("debs", debs.iter().map(|deb| deb.sha256.0));
    Ok((package, key.finish()))
}

impl Interpreter {
    /// The interpreter of a lock: found in the store, or fetched and unpacked.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn from_lock(cx: &Context, lock: &Lock) -> Result<Self> {
        let (package, key) = identity(lock)?;
        let _once = cx.store.lock(TREE, &key)?;
        let root = match cx.store.tree(TREE, &key) {
            Some(root) => root,
            None => {
                let scratch = cx.store.scratch(TREE)?;
                debian::unpack_closure(cx, lock, &[&package], scratch.path())?;
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

    /// How many workers there are at most.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Runs `work` with a worker of its own.
    pub(crate) fn with_worker<R>(&self, work: impl FnOnce(&mut Worker) -> Result<R>) -> Result<R> {
        let mut pool = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut worker = loop {
            if let Some(worker) = pool.idle.pop() {
                drop(pool);
                break worker;
            }
            if pool.started < self.limit {
                pool.started += 1;
                drop(pool);
                let sandbox = Sandbox::new(&self.root).writable(false);
                match Worker::start(&sandbox, &self.program) {
                    Ok(worker) => break worker,
                    Err(error) => {
                        self.give_back(None);
                        return Err(error);
                    }
                }
            }
            pool = self
                .returned
                .wait(pool)
                .unwrap_or_else(PoisonError::into_inner);
        };
        let result = work(&mut worker);
        // A worker that failed may hold half an answer: it is not used again.
        self.give_back(result.is_ok().then_some(worker));
        result
    }

    fn give_back(&self, worker: Option<Worker>) {
        let mut pool = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        match worker {
            Some(worker) => pool.idle.push(worker),
            None => pool.started -= 1,
        }
        self.returned.notify_one();
    }
}
