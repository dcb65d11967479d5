//! One lock, one digest: other folder, umask, time zone, locale, threads, user, cache.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod common;

use std::process::Command;

use common::{digest, image, scratch, small_lock, store, write_lock};

#[test]
fn one_lock_one_digest() {
    let folder = scratch();
    let lock = small_lock();
    let here = write_lock(&lock, &folder.path().join("one"));
    let there = write_lock(&lock, &folder.path().join("another folder/deeper"));
    let Some(first) = store(&lock, &folder.path().join("store-1")) else {
        return;
    };
    let second = store(&lock, &folder.path().join("store-2")).unwrap();

    let expected = digest(
        &image(&here, &first)
            .args(["--offline"])
            .env("RAYON_NUM_THREADS", "2")
            .output()
            .unwrap(),
    );
    // Another store and folder, everything else different that can be.
    let program = image(&there, &second);
    let mut strange = Command::new("sh");
    strange.args(["-c", "umask 077; exec \"$0\" \"$@\""]);
    strange.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => strange.env(name, value),
            None => strange.env_remove(name),
        };
    }
    strange
        .arg("--offline")
        .env("TZ", "Pacific/Kiritimati")
        .env("LANG", "tr_TR.UTF-8")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("PYTHONHASHSEED", "77")
        .env("RAYON_NUM_THREADS", "1");
    assert_eq!(digest(&strange.output().unwrap()), expected);
    // Warm, and with everything made anew beside what the store has.
    let again = image(&here, &first).arg("--offline").output().unwrap();
    assert_eq!(digest(&again), expected);
    let anew = image(&here, &first)
        .args(["--offline", "--no-reuse"])
        .output()
        .unwrap();
    assert_eq!(digest(&anew), expected);
    let errors = String::from_utf8_lossy(&anew.stderr).into_owned();
    assert!(!errors.contains("not reproducible"), "{errors}");

    // Both encodings hold the same tars.
    let diff_ids = |arguments: &[&str]| -> Vec<String> {
        let output = image(&here, &first).args(arguments).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let layers = json["layers"].as_array().unwrap();
        let parts = layers
            .iter()
            .flat_map(|layer| layer["parts"].as_array().unwrap());
        parts
            .map(|part| part["diff_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let zstd = diff_ids(&["--offline", "--json"]);
    assert!(zstd.len() > 5);
    assert_eq!(
        diff_ids(&[
            "--offline",
            "--json",
            "--compression",
            "gzip",
            "--level",
            "1"
        ]),
        zstd
    );
}
