//! Debian's `docker-registry` behind lines and proxies that misbehave.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use strata_registry::{BlobSource, Bytes, Client, Error, Options, Patience, Pushed, media_type};

use crate::support::{
    Random, client, config,
    debian::Debian,
    front::{Verdict, front},
    http::{Reply, Server},
    manifest, noise, options, repository,
    tcp::Line,
};

/// Pushes an image of one layer; the digest of its manifest.
fn push_image(
    client: &Client,
    host: &str,
    seed: u64,
    size: usize,
) -> strata_registry::Result<String> {
    let repository = repository(host, "image");
    let layer = Bytes::new(noise(seed, size));
    let config = config(&layer);
    client.push_blob(&repository, &layer, &[])?;
    client.push_blob(&repository, &config, &[])?;
    let bytes = manifest(&config, &layer);
    let digest =
        client.push_manifest(&repository, "today", media_type::MANIFEST, bytes.as_bytes())?;
    Ok(digest.to_oci())
}

/// What a client without faults in between sees.
fn check_image(registry: &Debian, seed: u64, size: usize) {
    let repository = repository(&registry.host(), "image");
    let client = client();
    let layer = Bytes::new(noise(seed, size));
    let tagged = client.manifest(&repository, "today", &[]).unwrap().unwrap();
    assert_eq!(tagged.bytes, manifest(&config(&layer), &layer).as_bytes());
    assert_eq!(
        client.head_blob(&repository, &layer.digest()).unwrap(),
        Some(size as u64)
    );
}

#[test]
fn a_line_that_breaks_at_every_megabyte() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let line = Line::start(registry.port, 1 << 20);
    push_image(&client(), &line.host(), 30, 8 << 20).unwrap();
    assert!(line.broken() > 0);
    check_image(&registry, 30, 8 << 20);
}

#[test]
fn what_one_blob_has_taught_helps_the_next() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let line = Line::start(registry.port, 1 << 20);
    let (client, repository) = (client(), repository(&line.host(), "image"));
    client
        .push_blob(&repository, &Bytes::new(noise(31, 6 << 20)), &[])
        .unwrap();
    let broken = line.broken();
    let blob = Bytes::new(noise(32, 6 << 20));
    let pushed = client.push_blob(&repository, &blob, &[]).unwrap();
    assert_eq!(pushed, Pushed::Uploaded { bytes: 6 << 20 });
    assert_eq!(line.broken(), broken);
}

#[test]
fn answers_of_429_500_and_503_at_random() {
    let Some(registry) = Debian::start() else {
        return;
    };
    for seed in 0..4 {
        let random = Mutex::new(Random(seed));
        let answered = Arc::new(AtomicUsize::new(0));
        let counted = answered.clone();
        let proxy = front(
            registry.port,
            move |_| {
                let number = random.lock().unwrap().next() % 10;
                let reply = match number {
                    0 => Reply::new(429, "slow down").header("Retry-After", "0"),
                    1 => Reply::new(500, ""),
                    2 => Reply::new(503, "").header("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT"),
                    _ => return Verdict::Pass,
                };
                counted.fetch_add(1, Ordering::SeqCst);
                Verdict::Answer(reply)
            },
            |_, reply| reply,
        );
        let client = Client::new(Options {
            chunk: Some(512 << 10),
            ..options()
        });
        // Eight such answers in a row are too many (seed 3 has nine). Then there is no tag, and the
        // same push can be made again.
        let mut pushed = push_image(&client, &proxy.host(), 40 + seed, 8 << 20);
        if let Err(error) = &pushed {
            assert!(
                matches!(error, Error::Answered { tries: 8, .. }),
                "{error:?}"
            );
            let repository = repository(&registry.host(), "image");
            let tagged =
                strata_registry::Client::new(options()).manifest(&repository, "today", &[]);
            let before = tagged.unwrap().unwrap();
            let layer = Bytes::new(noise(40 + seed - 1, 8 << 20));
            assert_eq!(before.bytes, manifest(&config(&layer), &layer).as_bytes());
            pushed = push_image(&client, &proxy.host(), 40 + seed, 8 << 20);
        }
        pushed.unwrap();
        assert!(answered.load(Ordering::SeqCst) > 2);
        check_image(&registry, 40 + seed, 8 << 20);
    }
}

#[test]
fn breaks_at_random() {
    let Some(registry) = Debian::start() else {
        return;
    };
    for seed in 0..3 {
        let random = Mutex::new(Random(seed));
        let proxy = front(
            registry.port,
            move |head| {
                let mut random = random.lock().unwrap();
                match random.next() % 6 {
                    0 => Verdict::Break(random.next() % head.length().max(1)),
                    _ => Verdict::Pass,
                }
            },
            |_, reply| reply,
        );
        push_image(&client(), &proxy.host(), 50 + seed, 6 << 20).unwrap();
        check_image(&registry, 50 + seed, 6 << 20);
    }
}

#[test]
fn an_answer_that_is_lost_is_no_second_upload() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let lost = Arc::new(AtomicBool::new(false));
    let port = registry.port;
    let once = lost.clone();
    // The closing PUT arrives; its answer does not.
    let inner = front(port, |_| Verdict::Pass, |_, reply| reply);
    let inner_port = inner.host().rsplit(':').next().unwrap().parse().unwrap();
    let proxy = front(
        inner_port,
        |_| Verdict::Pass,
        move |head, reply| match head.method == "PUT" && !once.swap(true, Ordering::SeqCst) {
            true => Reply::new(502, ""),
            false => reply,
        },
    );
    let blob = Bytes::new(noise(60, 5 << 20));
    let pushed = client()
        .push_blob(&repository(&proxy.host(), "a"), &blob, &[])
        .unwrap();
    assert_eq!(pushed, Pushed::Uploaded { bytes: 5 << 20 });
    assert!(lost.load(Ordering::SeqCst));
    assert_eq!(registry.count("PATCH", 202), 1);
}

#[test]
fn a_wrong_digest_in_an_answer_is_an_error_that_names_it() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let wrong = format!("sha256:{}", "7".repeat(64));
    for (method, path) in [
        ("PUT", "/blobs/uploads/"),
        ("PUT", "/manifests/"),
        ("HEAD", "/blobs/"),
    ] {
        let (given, wrong) = (wrong.clone(), wrong.clone());
        let proxy = front(
            registry.port,
            |_| Verdict::Pass,
            move |head, reply| {
                let hit = head.method == method && head.path.contains(path) && reply.status < 300;
                if hit {
                    reply.header("Docker-Content-Digest", &given)
                } else {
                    reply
                }
            },
        );
        let result = push_image(&client(), &proxy.host(), 70, 5 << 20);
        let result = if method == "HEAD" {
            push_image(&client(), &proxy.host(), 70, 5 << 20)
        } else {
            result
        };
        let error = result.unwrap_err();
        assert!(matches!(error, Error::WrongDigest { .. }), "{error:?}");
        assert!(error.to_string().contains(&wrong), "{error}");
    }
    // Neither is what comes back taken for something else.
    let repository = repository(&registry.host(), "image");
    let other = client().head_manifest(&repository, "yesterday").unwrap();
    assert_eq!(other, None);
}

/// A registry may need a moment to see blobs that it has taken.
#[test]
fn a_manifest_whose_blobs_are_not_seen_yet() {
    let Some(registry) = Debian::start() else {
        return;
    };
    for (blind, is_enough) in [(2, true), (usize::MAX, false)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let proxy = front(
            registry.port,
            move |head| {
                let is_it = head.method == "PUT" && head.path.contains("/manifests/");
                match is_it && count.fetch_add(1, Ordering::SeqCst) < blind {
                    true => Verdict::Answer(Reply::new(
                        400,
                        r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown"}]}"#,
                    )),
                    false => Verdict::Pass,
                }
            },
            |_, reply| reply,
        );
        let pushed = push_image(&client(), &proxy.host(), 85, 5 << 20);
        let asked = asked.load(Ordering::SeqCst);
        match pushed {
            Ok(_) => assert!(is_enough && asked > 2, "{asked}"),
            Err(error) => {
                assert!(!is_enough && asked == 5, "{asked}: {error}");
                assert!(error.to_string().contains("BLOB_UNKNOWN"), "{error}");
            }
        }
    }
}

#[test]
fn a_registry_that_goes_on_failing_is_given_up_and_nothing_is_tagged() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let proxy = front(
        registry.port,
        |head| match head.method.as_str() {
            "PATCH" | "PUT" => Verdict::Answer(Reply::new(
                503,
                r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"no"}]}"#,
            )),
            _ => Verdict::Pass,
        },
        |_, reply| reply,
    );
    let error = push_image(&client(), &proxy.host(), 80, 5 << 20)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("503 (8 times): TOOMANYREQUESTS: no"),
        "{error}"
    );
    assert!(error.contains("hint: "), "{error}");
    let repository = repository(&registry.host(), "image");
    assert_eq!(client().manifest(&repository, "today", &[]).unwrap(), None);
    // Once it is well again, the same push succeeds.
    push_image(&client(), &registry.host(), 80, 5 << 20).unwrap();
}

#[test]
fn retry_after_is_obeyed_up_to_a_limit() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = Server::start(move |head, _| {
        if head.path == "/v2/" {
            return Some(Reply::new(200, ""));
        }
        let wait = if count.fetch_add(1, Ordering::SeqCst) == 0 {
            "1"
        } else {
            "9999"
        };
        Some(Reply::new(429, "").header("Retry-After", wait))
    });
    let start = Instant::now();
    let error = client().tags(&repository(&server.host(), "a")).unwrap_err();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(
        matches!(error, Error::Limited { seconds: 9999, .. }),
        "{error:?}"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_waiting_client_stops_promptly() {
    let server = Server::start(|head, _| match head.path.as_str() {
        "/v2/" => Some(Reply::new(200, "")),
        // An answer that never comes.
        path if path.ends_with("list") => {
            std::thread::sleep(Duration::from_secs(20));
            None
        }
        _ => Some(Reply::new(503, "").header("Retry-After", "30")),
    });
    let client = Client::new(Options {
        patience: Patience::default(),
        ..options()
    });
    let repository = repository(&server.host(), "a");
    let start = Instant::now();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| client.head_manifest(&repository, "x").unwrap_err());
        let listens = scope.spawn(|| client.tags(&repository).unwrap_err());
        std::thread::sleep(Duration::from_millis(200));
        client.stop();
        for thread in [waits, listens] {
            let error = thread.join().unwrap();
            assert!(matches!(error, Error::Stopped(_)), "{error:?}");
        }
    });
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_blob_that_changed_on_disk_is_not_the_registrys_fault() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blob");
    let good = Bytes::new(noise(90, 5 << 20));
    let mut bytes = noise(90, 5 << 20);
    bytes[1000] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let file = strata_registry::File::new(good.digest(), good.size(), &path);
    let repository = repository(&registry.host(), "a");
    let error = client().push_blob(&repository, &file, &[]).unwrap_err();
    assert!(matches!(error, Error::Changed { .. }), "{error:?}");
    // One that is too short, or gone.
    std::fs::write(&path, &bytes[..1000]).unwrap();
    let error = client().push_blob(&repository, &file, &[]).unwrap_err();
    assert!(matches!(error, Error::Source { .. }), "{error:?}");
    std::fs::remove_file(&path).unwrap();
    let error = client().push_blob(&repository, &file, &[]).unwrap_err();
    assert!(matches!(error, Error::Source { .. }), "{error:?}");
    assert_eq!(
        client().head_blob(&repository, &good.digest()).unwrap(),
        None
    );
}
