//! Uploads to registries that forget or refuse a part, and of sources that fail at their end.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use lock::Sha256;
use strata_registry::{BlobSource, Bytes, Client, Error, Options, Patience, Repository};

use crate::support::{
    client,
    front::{Verdict, front},
    http::{Reply, Server},
    noise, options, patience, repository,
    spec::{Spec, Ways},
};

#[test]
fn a_chunk_that_is_forgotten_again_and_again() {
    let patches = AtomicUsize::new(0);
    let server = Server::start(move |head, body| {
        io::copy(body, &mut io::sink()).unwrap();
        let at = |status| Reply::new(status, "").header("Location", "/v2/a/blobs/uploads/1");
        Some(match head.method.as_str() {
            "GET" if head.path == "/v2/" => Reply::new(200, ""),
            "POST" => at(202),
            // It never has more than nothing.
            "GET" => at(204).header("Range", "0-0"),
            // It is asked for ever, were it not for this.
            "PATCH" if patches.fetch_add(1, Ordering::SeqCst) > 60 => Reply::new(418, ""),
            "PATCH" => match head.get("content-range") {
                Some(range) if range.starts_with("0-") => at(202).header("Range", range),
                _ => at(500),
            },
            _ => Reply::new(404, ""),
        })
    });
    let client = Client::new(Options {
        chunk: Some(64 << 10),
        patience: Patience {
            tries: 5,
            ..patience()
        },
        ..options()
    });
    let blob = Bytes::new(noise(1, 256 << 10));
    let pushed = client.push_blob(&repository(&server.host(), "a"), &blob, &[]);
    let error = pushed.unwrap_err();
    let is_it = matches!(
        error,
        Error::Answered {
            status: 500,
            tries: 5,
            ..
        }
    );
    assert!(is_it, "{error:?}");
    assert_eq!(server.count("PATCH"), 10);
}

/// A 400 may be about one request; what says that it knows no PATCH says it for all blobs.
#[test]
fn a_refusal_of_one_blob_is_none_of_the_next() {
    for (status, patches) in [(400, 2), (405, 1), (501, 1)] {
        let registry = Spec::start(Ways::default());
        let refused = AtomicUsize::new(0);
        let proxy = front(
            port(&registry.server.host()),
            move |head| match head.method.as_str() {
                "PATCH" if refused.fetch_add(1, Ordering::SeqCst) == 0 => {
                    Verdict::Answer(Reply::new(status, "no"))
                }
                _ => Verdict::Pass,
            },
            |_, reply| reply,
        );
        let (client, repository) = (client(), repository(&proxy.host(), "a"));
        for seed in [1, 2] {
            let blob = Bytes::new(noise(seed, 5 << 20));
            client.push_blob(&repository, &blob, &[]).unwrap();
            assert!(registry.blob(&blob.digest().to_oci()).is_some());
        }
        assert_eq!(proxy.count("PATCH"), patches, "{status}");
    }
}

/// Gives all that it should, and says at its end that it was wrong.
struct Wrong(Bytes, Option<&'static str>);

impl BlobSource for Wrong {
    fn digest(&self) -> Sha256 {
        self.0.digest()
    }

    fn size(&self) -> u64 {
        self.0.size()
    }

    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let end: Box<dyn Read> = match self.1 {
            Some(problem) => Box::new(End(problem)),
            None => Box::new(&b"more"[..]),
        };
        Ok(Box::new(self.0.open_at(offset)?.chain(end)))
    }
}

struct End(&'static str);

impl Read for End {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other(self.0))
    }
}

#[test]
fn a_source_that_fails_at_its_end_is_not_pushed() {
    let push = |size: usize, chunk, problem| {
        let registry = Spec::start(Ways::default());
        let client = Client::new(Options { chunk, ..options() });
        let blob = Wrong(Bytes::new(noise(3, size)), problem);
        let to: Repository = repository(&registry.server.host(), "a");
        let error = client.push_blob(&to, &blob, &[]).unwrap_err();
        assert!(matches!(error, Error::Source { .. }), "{error:?}");
        assert!(registry.blob(&blob.digest().to_oci()).is_none());
        error.to_string()
    };
    for (size, chunk) in [(1000, None), (5 << 20, None), (5 << 20, Some(1 << 20))] {
        let error = push(size, chunk, Some("the cache's blob is not what it says"));
        assert!(error.contains("is not what it says"), "{error}");
        let error = push(size, chunk, None);
        assert!(error.contains("longer than it should be"), "{error}");
    }
}

/// One patience, whoever tries, and a short one for what has never answered.
#[test]
fn many_threads_give_up_a_silent_registry_together() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let came = Arc::new(AtomicUsize::new(0));
    let count = came.clone();
    // It hangs up on everybody; the thread ends with the tests.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    let client = Client::new(Options {
        plain_http: [host.clone()].into(),
        patience: Patience {
            wait: std::time::Duration::from_millis(250),
            longest: std::time::Duration::from_secs(60),
            ..patience()
        },
        ..options()
    });
    let is_lost = |error: Error| match error {
        Error::Unreachable { tries, .. } => assert_eq!(tries, 4),
        error => panic!("{error:?}"),
    };
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| is_lost(client.tags(&repository(&host, "a")).unwrap_err()));
        }
    });
    assert_eq!(came.load(Ordering::SeqCst), 4);
    // Whoever comes right after that hears it at once.
    is_lost(client.tags(&repository(&host, "a")).unwrap_err());
    assert_eq!(came.load(Ordering::SeqCst), 4);
}

fn port(host: &str) -> u16 {
    host.rsplit_once(':').unwrap().1.parse().unwrap()
}
