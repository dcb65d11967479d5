//! What a long piece of work tells about itself: a trait to listen with, and a guard that reports
//! one task from its start to its end. How it is shown is the listener's business.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The identity of a task, unique in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// What kind of work a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskKind {
    /// A download.
    Fetch,
    /// A part of a layer.
    Build,
    /// Python bytecode.
    Compile,
    /// Debian packages' scripts.
    Configure,
    /// An image from its layers.
    Assemble,
    /// Questions to an index.
    Ask,
    /// A look into a finished image.
    Check,
    /// An upload to a registry.
    Push,
}

/// A piece of work that takes a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its identity.
    pub id: TaskId,
    /// What kind of work it is.
    pub kind: TaskKind,
    /// What a person calls it.
    pub name: String,
    /// How much there is to do, in the unit of [`Progress::advance`], where it is known.
    pub total: Option<u64>,
}

/// Who hears of progress and warnings. Called from many threads.
pub trait Progress: Send + Sync + fmt::Debug {
    /// A task begins.
    fn start(&self, task: &Task) {
        let _ = task;
    }

    /// A task got further by `amount` (bytes, for downloads and parts).
    fn advance(&self, id: TaskId, amount: u64) {
        let _ = (id, amount);
    }

    /// A task has ended: it is done, or it failed or was given up.
    fn finish(&self, id: TaskId, done: bool) {
        let _ = (id, done);
    }

    /// Something that the user should know, and that stops nothing.
    fn warn(&self, message: &str) {
        let _ = message;
    }
}

/// Hears everything and says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {}

/// A task that is under way: it starts when it is made and ends with [`ProgressTask::done`]. One
/// that is dropped before that has failed.
#[derive(Debug)]
pub struct ProgressTask {
    progress: Arc<dyn Progress>,
    id: TaskId,
    done: bool,
}

impl ProgressTask {
    /// Starts a task and tells `progress` of it.
    pub fn start(
        progress: Arc<dyn Progress>,
        kind: TaskKind,
        name: impl Into<String>,
        total: Option<u64>,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = TaskId(NEXT.fetch_add(1, Ordering::Relaxed));
        progress.start(&Task {
            id,
            kind,
            name: name.into(),
            total,
        });
        Self {
            progress,
            id,
            done: false,
        }
    }

    /// The task's identity.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Reports that the task got further by `amount`.
    pub fn advance(&self, amount: u64) {
        self.progress.advance(self.id, amount);
    }

    /// Reports that the task is done.
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Drop for ProgressTask {
    fn drop(&mut self) {
        self.progress.finish(self.id, self.done);
    }
}
