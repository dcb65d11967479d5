//! A program that is measured: how long it takes, and how much memory it and all that it starts have at
//! most.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// How often all processes' memory is looked at. Looking takes the processor's time, too.
const LOOK: Duration = Duration::from_millis(300);
/// How often the most that the first process had is asked for, which costs next to nothing.
const GLANCE: Duration = Duration::from_millis(10);

/// What a run came to.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Wall time, in seconds.
    pub seconds: f64,
    /// The most memory of all its processes together, in bytes: the sum of their proportional set sizes,
    /// so that shared pages count once; or the most that the first process had by itself, where that is more.
    pub memory: u64,
}

/// Runs a program to its end; its output goes nowhere, unless it fails.
pub fn measure(command: &mut Command) -> Result<Run> {
    let shown = format!("{command:?}");
    let mut log = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?);
    let begun = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {shown}"))?;
    let id = child.id();
    // The waiting thread takes the time, so that looking does not lengthen it.
    let waiting = thread::spawn(move || child.wait().map(|status| (status, begun.elapsed())));
    let mut memory = 0;
    while !waiting.is_finished() {
        memory = memory.max(memory_below(id));
        let next = Instant::now() + LOOK;
        while !waiting.is_finished() && Instant::now() < next {
            memory = memory.max(high_water(id));
            thread::sleep(GLANCE);
        }
    }
    let (status, took) = waiting
        .join()
        .map_err(|_| anyhow::anyhow!("waiting for {shown}"))??;
    if !status.success() {
        use std::io::{Read, Seek};
        let mut said = String::new();
        log.rewind()?;
        log.read_to_string(&mut said)?;
        let tail: Vec<&str> = said.lines().rev().take(12).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        bail!("{shown}: {status}\n{}", tail.join("\n"));
    }
    Ok(Run {
        seconds: took.as_secs_f64(),
        memory,
    })
}

/// Waits until all that was written is on the disk, as a part of what is measured: gives the whole.
pub fn to_disk(run: Run) -> Result<Run> {
    let seconds = run.seconds + sync()?.seconds;
    Ok(Run { seconds, ..run })
}

/// Writes out what is in memory: before a measurement, so that it is not written at its expense.
pub fn sync() -> Result<Run> {
    measure(&mut Command::new("sync"))
}

/// Runs it outside of any measurement.
pub fn quietly(command: &mut Command) -> Result<()> {
    measure(command).map(drop)
}

/// Whether a program of this name answers.
pub fn exists(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The most that the process had in memory until now, as the kernel keeps it.
fn high_water(id: u32) -> u64 {
    field(&format!("/proc/{id}/status"), "VmHWM:")
}

/// A size that a file of `/proc` gives in kB, in bytes; 0 where the process is gone.
fn field(path: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let kilobytes = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

fn memory_below(id: u32) -> u64 {
    let own = field(&format!("/proc/{id}/smaps_rollup"), "Pss:");
    let tasks = std::fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let below: u64 = tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|children| {
            let ids: Vec<u32> = children
                .split_whitespace()
                .filter_map(|id| id.parse().ok())
                .collect();
            ids
        })
        .map(memory_below)
        .sum();
    own + below
}
