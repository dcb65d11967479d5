//! Builds that are killed at any moment leave a store that works, nothing in its `tmp`, and no process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use crate::{
    program::{digest, image_from},
    small_lock::write_lock,
    stores::{forget, reference, scratch},
};

const ROUNDS: u64 = 20;

/// Moments are below this: about what a build from nothing takes where this was written. Which work
/// they hit is a matter of the machine; that a build is right afterwards is not.
const LONGEST: u64 = 8_000;

#[test]
fn kills_leave_a_store_that_works() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let lock = write_lock(folder.path());
    let store = folder.path().join("store");
    let mirror = reference.mirror();
    let mut seed: u64 = 0x5eed;
    println!("seed {seed:#x}");
    let mut killed = 0;
    for round in 0..ROUNDS {
        // Knuth's MMIX generator. Squared: early moments are more likely, and cheaper.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let share = (seed >> 33) % 1000;
        let moment = Duration::from_millis(share * share * LONGEST / 1_000_000);
        // What earlier rounds have made stays, but now and then.
        match round % 5 {
            0 => forget(&store, &["downloads", "results", "trees", "files", "blobs"]),
            2 => forget(&store, &["results/part"]),
            4 => forget(&store, &["results", "trees"]),
            _ => {}
        }
        let mut build = image_from(&lock, &store, &mirror);
        build.stdout(Stdio::null()).stderr(Stdio::null());
        let mut build = build.spawn().unwrap();
        thread::sleep(moment);
        let was_running = build.try_wait().unwrap().is_none();
        build.kill().unwrap();
        build.wait().unwrap();
        killed += u64::from(was_running);
        println!("round {round}: after {moment:?}, running: {was_running}");
    }
    assert!(killed > 0, "no round killed anything");
    wait_until_nothing_runs_in(&store);

    let output = image_from(&lock, &store, &mirror).output().unwrap();
    assert_eq!(digest(&output), reference.digest);
    for kept_empty in ["tmp", "downloads/partial"] {
        let left: Vec<PathBuf> = fs::read_dir(store.join(kept_empty))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
    // What the killed builds have left behind is not taken for more than it is.
    let output = image_from(&lock, &store, &mirror)
        .args(["--offline", "--no-reuse"])
        .output()
        .unwrap();
    assert_eq!(digest(&output), reference.digest);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("not reproducible"), "{errors}");
}

/// Programs of the image end with the build that started them. The kernel needs a moment for that.
fn wait_until_nothing_runs_in(store: &Path) {
    let store = store.canonicalize().unwrap();
    let inside = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let roots = processes.filter_map(|process| fs::read_link(process.path().join("root")).ok());
        roots.filter(|root| root.starts_with(&store)).count()
    };
    let start = Instant::now();
    while inside() > 0 {
        assert!(start.elapsed() < Duration::from_secs(120), "still running");
        thread::sleep(Duration::from_millis(100));
    }
}
