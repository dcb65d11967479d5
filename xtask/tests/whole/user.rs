//! An ordinary user makes the image that root makes.
//!
//! As root, the test runs the program as another user, who has subordinate ids in a mount namespace
//! alone: nothing on the machine is changed.

use std::{
    fs,
    os::unix::fs::chown,
    path::Path,
    process::{Command, Output},
};

use crate::{
    program::{digest, image},
    skipped,
    small_lock::write_lock,
    stores::{is_root, reference, scratch},
};

/// A user that is on no machine: number, and the first of the subordinate ids.
const USER: (u32, u32) = (54_321, 600_000);

/// `$1` is the folder that the user sees as /mnt, `$2` the number, the rest the program.
const AS_USER: &str = r#"set -e
here=$1 user=$2
shift 2
for file in passwd subuid subgid; do mount --bind "$here/$file" "/etc/$file"; done
mount --bind "$here" /mnt
cd /mnt
exec setpriv --reuid="$user" --regid="$user" --clear-groups "$@""#;

#[test]
fn an_ordinary_user_makes_the_same_image() {
    let Some(reference) = reference() else { return };
    if !is_root() {
        // The reference itself is an ordinary user's then.
        skipped("an ordinary user beside root: this is not root");
        return;
    }
    let folder = scratch();
    let here = folder.path();
    let (user, first) = USER;
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line = format!("strata-test:x:{user}:{user}::/mnt:/bin/sh\n");
    fs::write(here.join("passwd"), format!("{passwd}{line}")).unwrap();
    for file in ["subuid", "subgid"] {
        fs::write(here.join(file), format!("strata-test:{first}:65536\n")).unwrap();
    }
    fs::copy(env!("CARGO_BIN_EXE_xtask"), here.join("xtask")).unwrap();
    write_lock(here);
    reference.copy_downloads(&here.join("store"));
    own(here, user);

    let run = |program: &Command| -> Output {
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            AS_USER,
            "sh",
        ]);
        command.arg(here).arg(user.to_string());
        command.arg(program.get_program()).args(program.get_args());
        command.output().unwrap()
    };
    let probe = run(Command::new("unshare").args(["--user", "true"]));
    if !probe.status.success() || Command::new("newuidmap").output().is_err() {
        let why = String::from_utf8_lossy(&probe.stderr);
        skipped(&format!(
            "an ordinary user: this takes mounts, user namespaces and newuidmap: {why}"
        ));
        return;
    }
    let mut program = Command::new("env");
    let build = image(Path::new("/mnt/small.lock"), Path::new("/mnt/store"));
    program
        .args(["HOME=/mnt", "/mnt/xtask"])
        .args(build.get_args());
    program.arg("--offline");
    assert_eq!(digest(&run(&program)), reference.digest);
}

/// Gives a folder and all that is in it to a user.
fn own(path: &Path, user: u32) {
    chown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path(), user);
        }
    }
}
