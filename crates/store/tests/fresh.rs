//! Files that no digest is known for yet, and what no place has any more.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod making;
#[allow(dead_code)] // what another test file uses of it
mod server;

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use lock::Origin;
use making::{artifact, bytes, fetcher, store};
use server::{Answer, Request, Server};
use strata_layer_store::{Error, Fetcher, Places, Silent};

#[test]
fn what_no_place_has_is_told_from_what_fails() {
    let (_folder, store) = store();
    let body = bytes(1000);
    let one = |path: &str| artifact(&bytes(path.len()), Origin::Debian { path: path.into() });
    let here = one("here");
    let sent = body.clone();
    let answer = move |request: &Request| match request.path.as_str() {
        "/first/in-one" => Answer::new("410 Gone", ""),
        "/second/in-one" | "/first/here" => Answer::ok(&sent[..]),
        "/second/refused!" => Answer::new("403 Forbidden", ""),
        "/second/failing!!" => Answer::new("500 Oh", ""),
        _ => Answer::new("404 Not Found", ""),
    };
    let server = Server::start(answer);
    let places = Places::none()
        .with_debian([server.url("/first"), server.url("/second")])
        .unwrap();
    let fetcher = fetcher(places);
    let all = ["nowhere", "in-one", "refused!", "failing!!", "no-place-!"].map(one);
    let absent = fetcher.absent(&store, &all).unwrap();
    assert_eq!(absent, [all[0].clone(), all[4].clone()]);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.method == "HEAD")
    );
    // What the store has is never absent, and nothing was fetched for the answer.
    let at = format!("downloads/sha256/{}", here.sha256);
    fs::write(store.root().join(at), bytes(4)).unwrap();
    assert_eq!(fetcher.absent(&store, &[here]).unwrap(), []);
    assert!(!fetcher.found_absent());
    fetcher.fetch(&store, &all[2]).unwrap_err();
    assert!(!fetcher.found_absent(), "refused is not absent");
    fetcher.stoppable().fetch(&store, &all[0]).unwrap_err();
    assert!(fetcher.found_absent());
}

#[test]
fn a_file_that_no_digest_is_known_for() {
    let body = bytes(300_000);
    let (folder, store) = store();
    let sent = body.clone();
    let failures = AtomicU64::new(2);
    let server = Server::start(move |request| {
        if request.path.starts_with("/cut/") {
            return Answer::ok(&sent[..]).cut(1000);
        }
        if request.path != "/f/tree%20one.tar.gz?x=1" {
            return Answer::new("404 Not Found", "");
        }
        let busy = failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        match busy {
            Ok(_) => Answer::new("503 Later", ""),
            Err(_) => Answer::ok(&sent[..]),
        }
    });
    let fetcher = fetcher(Places::none());
    let address = server.url("/f/tree%20one.tar.gz?x=1");
    let fresh = fetcher.fetch_fresh(&store, "tree", &address).unwrap();
    let artifact = artifact(&body, Origin::Url(address));
    assert_eq!(fresh.filename, "tree one.tar.gz");
    assert_eq!((fresh.size, fresh.sha256), (300_000, artifact.sha256));
    // From now on it is an artifact that is there.
    let before = server.requests().len();
    fetcher.fetch(&store, &artifact).unwrap();
    assert_eq!(server.requests().len(), before);

    let failed = |address: &str| {
        let error = fetcher.fetch_fresh(&store, "tree", address).unwrap_err();
        error.to_string()
    };
    assert!(failed(&server.url("/none.zip")).contains("/none.zip: answered 404"));
    assert!(failed(&server.url("/cut/a.zip")).contains("/cut/a.zip: "));
    assert!(failed(&server.url("/")).contains("does not end with a file's name"));
    assert!(failed("nonsense").contains("nonsense"));
    let offline = Fetcher::new(Places::none(), Arc::new(Silent), true);
    let error = offline.fetch_fresh(&store, "tree", &server.url("/x.zip"));
    assert!(matches!(error, Err(Error::Offline { .. })));
    // A file of this machine is there offline too. Nothing but the two downloads is left.
    let here = folder.path().join("here.bin");
    fs::write(&here, b"here").unwrap();
    let address = format!("file://{}", here.display());
    assert_eq!(offline.fetch_fresh(&store, "x", &address).unwrap().size, 4);
    let count = |path: &str| fs::read_dir(store.root().join(path)).unwrap().count();
    assert_eq!((count("downloads/sha256"), count("tmp")), (2, 0));
}

#[test]
fn a_wheel_of_an_index_of_its_own_comes_from_there_alone() {
    let body = bytes(2000);
    let (_folder, store) = store();
    let page = "<a href=\"/f/thing-1.whl\">thing-1.whl</a>";
    let (own, sent) = (page.to_owned(), body.clone());
    let own = Server::start(move |request| match request.path.as_str() {
        "/simple/thing/" => Answer::ok(own.as_str()).header("Content-Type", "text/html"),
        "/f/thing-1.whl" => Answer::ok(&sent[..]),
        _ => Answer::new("404 Not Found", ""),
    });
    let other = Server::start(|_| Answer::new("404 Not Found", ""));
    let places = Places::none().with_python([other.url("/simple/")]).unwrap();
    let wheel = artifact(
        &body,
        Origin::Index {
            index: own.url("/simple/"),
            project: "thing".to_owned(),
        },
    );
    fetcher(places).fetch(&store, &wheel).unwrap();
    assert_eq!((own.requests().len(), other.requests().len()), (2, 0));
}
