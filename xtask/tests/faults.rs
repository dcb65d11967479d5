//! What goes wrong from outside: damaged downloads, servers that fail, kills, a full disk, two builds
//! at once. Each gives one clear error or heals, and the store still makes the right image.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod common;
#[allow(dead_code)]
#[path = "../../crates/store/tests/server/mod.rs"]
mod server;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{
    digest, download, failure, forget_parts, image, scratch, small_lock, store, write_lock,
};
use lock::{Lock, Wheel};
use server::{Answer, Request, Server};

/// A store with an image in it.
struct Built {
    folder: tempfile::TempDir,
    lock: Lock,
    path: PathBuf,
    store: PathBuf,
    digest: String,
}

fn built() -> Option<Built> {
    let folder = scratch();
    let lock = small_lock();
    let path = write_lock(&lock, folder.path());
    let store = store(&lock, &folder.path().join("store"))?;
    let digest = digest(&image(&path, &store).arg("--offline").output().unwrap());
    Some(Built {
        folder,
        lock,
        path,
        store,
        digest,
    })
}

impl Built {
    fn wheel(&self) -> &Wheel {
        self.lock
            .wheels
            .iter()
            .find(|wheel| wheel.name == "packaging")
            .unwrap()
    }

    fn wheel_path(&self) -> PathBuf {
        download(&self.store, &self.wheel().sha256)
    }
}

/// What the server does with the wheel's file; its index page is always good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Good,
    Flipped,
    Cut,
    Gone,
    Broken,
}

#[test]
fn bad_downloads_are_told_and_leave_a_store_that_works() {
    let Some(built) = built() else { return };
    let wheel = built.wheel().clone();
    let bytes = fs::read(built.wheel_path()).unwrap();
    let mood = Arc::new(Mutex::new(Mood::Good));
    let (filename, now) = (wheel.filename.clone(), mood.clone());
    let good = bytes.clone();
    let server = Server::start(move |request: &Request| {
        if !request.path.ends_with(".whl") {
            let page = format!("<a href=\"/files/{filename}\">{filename}</a>");
            return Answer::ok(page).header("Content-Type", "text/html");
        }
        match *now.lock().unwrap() {
            Mood::Good => Answer::file(request, &good),
            Mood::Flipped => {
                let mut bad = good.clone();
                bad[1000] ^= 1;
                Answer::file(request, &bad)
            }
            Mood::Cut => Answer::file(request, &good[..good.len() / 2]),
            Mood::Gone => Answer::new("404 Not Found", "no"),
            Mood::Broken => Answer::new("500 Internal Server Error", "no"),
        }
    });
    let index = server.url("/simple/");
    let run = || {
        forget_parts(&built.store);
        image(&built.path, &built.store)
            .env("STRATA_PYTHON_INDEX", &index)
            .output()
            .unwrap()
    };
    for bad in [Mood::Flipped, Mood::Cut, Mood::Gone, Mood::Broken] {
        fs::remove_file(built.wheel_path()).unwrap();
        *mood.lock().unwrap() = bad;
        let error = failure(&run());
        assert!(error.contains("packaging"), "{bad:?}: {error}");
        let told = match bad {
            Mood::Flipped => vec!["sha256", &wheel.filename],
            Mood::Gone => vec!["404"],
            Mood::Broken => vec!["500"],
            _ => vec!["bytes"],
        };
        assert!(
            told.iter().all(|word| error.contains(word)),
            "{bad:?}: {error}"
        );
        *mood.lock().unwrap() = Mood::Good;
        assert_eq!(digest(&run()), built.digest, "after {bad:?}");
    }
    // In the store itself: named once, with what was expected and found, and fetched anew after that.
    for damage in ["flipped", "cut"] {
        let mut bad = bytes.clone();
        match damage {
            "flipped" => bad[1000] ^= 1,
            _ => bad.truncate(bytes.len() / 2),
        }
        fs::write(built.wheel_path(), bad).unwrap();
        let error = failure(&run());
        assert!(
            error.contains("packaging") && error.contains("expected"),
            "{damage}: {error}"
        );
        assert_eq!(digest(&run()), built.digest, "after {damage}");
    }
}

#[test]
fn nothing_may_be_fetched_offline() {
    let folder = scratch();
    let lock = small_lock();
    let path = write_lock(&lock, folder.path());
    let output = image(&path, &folder.path().join("empty"))
        .arg("--offline")
        .output()
        .unwrap();
    let error = failure(&output);
    assert!(
        error.contains("--offline") || error.contains("offline"),
        "{error}"
    );
}

#[test]
fn kills_leave_a_store_that_works() {
    let Some(built) = built() else { return };
    // A generator of one's own: the moments are the same in every run, and printed.
    let mut seed: u64 = 0x5eed;
    for round in 0..20 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_millis(20 + (seed >> 33) % 1500);
        println!("round {round}: killed after {moment:?}");
        forget_parts(&built.store);
        if round % 4 == 0 {
            for kind in ["trees", "files"] {
                let _ = fs::remove_dir_all(built.store.join(kind));
            }
        }
        let mut child = image(&built.path, &built.store)
            .arg("--offline")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(moment);
        let _ = child.kill();
        child.wait().unwrap();
    }
    let output = image(&built.path, &built.store)
        .arg("--offline")
        .output()
        .unwrap();
    assert_eq!(digest(&output), built.digest);
    let left = fs::read_dir(built.store.join("tmp")).unwrap().count();
    assert_eq!(left, 0, "in the store's tmp");
    drop(built.folder);
}

#[test]
fn two_builds_at_once_on_one_store() {
    let folder = scratch();
    let lock = small_lock();
    let one = write_lock(&lock, &folder.path().join("one"));
    let two = write_lock(&lock, &folder.path().join("two"));
    let Some(store) = store(&lock, &folder.path().join("store")) else {
        return;
    };
    let start = |path: &Path| {
        let mut command = image(path, &store);
        command
            .arg("--offline")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let (first, second) = (start(&one), start(&two));
    let first = digest(&first.wait_with_output().unwrap());
    assert_eq!(digest(&second.wait_with_output().unwrap()), first);
}

#[test]
fn a_full_disk_is_told_and_more_room_is_enough() {
    let folder = scratch();
    let lock = small_lock();
    let path = write_lock(&lock, folder.path());
    let disk = Disk(folder.path().join("disk"));
    fs::create_dir(&disk.0).unwrap();
    let bytes: u64 = lock.artifacts().iter().map(|artifact| artifact.size).sum();
    // The downloads fit, and little more.
    if !disk.mount(&format!("size={}", bytes + (24 << 20))) {
        println!("skipped: no file system can be mounted here (that takes root)");
        return;
    }
    let Some(store) = store(&lock, &disk.0.join("store")) else {
        return;
    };
    let run = || image(&path, &store).arg("--offline").output().unwrap();
    let error = failure(&run());
    assert!(
        error.contains("space") || error.contains("room") || error.contains("free"),
        "{error}"
    );
    assert!(disk.mount("remount,size=2g"));
    let full = digest(&run());
    forget_parts(&store);
    assert_eq!(digest(&run()), full);
}

/// A small file system in memory.
struct Disk(PathBuf);

impl Disk {
    fn mount(&self, options: &str) -> bool {
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&self.0);
        command
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg(&self.0)
            .stderr(Stdio::null())
            .status();
    }
}
