//! Bytecode is made by a few interpreters that live as long as the build, whatever the number of layers.

use std::{fs, process::Stdio, thread, time::Duration};

use crate::{
    program::{digest, image},
    small_lock::write_lock,
    stores::{reference, scratch},
};

#[test]
fn all_layers_share_the_interpreters() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let lock = write_lock(&folder.path().join("here"));
    let store = reference.copy_downloads(&folder.path().join("store"));
    let mut command = image(&lock, &store);
    command.arg("--offline").env("RAYON_NUM_THREADS", "1");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let build = command.spawn().unwrap();
    let id = build.id();
    let ended = thread::spawn(|| build.wait_with_output().unwrap());
    let mut most = 0;
    while !ended.is_finished() {
        most = most.max(compiling(id));
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(digest(&ended.join().unwrap()), reference.digest);
    if fs::read_to_string("/proc/thread-self/children").is_err() {
        println!("skipped: this kernel does not list a process's children");
        return;
    }
    // One for each thread; four layers have wheels.
    assert_eq!(most, 1);
}

/// How many interpreters that compile are below a process.
fn compiling(id: u32) -> usize {
    let tasks = fs::read_dir(format!("/proc/{id}/task"));
    let children = tasks
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let below: Vec<u32> = children
        .flat_map(|ids| {
            let ids = ids.split_whitespace().filter_map(|id| id.parse().ok());
            ids.collect::<Vec<_>>()
        })
        .collect();
    let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line);
    let is_one = line.starts_with("/usr/bin/python3") && line.contains("Compiles modules");
    usize::from(is_one) + below.into_iter().map(compiling).sum::<usize>()
}
