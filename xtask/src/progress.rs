//! Progress on standard error: bars on a terminal, a line for each finished task elsewhere.

use std::{
    collections::HashMap,
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use store::{Progress, Task, TaskId, TaskKind};

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

fn verb(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Fetch => "fetching",
        TaskKind::Build => "building",
        TaskKind::Compile => "compiling",
        TaskKind::Configure => "configuring",
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

    fn finish(&self, id: TaskId) {
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
            let size = task
                .total
                .map(|total| format!(", {}", HumanBytes(total)))
                .unwrap_or_default();
            eprintln!(
                "{:>12} {}{size}, {:.1} s",
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
