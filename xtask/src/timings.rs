//! What took how long in a build: every task with its beginning and its end, as JSON.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use store::{Progress, Task, TaskId};

use crate::progress::verb;

/// Tells another listener everything, and notes the times.
#[derive(Debug)]
pub struct Timings {
    listener: Arc<dyn Progress>,
    begun: Instant,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    running: HashMap<TaskId, Timed>,
    ended: Vec<Timed>,
}

/// A task that has ended. Times are in seconds since the build began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Timed {
    /// What kind of work: `fetching`, `compiling`, `configuring`, `building` …
    pub kind: String,
    /// What a person calls it.
    pub name: String,
    /// When it began.
    pub begin: f64,
    /// When it ended.
    pub end: f64,
    /// How many bytes it got through, where it tells.
    pub bytes: u64,
    /// Whether it was given up.
    #[serde(default)]
    pub given_up: bool,
}

/// All of a build.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Its tasks, in the order in which they ended.
    pub tasks: Vec<Timed>,
}

impl Timings {
    pub fn new(listener: Arc<dyn Progress>) -> Self {
        Self {
            listener,
            begun: Instant::now(),
            notes: Mutex::default(),
        }
    }

    /// Writes what has ended so far.
    pub fn write(&self, path: &Path) -> Result<()> {
        let tasks = self.notes().ended.clone();
        let report = Report {
            seconds: self.now(),
            tasks,
        };
        let json = serde_json::to_vec_pretty(&report)?;
        std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))
    }

    fn now(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Timings {
    fn start(&self, task: &Task) {
        let begin = self.now();
        let timed = Timed {
            kind: verb(task.kind).to_owned(),
            name: task.name.clone(),
            begin,
            end: begin,
            bytes: 0,
            given_up: false,
        };
        self.notes().running.insert(task.id, timed);
        self.listener.start(task);
    }

    fn advance(&self, id: TaskId, amount: u64) {
        if let Some(timed) = self.notes().running.get_mut(&id) {
            timed.bytes += amount;
        }
        self.listener.advance(id, amount);
    }

    fn finish(&self, id: TaskId, done: bool) {
        let end = self.now();
        let mut notes = self.notes();
        if let Some(timed) = notes.running.remove(&id) {
            notes.ended.push(Timed {
                end,
                given_up: !done,
                ..timed
            });
        }
        drop(notes);
        self.listener.finish(id, done);
    }

    fn warn(&self, message: &str) {
        self.listener.warn(message);
    }
}
