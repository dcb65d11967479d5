//! Fetching, against a server that misbehaves in every way that is known.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod making;
mod server;

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use lock::{Artifact, Origin, Sha256};
use making::{artifact, bytes, debian, fetcher, store};
use server::{Answer, Request, Server};
use strata_layer_store::{
    Error, Fetcher, Places, Progress, Silent, Store, Task, TaskId, TaskKind, Tried,
};

fn python(body: &[u8]) -> Artifact {
    artifact(
        body,
        Origin::Python {
            project: "thing".to_owned(),
        },
    )
}

fn mirrors(servers: &[&Server]) -> Fetcher {
    let roots = servers.iter().map(|server| server.url("/debian"));
    fetcher(Places::none().with_debian(roots).unwrap())
}

fn indexes(addresses: &[String]) -> Fetcher {
    fetcher(Places::none().with_python(addresses).unwrap())
}

/// What was tried, of a fetch that must fail.
fn tried(result: Result<std::path::PathBuf, Error>) -> Vec<Tried> {
    match result.unwrap_err() {
        Error::Fetch { tried, .. } => tried,
        other => panic!("{other}"),
    }
}

fn part_path(store: &Store, artifact: &Artifact) -> std::path::PathBuf {
    store
        .root()
        .join(format!("downloads/partial/{}.part", artifact.sha256))
}

fn starts(server: &Server) -> Vec<Option<usize>> {
    server
        .requests()
        .iter()
        .map(|request| request.from)
        .collect()
}

#[test]
fn a_plain_download_happens_once() {
    let body = bytes(1_000_000);
    let sent = body.clone();
    let server = Server::start(move |request| Answer::file(request, &sent));
    let (_folder, store) = store();
    let artifact = debian(&body);
    let fetcher = mirrors(&[&server]);
    let path = fetcher.fetch(&store, &artifact).unwrap();
    assert_eq!(
        path,
        store
            .root()
            .join(format!("downloads/sha256/{}", artifact.sha256))
    );
    assert_eq!(fs::read(&path).unwrap(), body);
    assert_eq!(fetcher.fetch(&store, &artifact).unwrap(), path);
    fetcher
        .fetch_all(&store, std::slice::from_ref(&artifact))
        .unwrap();
    // Another process, as it were.
    let again = Store::open(store.root()).unwrap();
    assert_eq!(fetcher.fetch(&again, &artifact).unwrap(), path);
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(paths, ["/debian/pool/t/thing_1.deb"]);
    assert!(!part_path(&store, &artifact).exists());
}

#[test]
fn an_empty_file_needs_no_place() {
    let (_folder, store) = store();
    let path = fetcher(Places::none()).fetch(&store, &debian(b"")).unwrap();
    assert_eq!(fs::metadata(path).unwrap().len(), 0);
}

#[test]
fn bad_places_are_named_and_the_next_one_is_asked() {
    let body = bytes(70_000);
    let bad = |make: fn(&[u8]) -> Answer| {
        let sent = body.clone();
        Server::start(move |_| make(&sent))
    };
    let flipped = bad(|body| {
        let mut body = body.to_vec();
        body[40_000] ^= 1;
        Answer::ok(body)
    });
    let flipped_chunked = bad(|body| {
        let mut body = body.to_vec();
        body[40_000] ^= 1;
        Answer::ok(body).chunked()
    });
    let short = bad(|body| Answer::ok(&body[1..]));
    let short_chunked = bad(|body| Answer::ok(&body[1..]).chunked());
    let long = bad(|body| Answer::ok([body, b"x"].concat()));
    let long_chunked = bad(|body| Answer::ok([body, b"x"].concat()).chunked());
    let absent = bad(|_| Answer::new("404 Not Found", "no"));
    let broken = bad(|_| Answer::new("500 Internal Server Error", "no"));
    let forbidden = bad(|_| Answer::new("403 Forbidden", "no"));
    let unasked = bad(|body| Answer::new("206 Partial Content", body));
    let all = [
        (&flipped, "sent other content: sha256 "),
        (&flipped_chunked, "sent other content: sha256 "),
        (&short, "announces 69999 bytes, expected 70000"),
        (&short_chunked, "sent 69999 bytes, expected 70000"),
        (&long, "announces 70001 bytes, expected 70000"),
        (&long_chunked, "sent more than the expected 70000 bytes"),
        (&absent, "answered 404"),
        (&broken, "answered 500"),
        (&forbidden, "answered 403"),
        (&unasked, "answered 206"),
    ];

    let (_folder, store) = store();
    let artifact = debian(&body);
    let servers: Vec<_> = all.iter().map(|(server, _)| *server).collect();
    let error = mirrors(&servers).fetch(&store, &artifact).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("STRATA_DEBIAN_MIRROR") && text.contains("thing 1"),
        "{text}"
    );
    assert!(
        text.contains(&format!("expected {}", artifact.sha256)),
        "{text}"
    );
    let tried = tried(Err(error));
    assert_eq!(tried.len(), all.len());
    for (tried, (server, answer)) in tried.iter().zip(&all) {
        assert_eq!(tried.place, server.url("/debian/pool/t/thing_1.deb"));
        assert!(
            tried.answer.starts_with(answer),
            "{}: expected {answer}",
            tried.answer
        );
        // Only the one that may be better later is asked again.
        let times = if *answer == "answered 500" { 3 } else { 1 };
        assert_eq!(server.requests().len(), times, "{answer}");
    }
    assert!(
        !store
            .root()
            .join(format!("downloads/sha256/{}", artifact.sha256))
            .exists()
    );

    let sent = body.clone();
    let good = Server::start(move |request| Answer::file(request, &sent));
    let servers: Vec<_> = servers.into_iter().chain([&good]).collect();
    let path = mirrors(&servers).fetch(&store, &artifact).unwrap();
    assert_eq!(fs::read(path).unwrap(), body);
}

#[test]
fn a_place_that_is_busy_is_asked_again() {
    let body = bytes(1000);
    let (sent, count) = (body.clone(), AtomicUsize::new(0));
    let server = Server::start(move |request| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::new("503 Service Unavailable", ""),
        1 => Answer::new("429 Too Many Requests", ""),
        _ => Answer::file(request, &sent),
    });
    let (_folder, store) = store();
    mirrors(&[&server]).fetch(&store, &debian(&body)).unwrap();
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn no_place_at_all_is_said_so() {
    let (_folder, store) = store();
    let fetcher = fetcher(Places::none());
    for (artifact, hint) in [
        (debian(b"x"), "STRATA_DEBIAN_MIRROR"),
        (python(b"x"), "STRATA_PYTHON_INDEX"),
        (artifact(b"x", Origin::File("f".into())), "beside the lock"),
    ] {
        let text = fetcher.fetch(&store, &artifact).unwrap_err().to_string();
        assert!(text.contains("no place") && text.contains(hint), "{text}");
    }
    let text = fetcher
        .fetch(
            &store,
            &artifact(b"x", Origin::Url("ftp://u:secret@h.test/x".into())),
        )
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("h.test/x") && !text.contains("secret"),
        "{text}"
    );
}

#[test]
fn a_broken_connection_is_resumed() {
    let body = bytes(300_000);
    let sent = body.clone();
    let server = Server::start(move |request| {
        let cut = if request.from.unwrap_or(0) < 200_000 {
            100_000
        } else {
            usize::MAX
        };
        Answer::file(request, &sent).cut(cut)
    });
    let (_folder, store) = store();
    let path = mirrors(&[&server]).fetch(&store, &debian(&body)).unwrap();
    assert_eq!(fs::read(path).unwrap(), body);
    assert_eq!(starts(&server), [None, Some(100_000), Some(200_000)]);
}

#[test]
fn what_an_earlier_run_left_is_resumed_elsewhere() {
    let body = bytes(300_000);
    let (_folder, store) = store();
    let artifact = debian(&body);
    let sent = body.clone();
    let dying = Server::start(move |request| match request.from {
        None => Answer::file(request, &sent).cut(123_456),
        Some(_) => Answer::new("404 Not Found", ""),
    });
    let first = tried(mirrors(&[&dying]).fetch(&store, &artifact));
    assert!(first[0].answer.contains("404"), "{first:?}");
    assert_eq!(
        fs::metadata(part_path(&store, &artifact)).unwrap().len(),
        123_456
    );

    // A place that has it not costs nothing of what is here.
    let absent = Server::start(|_| Answer::new("404 Not Found", ""));
    let sent = body.clone();
    let good = Server::start(move |request| Answer::file(request, &sent));
    let path = mirrors(&[&absent, &good]).fetch(&store, &artifact).unwrap();
    assert_eq!(fs::read(path).unwrap(), body);
    assert_eq!(starts(&good), [Some(123_456)]);
}

#[test]
fn a_server_without_ranges_starts_over() {
    let body = bytes(50_000);
    let (_folder, store) = store();
    let artifact = debian(&body);
    fs::write(part_path(&store, &artifact), &body[..20_000]).unwrap();
    let sent = body.clone();
    let server = Server::start(move |_| Answer::ok(&sent[..]));
    let path = mirrors(&[&server]).fetch(&store, &artifact).unwrap();
    assert_eq!(fs::read(path).unwrap(), body);
    assert_eq!(starts(&server), [Some(20_000)]);
}

#[test]
fn what_is_left_and_wrong_is_thrown_away() {
    let body = bytes(50_000);
    let wrong = vec![7; 50_001];
    // Shorter, of the same size, longer: none of them may spoil the download.
    for left in [&wrong[..20_000], &wrong[..50_000], &wrong] {
        let (_folder, store) = store();
        let artifact = debian(&body);
        fs::write(part_path(&store, &artifact), left).unwrap();
        let sent = body.clone();
        let server = Server::start(move |request| Answer::file(request, &sent));
        let path = mirrors(&[&server]).fetch(&store, &artifact).unwrap();
        assert_eq!(fs::read(path).unwrap(), body);
        assert_eq!(server.requests().last().unwrap().from, None);
    }
    // A whole one that was only not yet moved is taken as it is.
    let (_folder, store) = store();
    let artifact = debian(&body);
    fs::write(part_path(&store, &artifact), &body).unwrap();
    fetcher(Places::none()).fetch(&store, &artifact).unwrap();
}

#[test]
fn lies_about_ranges_are_found_out() {
    let body = bytes(50_000);
    for (status, range) in [
        ("206 Partial Content", "bytes 0-49999/50000"),
        ("206 Partial Content", "bytes 20000-49999/60000"),
        ("206 Partial Content", "nonsense"),
        ("416 Range Not Satisfiable", "bytes */10"),
    ] {
        let (_folder, store) = store();
        let artifact = debian(&body);
        fs::write(part_path(&store, &artifact), &body[..20_000]).unwrap();
        let sent = body.clone();
        let server = Server::start(move |request| match request.from {
            Some(_) => Answer::new(status, &sent[..30_000]).header("Content-Range", range),
            None => Answer::ok(&sent[..]),
        });
        let path = mirrors(&[&server]).fetch(&store, &artifact).unwrap();
        assert_eq!(fs::read(path).unwrap(), body);
        assert_eq!(starts(&server), [Some(20_000), None]);
    }
}

#[test]
fn a_server_that_always_breaks_off_is_given_up() {
    let body = bytes(50_000);
    let sent = body.clone();
    // It has no ranges, so it never gets further.
    let server = Server::start(move |_| Answer::ok(&sent[..]).cut(30_000));
    let (_folder, store) = store();
    let tried = tried(mirrors(&[&server]).fetch(&store, &debian(&body)));
    assert!(
        tried[0]
            .answer
            .starts_with("broke off after 30000 of 50000 bytes"),
        "{tried:?}"
    );
    assert!(server.requests().len() <= 12);
}

#[test]
fn nobody_at_home() {
    let server = Server::start(|_| Answer::ok(""));
    let address = server.url("/debian");
    drop(server);
    let (_folder, store) = store();
    let fetcher = fetcher(Places::none().with_debian([&address]).unwrap());
    let tried = tried(fetcher.fetch(&store, &debian(b"x")));
    assert_eq!(tried.len(), 1);
}

#[test]
fn a_damaged_download_is_removed_and_fetched_by_the_next_run() {
    let body = bytes(10_000);
    let (_folder, store) = store();
    let artifact = debian(&body);
    let sent = body.clone();
    let server = Server::start(move |request| Answer::file(request, &sent));
    let path = mirrors(&[&server]).fetch(&store, &artifact).unwrap();
    let mut flipped = body.clone();
    flipped[5] ^= 1;
    for damage in [&flipped[..], &body[..9_999], b""] {
        fs::write(&path, damage).unwrap();
        let next = Store::open(store.root()).unwrap();
        let error = mirrors(&[&server]).fetch(&next, &artifact).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("damaged") && text.contains("run the same command again"),
            "{text}"
        );
        assert!(!path.exists());
        mirrors(&[&server]).fetch(&next, &artifact).unwrap();
        assert_eq!(fs::read(&path).unwrap(), body);
    }
}

#[test]
fn a_store_remembers_what_it_has_seen_but_not_what_is_gone() {
    let body = bytes(10_000);
    let (_folder, store) = store();
    let artifact = debian(&body);
    let sent = body.clone();
    let server = Server::start(move |request| Answer::file(request, &sent));
    let fetcher = mirrors(&[&server]);
    let path = fetcher.fetch(&store, &artifact).unwrap();
    // Not read a second time, so a change that keeps the size is not seen in this process.
    let mut flipped = body.clone();
    flipped[5] ^= 1;
    fs::write(&path, &flipped).unwrap();
    fetcher.fetch(&store, &artifact).unwrap();
    fs::remove_file(&path).unwrap();
    fetcher.fetch(&store, &artifact).unwrap();
    assert_eq!(fs::read(&path).unwrap(), body);
}

#[test]
fn offline_takes_what_is_there_and_names_what_is_not() {
    let body = bytes(1000);
    let (folder, store) = store();
    fs::write(folder.path().join("f"), &body).unwrap();
    let places = Places::none().with_local(folder.path());
    let there = artifact(&body, Origin::File("f".into()));
    // A file beside the lock takes no network.
    let offline = Fetcher::new(places, Arc::new(Silent), true);
    offline
        .fetch_all(&store, std::slice::from_ref(&there))
        .unwrap();
    offline.fetch(&store, &there).unwrap();
    let text = offline
        .fetch(&store, &debian(b"x"))
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("thing 1") && text.contains("--offline"),
        "{text}"
    );
    let all = [there, debian(b"x"), debian(b"yy"), debian(b"yy")];
    let error = offline.fetch_all(&store, &all).unwrap_err();
    assert!(matches!(error, Error::Offline { more: 1, .. }), "{error}");
}

#[test]
fn two_stores_and_many_threads_fetch_once() {
    let body = bytes(500_000);
    let sent = body.clone();
    let server = Server::start(move |request| {
        thread::sleep(Duration::from_millis(50));
        Answer::file(request, &sent)
    });
    let (_folder, store) = store();
    let other = Store::open(store.root()).unwrap();
    let artifact = debian(&body);
    let barrier = Barrier::new(6);
    let fetchers = [mirrors(&[&server]), mirrors(&[&server])];
    thread::scope(|scope| {
        for number in 0..6 {
            let store = if number % 2 == 0 { &store } else { &other };
            let (fetcher, artifact, barrier) = (&fetchers[number % 2], &artifact, &barrier);
            scope.spawn(move || {
                barrier.wait();
                fetcher.fetch(store, artifact).unwrap();
            });
        }
    });
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn all_means_each_once() {
    let server = Server::start(|request| {
        let size = request.path.rsplit('/').next().unwrap().parse().unwrap();
        Answer::file(request, &bytes(size))
    });
    let (_folder, store) = store();
    let sized = |size: usize| artifact(&bytes(size), Origin::Url(server.url(&format!("/{size}"))));
    let all: Vec<_> = (1..40)
        .map(|n| sized(n * 1000))
        .chain([sized(5000)])
        .collect();
    let fetcher = fetcher(Places::none());
    fetcher.fetch(&store, &all[38]).unwrap();
    fetcher.fetch_all(&store, &all).unwrap();
    assert_eq!(server.requests().len(), 39);
    for artifact in &all {
        fetcher.fetch(&store, artifact).unwrap();
    }
    assert_eq!(server.requests().len(), 39);
    assert_eq!(
        fs::read_dir(store.root().join("downloads/partial"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn all_stops_at_the_first_error() {
    let server = Server::start(|request| {
        if request.path == "/90000" {
            return Answer::new("404 Not Found", "");
        }
        thread::sleep(Duration::from_millis(30));
        let size = request.path.rsplit('/').next().unwrap().parse().unwrap();
        Answer::file(request, &bytes(size))
    });
    let (_folder, store) = store();
    let all: Vec<_> = (1..=90)
        .map(|n| n * 1000)
        .map(|size| artifact(&bytes(size), Origin::Url(server.url(&format!("/{size}")))))
        .collect();
    let error = fetcher(Places::none()).fetch_all(&store, &all).unwrap_err();
    assert!(
        error.to_string().contains("/90000: answered 404"),
        "{error}"
    );
    assert!(server.requests().len() < 90);
}

#[test]
fn more_than_the_disk_holds_is_refused_at_once() {
    let (_folder, store) = store();
    let mut huge = debian(b"x");
    huge.size = u64::MAX / 2;
    let error = fetcher(Places::none())
        .fetch_all(&store, &[huge])
        .unwrap_err();
    assert!(matches!(error, Error::Space { .. }), "{error}");
}

fn json_page(files: &[(&str, &str, Sha256)]) -> Answer {
    let files: Vec<_> = files
        .iter()
        .map(|(filename, url, sha256)| {
            serde_json::json!({"filename": filename, "url": url, "hashes": {"sha256": sha256}})
        })
        .collect();
    let page = serde_json::json!({"meta": {"api-version": "1.0"}, "name": "t", "files": files});
    Answer::ok(page.to_string()).header("Content-Type", "application/vnd.pypi.simple.v1+json")
}

#[test]
fn a_json_index_is_read_once() {
    let (body, other) = (bytes(5000), bytes(6000));
    let first = python(&body);
    let second = Artifact {
        filename: "other.whl".into(),
        ..python(&other)
    };
    let (a, b) = (first.sha256, second.sha256);
    let server = Server::start(move |request| match request.path.as_str() {
        "/simple/thing/" => json_page(&[
            ("thing-1.whl", "../../files/thing-1.whl", a),
            ("other.whl", "/files/other.whl", b),
        ]),
        "/files/thing-1.whl" => Answer::file(request, &body),
        "/files/other.whl" => Answer::file(request, &other),
        _ => Answer::new("404 Not Found", ""),
    });
    let (_folder, store) = store();
    let fetcher = indexes(&[server.url("/simple")]);
    fetcher.fetch(&store, &first).unwrap();
    fetcher.clone().fetch(&store, &second).unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(
        requests[0]
            .accept
            .starts_with("application/vnd.pypi.simple.v1+json")
    );
}

#[test]
fn an_html_index_after_a_redirect() {
    let body = bytes(5000);
    let artifact = python(&body);
    let sha256 = artifact.sha256;
    let server = Server::start(move |request| match request.path.as_str() {
        "/old/thing/" => {
            Answer::new("301 Moved Permanently", "").header("Location", "/new/deep/thing/")
        }
        "/new/deep/thing/" => Answer::ok(format!(
            "<a href=\"../../../f/thing-1.whl?x=1&amp;y=2#sha256={sha256}\">thing</a>"
        ))
        .header("Content-Type", "text/html; charset=utf-8"),
        "/f/thing-1.whl?x=1&y=2" => Answer::file(request, &body),
        _ => Answer::new("404 Not Found", ""),
    });
    let (_folder, store) = store();
    indexes(&[server.url("/old/")])
        .fetch(&store, &artifact)
        .unwrap();
}

#[test]
fn indexes_that_do_not_have_it_say_why() {
    let body = bytes(5000);
    let artifact = python(&body);
    let sha256 = artifact.sha256;
    let server = Server::start(move |request| match request.path.as_str() {
        "/other/thing/" => json_page(&[("thing-1.whl", "/f", Sha256([1; 32]))]),
        "/none/thing/" => json_page(&[("thing-2.whl", "/f", sha256)]),
        "/broken/thing/" => Answer::ok("{").header("Content-Type", "application/json"),
        "/gone/thing/" => json_page(&[("thing-1.whl", "/gone", sha256)]),
        "/good/thing/" => json_page(&[("thing-1.whl", "/f", sha256)]),
        "/f" => Answer::file(request, &body),
        _ => Answer::new("404 Not Found", ""),
    });
    let mut addresses: Vec<_> = ["other", "none", "broken", "gone", "absent"]
        .map(|name| server.url(&format!("/{name}")))
        .into();
    let (_folder, store) = store();
    let error = indexes(&addresses).fetch(&store, &artifact).unwrap_err();
    assert!(error.to_string().contains("STRATA_PYTHON_INDEX"), "{error}");
    let answers = [
        "lists thing-1.whl with sha256 0101",
        "does not list thing-1.whl (of 1 files)",
        "the project's page is not PEP 691's JSON",
        "answered 404",
        "answered 404",
    ];
    for (tried, answer) in tried(Err(error)).iter().zip(answers) {
        assert!(tried.answer.starts_with(answer), "{tried:?}");
    }
    addresses.push(server.url("/good"));
    indexes(&addresses).fetch(&store, &artifact).unwrap();
}

#[test]
fn credentials_are_sent_and_never_shown() {
    let body = bytes(100);
    let artifact = python(&body);
    let sha256 = artifact.sha256;
    let sent = body.clone();
    let allowed =
        |request: &Request| request.authorization.as_deref() == Some("Basic dTpzZWNyZXQ=");
    let server = Server::start(move |request| match request.path.as_str() {
        _ if !allowed(request) => Answer::new("401 Unauthorized", ""),
        "/simple/thing/" => json_page(&[("thing-1.whl", "/f", sha256)]),
        "/f" => Answer::file(request, &sent),
        _ => Answer::new("404 Not Found", ""),
    });
    let (_folder, store) = store();
    let with = |password: &str| format!("http://u:{password}@{}/simple", server.host());
    let fetcher = indexes(&[with("wrong-one")]);
    let error = fetcher.fetch(&store, &artifact).unwrap_err();
    assert!(error.to_string().contains("answered 401"), "{error}");
    assert!(!format!("{error} {error:?} {fetcher:?}").contains("wrong-one"));
    indexes(&[with("secret")]).fetch(&store, &artifact).unwrap();
}

#[test]
fn places_on_this_machine() {
    let body = bytes(5000);
    let put = |path: &Path, body: &[u8]| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, body).unwrap();
    };
    let (folder, _) = store();
    let root = folder.path();
    put(&root.join("mirror/pool/t/thing_1.deb"), &body);
    put(&root.join("wheels/thing-1.whl"), &body);
    put(&root.join("by-project/thing/thing-1.whl"), &body);
    put(
        &root.join("simple/thing/index.html"),
        b"<a href='../../wheels/thing-1.whl'>x</a>",
    );
    let at = |name: &str| format!("file://{}", root.join(name).display());
    let cases = [
        (debian(&body), Places::none().with_debian([at("mirror")])),
        (python(&body), Places::none().with_python([at("wheels")])),
        (
            python(&body),
            Places::none().with_python([root.join("by-project").to_str().unwrap()]),
        ),
        (python(&body), Places::none().with_python([at("simple")])),
        (
            artifact(&body, Origin::Url(at("wheels/thing-1.whl"))),
            Ok(Places::none()),
        ),
        (
            artifact(&body, Origin::File("wheels/thing-1.whl".into())),
            Ok(Places::none().with_local(root)),
        ),
    ];
    for (artifact, places) in cases {
        let (_folder, store) = store();
        let path = fetcher(places.unwrap()).fetch(&store, &artifact).unwrap();
        assert_eq!(fs::read(path).unwrap(), body);
        assert_eq!(fs::read(root.join("wheels/thing-1.whl")).unwrap(), body);
    }

    // Things that are no files, and files of another size, are refused and not waited for.
    let (_folder, store) = store();
    let fetcher = fetcher(Places::none().with_local(root));
    put(&root.join("short"), &body[1..]);
    for (name, answer) in [
        ("wheels", "not a file"),
        ("short", "has 4999 bytes"),
        ("none", ""),
    ] {
        let tried = tried(fetcher.fetch(&store, &artifact(&body, Origin::File(name.into()))));
        assert!(tried[0].answer.starts_with(answer), "{tried:?}");
    }
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>, AtomicUsize);

impl Progress for Heard {
    fn start(&self, task: &Task) {
        assert_eq!(task.kind, TaskKind::Fetch);
        self.0
            .lock()
            .unwrap()
            .push(format!("start {} {:?}", task.name, task.total));
    }

    fn advance(&self, _: TaskId, amount: u64) {
        self.1.fetch_add(amount as usize, Ordering::SeqCst);
    }

    fn finish(&self, _: TaskId, done: bool) {
        self.0.lock().unwrap().push(format!("done: {done}"));
    }
}

#[test]
fn progress_adds_up_even_when_a_download_starts_over() {
    let body = bytes(50_000);
    let (_folder, store) = store();
    let artifact = debian(&body);
    fs::write(part_path(&store, &artifact), &body[..20_000]).unwrap();
    let sent = body.clone();
    let server = Server::start(move |_| Answer::ok(&sent[..]));
    let heard = Arc::new(Heard::default());
    let places = Places::none().with_debian([server.url("/debian")]).unwrap();
    let fetcher = Fetcher::new(places, heard.clone(), false);
    fetcher.fetch(&store, &artifact).unwrap();
    fetcher.fetch(&store, &artifact).unwrap();
    assert_eq!(
        *heard.0.lock().unwrap(),
        ["start thing 1 Some(50000)", "done: true"]
    );
    assert_eq!(heard.1.load(Ordering::SeqCst), 50_000);

    let missing = Server::start(|_| Answer::new("404 Not Found", ""));
    let places = Places::none()
        .with_debian([missing.url("/debian")])
        .unwrap();
    let heard = Arc::new(Heard::default());
    let fetcher = Fetcher::new(places, heard.clone(), false);
    fetcher.fetch(&store, &debian(b"other")).unwrap_err();
    assert_eq!(heard.0.lock().unwrap()[1..], ["done: false"]);
}

#[test]
fn stopping_ends_downloads_that_are_under_way() {
    let body = bytes(400_000);
    let (_folder, store) = store();
    let artifact = debian(&body);
    let stopper = Arc::new(std::sync::OnceLock::<Fetcher>::new());
    let (sent, stop) = (body.clone(), stopper.clone());
    let server = Server::start(move |request| {
        if let Some(fetcher) = stop.get() {
            fetcher.stop();
        }
        Answer::file(request, &sent)
    });
    let fetcher = mirrors(&[&server]);
    let other = fetcher.stoppable();
    stopper.set(other.clone()).unwrap();
    let error = other.fetch(&store, &artifact).unwrap_err();
    assert!(matches!(error, Error::Stopped { .. }), "{error}");
    assert!(other.stopped() && !fetcher.stopped());
    assert_eq!(server.requests().len(), 1);
    // What it came from goes on.
    fetcher.fetch(&store, &artifact).unwrap();
}
