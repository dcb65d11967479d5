//! Who is let in where, which refusal is whose, and what people are told of it.

use std::{fs, io::Read, net::TcpListener, os::unix::fs::PermissionsExt};

use base64::{Engine, engine::general_purpose::STANDARD};
use strata_registry::{
    BlobSource, By, Bytes, Client, Credentials, Error, Login, Options, Pushed, media_type,
};

use crate::support::{
    child, client,
    front::{Verdict, front},
    http::{Reply, Server},
    login, noise, options, repository,
    spec::{Spec, Ways},
};

#[test]
fn a_login_that_expired_is_no_matter_of_a_repository_beside() {
    let right = format!("Basic {}", STANDARD.encode("b:right"));
    let server = Server::start(move |head, _| {
        Some(match head.get("authorization") {
            Some(given) if given == right => Reply::new(200, r#"{"tags":["x"]}"#),
            _ => Reply::new(401, "").header("WWW-Authenticate", "Basic realm=x"),
        })
    });
    let host = server.host();
    let file = tempfile::NamedTempFile::new().unwrap();
    let auth = |pair: &str| format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(pair));
    let text = format!(
        r#"{{"auths":{{"{host}/team-a":{},"{host}/team-b":{}}}}}"#,
        auth("a:expired"),
        auth("b:right")
    );
    fs::write(file.path(), text).unwrap();
    let client = Client::new(Options {
        credentials: Credentials::files([file.path().to_owned()]),
        ..options()
    });
    let tags = |name| client.tags(&repository(&host, name));
    for name in ["team-a/x", "team-a/y"] {
        let error = tags(name).unwrap_err();
        assert!(
            matches!(&error, Error::WrongCredentials { user, .. } if user == "a"),
            "{error:?}"
        );
    }
    assert_eq!(tags("team-b/x").unwrap(), ["x"]);
    // What it asks for, one try of a, and none for the second; and b's.
    assert_eq!(server.requests().len(), 3);
}

/// A registry that wants tokens, of a server that answers requests for two repositories with `status`.
fn with_tokens(status: u16) -> (Server, Server) {
    let tokens = Server::start(move |head, _| {
        Some(match head.path.matches("scope=").count() {
            1 => Reply::new(200, r#"{"token":"good"}"#),
            _ => Reply::new(status, r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#),
        })
    });
    let challenge = format!(r#"Bearer realm="http://{}/",service="x""#, tokens.host());
    let server = Server::start(move |head, _| {
        let at = "/v2/a/blobs/uploads/1";
        Some(match (head.method.as_str(), head.get("authorization")) {
            (_, None) => Reply::new(401, "").header("WWW-Authenticate", &challenge),
            ("HEAD", _) => Reply::new(404, ""),
            ("POST", _) => Reply::new(202, "").header("Location", at),
            _ => Reply::new(201, ""),
        })
    });
    (server, tokens)
}

#[test]
fn a_mount_that_gets_no_token_is_an_upload() {
    for status in [401, 403] {
        for client in [login("me", "right"), client()] {
            let (server, tokens) = with_tokens(status);
            let (to, from) = (
                repository(&server.host(), "a"),
                repository(&server.host(), "b"),
            );
            for seed in 0..3 {
                let blob = Bytes::new(noise(seed, 100));
                let pushed = client.push_blob(&to, &blob, std::slice::from_ref(&from));
                assert_eq!(pushed.unwrap(), Pushed::Uploaded { bytes: 100 });
            }
            // Another repository is as open as it was.
            let (to, blob) = (repository(&server.host(), "c"), Bytes::new("c"));
            let pushed = client.push_blob(&to, &blob, &[]).unwrap();
            assert_eq!(pushed, Pushed::Uploaded { bytes: 1 });
            // A refused login is not shown for the same two again.
            let shown = tokens.requests().into_iter();
            let shown = shown
                .filter(|head| head.get("authorization").is_some())
                .count();
            assert!(status != 401 || shown <= 3, "{shown}");
        }
    }
}

#[test]
fn a_token_server_that_does_not_understand_refuses_nobody() {
    let tokens = Server::start(|_, _| Some(Reply::new(400, "what scope?")));
    let challenge = format!(r#"Bearer realm="http://{}/",service="x""#, tokens.host());
    let server =
        Server::start(move |_, _| Some(Reply::new(401, "").header("WWW-Authenticate", &challenge)));
    let client = login("me", "right");
    for _ in 0..2 {
        let error = client.tags(&repository(&server.host(), "a")).unwrap_err();
        assert!(matches!(error, Error::Odd { .. }), "{error:?}");
        assert!(error.to_string().contains("400: what scope?"), "{error}");
    }
    assert_eq!(tokens.requests().len(), 2);
}

#[test]
fn a_403_of_a_server_elsewhere_is_not_about_the_user() {
    let elsewhere = Server::start(|_, _| Some(Reply::new(403, "expired")));
    let target = format!("http://{}/signed", elsewhere.host());
    let server = Server::start(move |head, _| {
        Some(match head.path.as_str() {
            "/v2/" => Reply::new(200, ""),
            _ => Reply::new(307, "").header("Location", &target),
        })
    });
    let digest = Bytes::new("x").digest();
    let client = login("me", "right");
    let error = client.pull_blob(&repository(&server.host(), "a"), &digest, 1);
    let error = error.unwrap_err();
    assert!(
        matches!(error, Error::Answered { status: 403, .. }),
        "{error:?}"
    );
}

/// Hints are for those whom they help.
#[test]
fn hints() {
    let guarded = Server::start(|_, _| {
        Some(Reply::new(401, "").header("WWW-Authenticate", r#"Basic realm="x""#))
    });
    let said = |credentials: Credentials| {
        let client = Client::new(Options {
            credentials,
            ..options()
        });
        let error = client.tags(&repository(&guarded.host(), "a")).unwrap_err();
        assert!(matches!(error, Error::NoCredentials { .. }), "{error:?}");
        error.to_string()
    };
    let none = Credentials::none;
    let plain = said(none().with_variables_for("other.test"));
    assert!(
        plain.contains("docker login") && !plain.contains("STRATA_"),
        "{plain}"
    );
    let helped = said(none().with_variables_for(&guarded.host()));
    assert!(helped.contains("STRATA_REGISTRY_PASSWORD"), "{helped}");

    let wrong = format!("sha256:{}", "7".repeat(64));
    let server = Server::start(move |head, _| {
        let is_manifest = head.path.contains("/manifests/");
        Some(match head.method.as_str() {
            "GET" if head.path == "/v2/" => Reply::new(200, ""),
            "PUT" if is_manifest => Reply::new(201, "").header("Docker-Content-Digest", &wrong),
            _ => Reply::new(404, ""),
        })
    });
    let (client, to) = (client(), repository(&server.host(), "a"));
    let tagged = client.push_manifest(&to, By::Tag("x"), media_type::MANIFEST, b"{}");
    let tagged = tagged.unwrap_err().to_string();
    assert!(
        tagged.contains("at fault") && !tagged.contains("nothing was tagged"),
        "{tagged}"
    );
    let blob = Bytes::new("x");
    let read = client
        .pull_blob(&to, &blob.digest(), 1)
        .unwrap_err()
        .to_string();
    assert!(read.contains("404") && !read.contains("hint:"), "{read}");
    let pushed = client.push_blob(&to, &blob, &[]).unwrap_err().to_string();
    assert!(pushed.contains("before the first push"), "{pushed}");
}

/// Plain http is for the registry that it was said for, whatever the case of its name.
#[test]
fn plain_http_is_for_one_registry() {
    let [plain, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let host = |listener: &TcpListener| {
        let port = listener.local_addr().unwrap().port();
        format!("localhost:{port}")
    };
    let client = Client::new(Options {
        plain_http: [host(&plain).to_uppercase()].into(),
        credentials: Credentials::login(Login::new("me", "right")),
        patience: strata_registry::Patience {
            tries: 1,
            ..crate::support::patience()
        },
        ..options()
    });
    for (listener, first) in [(plain, b'G'), (other, 0x16)] {
        let repository = repository(&host(&listener), "a");
        let came = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            byte[0]
        });
        assert!(client.tags(&repository).is_err());
        assert_eq!(came.join().unwrap(), first);
    }
}

#[test]
fn helpers_do_not_get_our_secrets() {
    let spec = Spec::start(Ways::default());
    let port = spec
        .server
        .host()
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let proxy = front(
        port,
        |head| match head.get("authorization") {
            Some(_) => Verdict::Pass,
            None => Verdict::Answer(
                Reply::new(401, "").header("WWW-Authenticate", r#"Basic realm="x""#),
            ),
        },
        |_, reply| reply,
    );
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let helper = at("docker-credential-nosy");
    let script = format!(
        "#!/bin/sh\nenv > {}\nprintf '{{\"Username\":\"me\",\"Secret\":\"x\"}}'\n",
        at("seen").display()
    );
    fs::write(&helper, script).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(at("config.json"), r#"{"credsStore":"nosy"}"#).unwrap();
    let path = format!(
        "{}:{}",
        folder.path().display(),
        std::env::var("PATH").unwrap()
    );
    let (good, text) = child(
        "auth::push_as_this_machine_would",
        &[
            ("PATH", &path),
            ("DOCKER_CONFIG", &folder.path().display().to_string()),
            ("TEST_REGISTRY", &proxy.host()),
            ("STRATA_REGISTRY_USERNAME", "our-user"),
            ("STRATA_REGISTRY_PASSWORD", "our-password"),
            ("STRATA_CACHE_SECRET", "our-secret"),
        ],
    );
    assert!(good, "{text}");
    let seen = fs::read_to_string(at("seen")).unwrap();
    assert!(seen.contains("TEST_REGISTRY"), "{seen}");
    assert!(!seen.contains("our-"), "{seen}");
}
