//! Progress on standard error: bars on a terminal, a line for each finished task elsewhere.

use std::{
    collections::HashMap,
    io::IsTerminal,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use store::{Progress, ProgressTask, Task, TaskId, TaskKind};

/// Tasks shorter than this are not worth a line.
const BRIEF: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Bars {
    terminal: bool,
    all: MultiProgress,
    running: Mutex<HashMap<TaskId, (Task, ProgressBar, Instant)>>,
}

impl Bars {
    pub fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            terminal,
            all: MultiProgress::new(),
            running: Mutex::default(),
        }
    }
}

/// The word for a kind of work.
pub fn verb(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Fetch => "fetching",
        TaskKind::Build => "building",
        TaskKind::Compile => "compiling",
        TaskKind::Configure => "configuring",
        TaskKind::Assemble => "writing",
        TaskKind::Ask => "asking",
        TaskKind::Check => "checking",
        TaskKind::Push => "pushing",
        _ => "working on",
    }
}

impl Progress for Bars {
    fn start(&self, task: &Task) {
        let bar = if self.terminal {
            let bar = match task.total {
                Some(total) => ProgressBar::new(total),
                None => ProgressBar::new_spinner(),
            };
            let form = if task.total.is_some() {
                "{prefix:>12} {msg:40!} {bar:25} {bytes:>10}/{total_bytes:10} {binary_bytes_per_sec}"
            } else {
                "{prefix:>12} {msg:40!} {spinner} {elapsed}"
            };
            if let Ok(style) = ProgressStyle::with_template(form) {
                bar.set_style(style);
            }
            bar.set_prefix(verb(task.kind));
            bar.set_message(task.name.clone());
            self.all.add(bar)
        } else {
            ProgressBar::hidden()
        };
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(task.id, (task.clone(), bar, Instant::now()));
    }

    fn advance(&self, id: TaskId, bytes: u64) {
        if let Some((_, bar, _)) = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
        {
            bar.inc(bytes);
        }
    }

    fn finish(&self, id: TaskId, done: bool) {
        let found = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
        let Some((task, bar, start)) = found else {
            return;
        };
        bar.finish_and_clear();
        self.all.remove(&bar);
        if !self.terminal && start.elapsed() >= BRIEF {
            let what = match (done, task.total) {
                (true, Some(total)) => format!(", {}", HumanBytes(total)),
                (true, None) => String::new(),
                (false, _) => ": given up".to_owned(),
            };
            eprintln!(
                "{:>12} {}{what}, {:.1} s",
                verb(task.kind),
                task.name,
                start.elapsed().as_secs_f64()
            );
        }
    }

    fn warn(&self, message: &str) {
        let line = format!("warning: {message}");
        if self.terminal && self.all.println(&line).is_ok() {
            return;
        }
        eprintln!("{line}");
    }
}

/// Runs `work`, which tells how many of `total` bytes it has written, under the name of what it writes.
pub fn writing<E>(
    name: String,
    total: u64,
    work: impl FnOnce(&dyn Fn(u64)) -> Result<(), E>,
) -> Result<(), E> {
    let bars = Arc::new(Bars::new());
    let task = ProgressTask::start(bars, TaskKind::Assemble, name, Some(total));
    work(&|bytes| task.advance(bytes))?;
    task.done();
    Ok(())
}
