//! What was found: rows for the table, series for the plots, as JSON, Markdown and SVG.

use std::{fmt::Write, fs, path::Path};

use anyhow::Result;
use serde::Serialize;

use super::plot;

/// All figures of a run.
#[derive(Debug, Serialize)]
pub struct Figures {
    machine: Machine,
    rows: Vec<Row>,
    notes: Vec<String>,
    stages: Vec<plot::Stages>,
    scaling: Vec<plot::Series>,
}

#[derive(Debug, Serialize)]
struct Machine {
    processor: String,
    threads: usize,
    memory_gb: u64,
}

/// One figure, beside what it is measured against.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// What it came to, with its unit.
    pub ours: String,
    /// What it is held against, and what that came to.
    pub against: String,
    /// The ratio, or the figure itself where there is none.
    pub ratio: f64,
    /// What is wanted: at most, or at least.
    pub wanted: Wanted,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    AtMost(f64),
    AtLeast(f64),
    Nothing,
}

impl Wanted {
    fn shown(self, found: f64) -> String {
        let (word, limit, met) = match self {
            Self::AtMost(limit) => ("≤", limit, found <= limit),
            Self::AtLeast(limit) => ("≥", limit, found >= limit),
            Self::Nothing => return String::new(),
        };
        format!("{word} {limit}: {}", if met { "met" } else { "not met" })
    }
}

impl Figures {
    pub fn new() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_once(':'));
            value.map(|(_, value)| value.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let kilobytes = memory
            .split_whitespace()
            .next()
            .and_then(|number| number.parse::<u64>().ok());
        Self {
            machine: Machine {
                processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
                threads: std::thread::available_parallelism().map_or(1, usize::from),
                memory_gb: kilobytes.unwrap_or_default() / 1_000_000,
            },
            rows: Vec::new(),
            notes: Vec::new(),
            stages: Vec::new(),
            scaling: Vec::new(),
        }
    }

    pub fn row(&mut self, row: Row) {
        eprintln!(
            "   {}: {} against {}: {:.3} {}",
            row.what,
            row.ours,
            row.against,
            row.ratio,
            row.wanted.shown(row.ratio)
        );
        self.rows.push(row);
    }

    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        eprintln!("   {note}");
        self.notes.push(note);
    }

    pub fn stages(&mut self, stages: plot::Stages) {
        self.stages.push(stages);
    }

    pub fn scaling(&mut self, series: plot::Series) {
        self.scaling.push(series);
    }

    /// The table, and what there is to say about it.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "{}, {} threads, {} GB of memory\n\n| what | ours | against | ratio | wanted |\n\
             |---|---|---|---|---|\n",
            self.machine.processor, self.machine.threads, self.machine.memory_gb
        );
        for row in &self.rows {
            let wanted = row.wanted.shown(row.ratio);
            let Row {
                what,
                ours,
                against,
                ratio,
                ..
            } = row;
            let _ = writeln!(
                text,
                "| {what} | {ours} | {against} | {ratio:.2} | {wanted} |"
            );
        }
        text.push('\n');
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        text
    }

    /// Writes all forms into a folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::write(
            folder.join("figures.json"),
            serde_json::to_vec_pretty(self)?,
        )?;
        fs::write(folder.join("figures.md"), self.markdown())?;
        if !self.stages.is_empty() {
            fs::write(folder.join("stages.svg"), plot::stages(&self.stages))?;
        }
        if !self.scaling.is_empty() {
            fs::write(folder.join("scaling.svg"), plot::scaling(&self.scaling))?;
        }
        Ok(())
    }
}

/// Seconds, as the table shows them.
pub fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1000.0)
    } else {
        format!("{seconds:.1} s")
    }
}

/// Megabytes, as the table shows them.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}
