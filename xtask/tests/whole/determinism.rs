//! One lock, one digest: other folder, umask, time zone, locale, threads, cache. Another user: `user`.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::SystemTime};

use crate::{
    program::{digest, image},
    small_lock::write_lock,
    stores::{reference, scratch},
};

#[test]
fn one_lock_one_digest() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let lock = write_lock(&folder.path().join("another folder/deeper"));
    let store = reference.copy_downloads(&folder.path().join("store"));
    // The local file as another user may have it: its mode and time are the machine's.
    let local = fs::File::open(lock.with_file_name("main.py")).unwrap();
    local
        .set_permissions(fs::Permissions::from_mode(0o700))
        .unwrap();
    local.set_modified(SystemTime::UNIX_EPOCH).unwrap();

    // Everything different that can be.
    let program = image(&lock, &store);
    let mut strange = Command::new("sh");
    strange.args(["-c", "umask 077; exec \"$0\" \"$@\""]);
    strange.arg(program.get_program()).args(program.get_args());
    strange.arg("--offline").env_clear();
    let environment = program.get_envs();
    strange.envs(environment.filter_map(|(name, value)| Some((name, value?))));
    strange
        .env("TZ", "Pacific/Kiritimati")
        .env("LANG", "tr_TR.UTF-8")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("PYTHONHASHSEED", "77")
        .env("SOURCE_DATE_EPOCH", "1")
        .env("RAYON_NUM_THREADS", "1")
        .current_dir("/");
    assert_eq!(digest(&strange.output().unwrap()), reference.digest);

    // Warm, with other threads, and with everything made anew beside what the store has.
    let run = |arguments: &[&str], threads: &str| {
        let mut command = image(&lock, &store);
        command.args(arguments).env("RAYON_NUM_THREADS", threads);
        command.output().unwrap()
    };
    assert_eq!(digest(&run(&["--offline"], "2")), reference.digest);
    let anew = run(&["--offline", "--no-reuse"], "3");
    assert_eq!(digest(&anew), reference.digest);
    let errors = String::from_utf8_lossy(&anew.stderr);
    assert!(!errors.contains("not reproducible"), "{errors}");

    // Both encodings hold the same tars, and gzip is as repeatable: here the tars are known from zstd,
    // in the last run nothing is.
    let built = |arguments: &[&str], threads: &str| -> (String, Vec<String>) {
        let arguments = [&["--offline", "--json"], arguments].concat();
        let output = run(&arguments, threads);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let layers = json["layers"].as_array().unwrap();
        let parts = layers
            .iter()
            .flat_map(|layer| layer["parts"].as_array().unwrap());
        let id = |part: &serde_json::Value| part["diff_id"].as_str().unwrap().to_owned();
        let digest = json["digest"].as_str().unwrap().to_owned();
        (digest, parts.map(id).collect())
    };
    let (_, zstd) = built(&[], "2");
    assert!(zstd.len() >= 8, "{zstd:?}");
    let gzip = built(&["--compression", "gzip"], "2");
    assert_eq!(gzip.1, zstd);
    let anew = ["--compression", "gzip", "--no-reuse"];
    assert_eq!(built(&anew, "1"), gzip);
    assert_eq!(built(&anew, "3"), gzip);

    // Nothing has changed: no download is opened, so none need be there.
    fs::rename(
        store.join("downloads/sha256"),
        store.join("downloads/elsewhere"),
    )
    .unwrap();
    assert_eq!(digest(&run(&["--offline"], "2")), reference.digest);
    assert_eq!(built(&["--compression", "gzip"], "2"), gzip);
}
