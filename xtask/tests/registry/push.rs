//! `push`: the digest that `image` gives, by all tags; only what the registry lacks is sent, as its own log
//! shows.

use std::process::{Command, Stdio};

use crate::{
    case::{Case, errors, json, manifest, sent, warns, whole},
    servers::{self, has},
    small_image::program::{digest, failure},
};

/// The digest that skopeo finds, an independent client.
fn skopeo(reference: &str) -> Option<String> {
    has("skopeo").then(|| {
        let place = format!("docker://{reference}");
        let arguments = ["inspect", "--tls-verify=false", "--format={{.Digest}}"];
        let text = servers::run("skopeo", &[&arguments[..], &[&place]].concat());
        text.trim().to_owned()
    })
}

#[test]
fn pushed_twice_and_changed() {
    let Some(case) = Case::start() else { return };
    let to = case.at_registry("comfyui:one");
    let first = case.push(&to, &["--tag", "two", "--tag", "three"]);
    case.is_right(&first);
    assert!(!warns(&first), "{}", errors(&first));
    for tag in ["one", "two", "three"] {
        let reference = case.at_registry(&format!("comfyui:{tag}"));
        assert_eq!(whole(&reference).as_ref(), Some(&case.built.digest));
        if let Some(digest) = skopeo(&reference) {
            assert_eq!(digest, case.built.digest, "{tag}");
        }
    }
    let all = manifest(&to).unwrap();
    let layers = crate::case::blobs(&all).len() - 1;
    let (blobs, manifests) = sent(&case.requests_since(0));
    assert_eq!((blobs, manifests), (layers + 1, 4), "each once");

    // Again: questions alone.
    let mark = case.mark();
    let again = case.push(&to, &["--tag", "two", "--json"]);
    let told = json(&again);
    assert_eq!(told["digest"], case.built.digest.as_str());
    assert_eq!(told["pushed"]["unchanged"], true, "{told}");
    assert_eq!(told["pushed"]["uploaded"], serde_json::json!([]));
    assert_eq!(told["pushed"]["present"], layers + 1);
    assert_eq!(
        (&told["moved"]["sent"], &told["pushed"]["bytes"]),
        (&0.into(), &0.into())
    );
    let requests = case.requests_since(mark);
    let others: Vec<_> = requests
        .iter()
        .filter(|one| !["GET", "HEAD"].contains(&one.method.as_str()))
        .collect();
    assert!(others.is_empty(), "{others:?}");

    // One source changed: its part, the config and the manifest. The new mounts none of the old.
    case.change_source();
    let mark = case.mark();
    let changed = case.push(&to, &["--json"]);
    let told = json(&changed);
    let requests = case.requests_since(mark);
    assert_eq!(sent(&requests), (2, 2), "{requests:?}");
    let uploaded = told["pushed"]["uploaded"].as_array().unwrap();
    let names: Vec<_> = uploaded
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["comfy: ComfyUI", "config"], "{told}");
    assert_eq!(whole(&to).unwrap(), told["digest"].as_str().unwrap());
    assert_ne!(told["digest"], case.built.digest.as_str());
    // The other tags stay.
    let two = case.at_registry("comfyui:two");
    assert_eq!(whole(&two).as_ref(), Some(&case.built.digest));

    // Into another repository of the registry: mounts.
    let mark = case.mark();
    let from = case.at_registry("comfyui");
    let elsewhere = case.at_registry("team/other");
    let mounted = case.push(&elsewhere, &["--mount-from", &from, "--json"]);
    let requests = case.requests_since(mark);
    assert_eq!(sent(&requests), (1, 2), "config and manifest: {requests:?}");
    assert_eq!(json(&mounted)["pushed"]["mounted"], layers);
    whole(&elsewhere).unwrap();
    let other = case.push(&elsewhere, &["--mount-from", "localhost:1/comfyui"]);
    assert!(failure(&other).contains("at another registry"));
}

#[test]
fn two_pushes_at_once_to_one_tag() {
    let Some(case) = Case::start() else { return };
    let to = case.at_registry("comfyui:today");
    let start = || {
        let mut push = case.xtask(&case.store, &["push", &to]);
        push.arg(&case.lock);
        push.stdout(Stdio::piped()).stderr(Stdio::piped());
        push.spawn().unwrap()
    };
    for push in [start(), start()] {
        case.is_right(&push.wait_with_output().unwrap());
    }
    assert_eq!(whole(&to).as_ref(), Some(&case.built.digest));
}

#[test]
fn what_is_no_target_is_told_before_anything_is_built() {
    let Some(case) = Case::start() else { return };
    let pinned = case.at_registry(&format!("comfyui@{}", case.built.digest));
    let output = case.push(&pinned, &[]);
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("by its contents"), "{said}");
    let output = case.push(&case.at_registry("comfyui"), &["--tag", "no tag"]);
    assert!(failure(&output).contains("no tag"), "{}", errors(&output));
    assert_eq!(case.requests_since(0).len(), 1, "but for our own");
}

/// Nobody has to know the documentation to find credentials and caches.
#[test]
fn help_tells_of_credentials_and_caches() {
    let help = |verb: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let output = command.args([verb, "--help"]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    for (verb, words) in [
        (
            "push",
            [
                "--password-stdin",
                "STRATA_REGISTRY_USERNAME",
                "STRATA_REGISTRY_PASSWORD",
                "docker login",
                "--plain-http",
                "--cache-from",
                "--cache-to",
            ],
        ),
        (
            "image",
            [
                "--password-stdin",
                "STRATA_REGISTRY_USERNAME",
                "STRATA_CACHE_SECRET",
                "docker login",
                "--pull",
                "--cache-from",
                "--cache-to",
            ],
        ),
    ] {
        let text = help(verb);
        for word in words {
            assert!(text.contains(word), "{verb}: no {word} in {text}");
        }
    }
}

/// The digest is the same whatever way it goes: the layout's, and the one that is pushed.
#[test]
fn gzip_too() {
    let Some(case) = Case::start() else { return };
    let gzip = ["--compression", "gzip", "--level", "1"];
    let to = case.at_registry("comfyui:gzip");
    let pushed = digest(&case.push(&to, &gzip));
    assert_eq!(digest(&case.image(&case.store, &gzip)), pushed);
    assert_eq!(whole(&to), Some(pushed.clone()));
    assert_ne!(pushed, case.built.digest);
}
