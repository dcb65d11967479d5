//! Programs end with what started them, and not before. A program holds a fifo open; that the fifo
//! ends is how the test knows that the program did.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Root, possible, programs_of_the_host};
use fs_err as fs;

/// Opens the fifo, in the background too, and stays.
const HOLD: &str = "exec 3>/run/hold/fifo; echo up >&3; setsid sleep infinity & sleep infinity";

/// Where the helper below finds its root folder and the fifo's folder.
const HELPER: &str = "STRATA_SANDBOX_TEST_HELPER";

fn folder_with_fifo() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mode, kind) = (
        rustix::fs::Mode::from_raw_mode(0o600),
        rustix::fs::FileType::Fifo,
    );
    rustix::fs::mknodat(rustix::fs::CWD, dir.path().join("fifo"), kind, mode, 0).unwrap();
    dir
}

/// Waits until the program holds the fifo.
fn up(dir: &Path) -> impl Read {
    let mut reader = BufReader::new(fs::File::open(dir.join("fifo")).unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    reader
}

/// Waits until nobody holds it.
fn gone(mut held: impl Read) {
    let mut rest = Vec::new();
    held.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
}

#[test]
fn dropping_kills_all_of_it() {
    if !possible() {
        return;
    }
    let (root, dir) = (Root::new(), folder_with_fifo());
    let sandbox = root.sandbox().bind(dir.path(), "/run/hold");
    let child = sandbox.spawn("sh", ["-c", HOLD]).unwrap();
    let held = up(dir.path());
    drop(child);
    gone(held);

    let child = sandbox.spawn("sh", ["-c", HOLD]).unwrap();
    let held = up(dir.path());
    child.kill().unwrap();
    gone(held);
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    if !possible() {
        return;
    }
    let (root, dir) = (Root::new(), folder_with_fifo());
    let sandbox = root.sandbox().bind(dir.path(), "/run/hold");
    let script = "exec 3>/run/hold/fifo; echo up >&3; setsid sleep infinity & exit 0";
    let child = sandbox.spawn("sh", ["-c", script]).unwrap();
    let held = up(dir.path());
    child.wait().unwrap();
    gone(held);
}

#[test]
fn the_end_of_the_starting_thread_is_not_its_end() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let sandbox = root.sandbox();
    let mut child = std::thread::spawn(move || sandbox.spawn("cat", [""; 0]))
        .join()
        .unwrap()
        .unwrap();
    let mut stdout = child.take_stdout().unwrap();
    child.stdin().unwrap().write_all(b"still here").unwrap();
    child.close_stdin();
    let mut text = String::new();
    stdout.read_to_string(&mut text).unwrap();
    assert_eq!(text, "still here");
    child.wait().unwrap();
}

#[test]
fn a_killed_parent_takes_it_along() {
    if !possible() {
        return;
    }
    let (root, dir) = (Root::new(), folder_with_fifo());
    // If this fails, the helper would too, and nobody would open the fifo.
    root.sandbox().run("true", [""; 0], b"").unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper", "--ignored", "--nocapture"])
        .env(
            HELPER,
            format!("{}\n{}", root.path().display(), dir.path().display()),
        )
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let held = up(dir.path());
    // SIGKILL: nothing of the parent's can run any more.
    parent.kill().unwrap();
    gone(held);
    parent.wait().unwrap();
}

#[test]
#[ignore = "started by another test, which kills it"]
fn helper() {
    let Ok(folders) = std::env::var(HELPER) else {
        return;
    };
    let (root, dir) = folders.split_once('\n').unwrap();
    let sandbox = programs_of_the_host(Path::new(root)).bind(dir, "/run/hold");
    sandbox.run("sh", ["-c", HOLD], b"").unwrap();
}
