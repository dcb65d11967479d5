//! Registries that drop connections, refuse at random, or name another digest: a push succeeds, or fails with
//! one message and can be run again; no tag stands for an image that is not whole.

use std::{
    fs,
    process::Output,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    case::{Case, errors, nobody, whole},
    servers::{
        Random,
        front::{Verdict, front},
        http::Reply,
        tcp::Line,
    },
    small_image::program::failure,
};

/// A connection carries so many bytes: several times less than the largest blob has, and in the second case
/// less than goes in one request otherwise.
const LIMITS: [usize; 2] = [5 << 20, 1 << 20];

/// Right, and whole; or one error, and no tag. Whether it was right.
fn is_clean(case: &Case, output: &Output, tag: &str) -> bool {
    let at = case.at_registry(tag);
    if output.status.success() {
        case.is_right(output);
        assert_eq!(whole(&at).as_ref(), Some(&case.built.digest));
        return true;
    }
    let error = failure(output);
    assert!(error.contains("hint:"), "{error}");
    assert_eq!(whole(&at), None, "{error}");
    false
}

/// The same push, to the registry itself.
fn again(case: &Case, tag: &str) {
    let at = case.at_registry(tag);
    case.is_right(&case.push(&at, &[]));
    assert_eq!(whole(&at).as_ref(), Some(&case.built.digest));
}

#[test]
fn connections_that_break() {
    let Some(case) = Case::start() else { return };
    let blobs = fs::read_dir(case.store.join("blobs/sha256")).unwrap();
    let sizes = blobs.map(|blob| blob.unwrap().metadata().unwrap().len());
    let largest = sizes.max().unwrap();
    for limit in LIMITS {
        assert!(largest > 2 * limit as u64, "{largest}");
        let line = Line::start(case.registry.port, limit);
        let tag = format!("comfyui{limit}:line");
        let output = case.push(&format!("{}/{tag}", line.host()), &[]);
        assert!(is_clean(&case, &output, &tag), "{}", errors(&output));
        assert!(line.broken() > 0);
        again(&case, &tag);
    }
}

#[test]
fn refusals_at_random() {
    let Some(case) = Case::start() else { return };
    for seed in 0..3 {
        let random = Mutex::new(Random(seed));
        let refused = Arc::new(AtomicUsize::new(0));
        let counted = refused.clone();
        let proxy = front(
            case.registry.port,
            move |_| {
                let reply = match random.lock().unwrap().next() % 12 {
                    0 => Reply::new(429, "").header("Retry-After", "0"),
                    1 => Reply::new(500, ""),
                    2 => Reply::new(503, ""),
                    _ => return Verdict::Pass,
                };
                counted.fetch_add(1, Ordering::SeqCst);
                Verdict::Answer(reply)
            },
            |_, reply| reply,
        );
        let tag = format!("comfyui{seed}:random");
        let output = case.push(&format!("{}/{tag}", proxy.host()), &[]);
        eprintln!("seed {seed}: {} refusals", refused.load(Ordering::SeqCst));
        is_clean(&case, &output, &tag);
        assert!(refused.load(Ordering::SeqCst) > 3);
        again(&case, &tag);
    }
}

#[test]
fn breaks_at_random() {
    let Some(case) = Case::start() else { return };
    for seed in 0..2 {
        let random = Mutex::new(Random(seed));
        let proxy = front(
            case.registry.port,
            move |head| {
                let mut random = random.lock().unwrap();
                match random.next() % 8 {
                    0 => Verdict::Break(random.next() % head.length().max(1)),
                    _ => Verdict::Pass,
                }
            },
            |_, reply| reply,
        );
        let tag = format!("comfyui{seed}:broken");
        let output = case.push(&format!("{}/{tag}", proxy.host()), &[]);
        is_clean(&case, &output, &tag);
        again(&case, &tag);
    }
}

#[test]
fn a_registry_that_names_another_digest() {
    let Some(case) = Case::start() else { return };
    let wrong = format!("sha256:{}", "7".repeat(64));
    for (name, method, path) in [
        ("upload", "PUT", "/blobs/uploads/"),
        ("manifest", "PUT", "/manifests/"),
        ("present", "HEAD", "/blobs/"),
    ] {
        let tag = format!("{name}:today");
        if name == "present" {
            // So that there is something to be found.
            again(&case, "present:yesterday");
        }
        let given = wrong.clone();
        let proxy = front(
            case.registry.port,
            |_| Verdict::Pass,
            move |head, reply| {
                let is_hit = head.method == method && head.path.contains(path);
                match is_hit && reply.status < 300 {
                    true => reply.header("Docker-Content-Digest", &given),
                    false => reply,
                }
            },
        );
        let output = case.push(&format!("{}/{tag}", proxy.host()), &[]);
        assert!(!is_clean(&case, &output, &tag), "{name}");
        assert!(errors(&output).contains(&wrong), "{}", errors(&output));
        again(&case, &tag);
    }
}

#[test]
fn a_registry_that_is_full_or_not_there() {
    let Some(case) = Case::start() else { return };
    let proxy = front(
        case.registry.port,
        |head| match head.method.as_str() {
            "PATCH" | "PUT" => {
                let text = r#"{"errors":[{"code":"DENIED","message":"quota exceeded"}]}"#;
                Verdict::Answer(Reply::new(403, text))
            }
            _ => Verdict::Pass,
        },
        |_, reply| reply,
    );
    let output = case.push(&format!("{}/full:today", proxy.host()), &[]);
    assert!(!is_clean(&case, &output, "full:today"));
    assert!(errors(&output).contains("quota exceeded"));
    again(&case, "full:today");
    let nobody = nobody();
    let error = failure(&case.push(&format!("{nobody}/comfyui"), &[]));
    assert!(
        error.contains(&nobody) && error.contains("hint:"),
        "{error}"
    );
}
