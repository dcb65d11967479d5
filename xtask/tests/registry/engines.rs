//! The engines that are here pull what was pushed, and know it by its config's digest.

use std::process::{Command, Output};

use crate::{
    case::{Case, json},
    small_image::skipped,
};

fn pull(program: &str, options: &[&str], insecure: &[&str], compression: &str, case: &Case) {
    let run = |arguments: &[&str]| -> Output {
        let mut command = Command::new(program);
        command.args(options).args(arguments).output().unwrap()
    };
    if !Command::new(program)
        .args(options)
        .arg("info")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return skipped(&format!("{program} does not answer"));
    }
    let to = case.at_registry("comfyui:engines");
    let told = json(&case.push(&to, &["--json", "--compression", compression]));
    let pulled = run(&[&["pull", "--quiet"], insecure, &[&to]].concat());
    let said = String::from_utf8_lossy(&pulled.stderr);
    assert!(pulled.status.success(), "{program}: {said}");
    let id = run(&["image", "inspect", "--format", "{{.Id}}", &to]);
    let digests = run(&["image", "inspect", "--format", "{{.RepoDigests}}", &to]);
    let _ = run(&["image", "rm", &to]);
    let text = |output: Output| String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let id = text(id);
    // Docker with containerd's store says the manifest's.
    let ids = [&told["config"], &told["digest"]].map(|id| id.as_str().unwrap());
    assert!(
        ids.iter().any(|one| one.ends_with(&id)) && id.len() >= 64,
        "{program}: {id}"
    );
    let digests = text(digests);
    assert!(digests.contains(ids[1]), "{program}: {digests}");
}

#[test]
fn podman() {
    let Some(case) = Case::start() else { return };
    let at = |name: &str| case.folder().join(name).display().to_string();
    let (root, runroot) = (at("podman"), at("podman-run"));
    let options = [
        "--root",
        &root,
        "--runroot",
        &runroot,
        "--storage-driver",
        "vfs",
    ];
    pull("podman", &options, &["--tls-verify=false"], "zstd", &case);
}

#[test]
fn docker() {
    let Some(case) = Case::start() else { return };
    // Docker reads zstd from 23.0 on. A registry on this machine may speak plain http.
    pull("docker", &[], &[], "gzip", &case);
}
