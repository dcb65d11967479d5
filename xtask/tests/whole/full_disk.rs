//! A full disk, at whatever moment it becomes full: one error that says so and where, and more room is
//! enough.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{
    program::{digest, failure, image_from},
    skipped,
    small_lock::write_lock,
    stores::{reference, scratch},
};

/// Sizes in MiB: too small for the downloads, for the sum of all, for the unpacked interpreter and
/// the configured system at several moments; and enough.
const SIZES: [u32; 7] = [16, 64, 100, 140, 200, 300, 2000];

#[test]
fn a_full_disk_is_told_and_more_room_is_enough() {
    let folder = scratch();
    let disk = Disk(folder.path().join("disk"));
    fs::create_dir(&disk.0).unwrap();
    if !disk.mount(&format!("size={}m", SIZES[0])) {
        skipped("a full disk: no file system can be mounted here (that takes root)");
        return;
    }
    let Some(reference) = reference() else { return };
    let lock = write_lock(folder.path());
    let store = disk.0.join("store");
    let mirror = reference.mirror();
    let mut full = 0;
    for size in SIZES {
        assert!(disk.mount(&format!("remount,size={size}m")));
        let output = image_from(&lock, &store, &mirror).output().unwrap();
        if output.status.success() {
            assert_eq!(digest(&output), reference.digest);
            break;
        }
        let error = failure(&output);
        println!("{size} MiB: {error}");
        assert!(
            error.contains("No space left on device") || error.contains("bytes are free"),
            "{size} MiB: {error}"
        );
        let place = disk.0.to_str().unwrap();
        assert!(error.contains(place), "{size} MiB, where: {error}");
        assert!(error.contains("hint: free some"), "{size} MiB: {error}");
        full += 1;
    }
    assert!((3..SIZES.len()).contains(&full), "full {full} times");
}

/// A small file system in memory.
struct Disk(PathBuf);

impl Disk {
    fn mount(&self, options: &str) -> bool {
        let mut command = Command::new("mount");
        command
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&self.0)
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut command = Command::new("umount");
        let _ = command.arg(&self.0).stderr(Stdio::null()).status();
    }
}
