//! Basic and bearer authentication by Debian's `docker-registry`: right, wrong, missing and expiring
//! credentials, from the caller, from files and from helper programs.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use strata_registry::{Bytes, Client, Credentials, Error, Login, Options, Pushed};

use crate::support::{
    self, child, client,
    debian::Debian,
    front::{Verdict, front},
    login, noise, options, repository, token,
};

fn with_files(files: &[&Path]) -> Client {
    let files = files.iter().map(|file| file.to_path_buf());
    Client::new(Options {
        credentials: Credentials::files(files),
        ..options()
    })
}

fn push(client: &Client, registry: &str, name: &str) -> strata_registry::Result<Pushed> {
    let blob = Bytes::new(noise(10, 5 << 20));
    client.push_blob(&repository(registry, name), &blob, &[])
}

#[test]
fn basic() {
    let Some(registry) = Debian::guarded() else {
        return;
    };
    let pushed = push(&login("me", "right"), &registry.host(), "a").unwrap();
    assert!(matches!(pushed, Pushed::Uploaded { .. }));
}

#[test]
fn a_wrong_password_is_one_clear_error() {
    let Some(registry) = Debian::guarded() else {
        return;
    };
    let client = login("me", "hunter2");
    let error = push(&client, &registry.host(), "a").unwrap_err();
    assert!(matches!(error, Error::WrongCredentials { .. }), "{error:?}");
    let text = format!("{error} {error:?} {client:?}");
    assert!(
        text.contains("does not take the credentials of user \"me\""),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
    // The question what is asked for, and one try; the next call does not try again.
    assert_eq!(
        (registry.count("GET", 401), registry.count("HEAD", 401)),
        (1, 1)
    );
    assert!(push(&client, &registry.host(), "b").is_err());
    assert_eq!(
        (registry.count("GET", 401), registry.count("HEAD", 401)),
        (1, 1)
    );
}

#[test]
fn no_credentials() {
    let Some(registry) = Debian::guarded() else {
        return;
    };
    let error = push(&client(), &registry.host(), "a").unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::NoCredentials { .. }), "{error:?}");
    assert!(
        text.contains(&format!("docker login {}", registry.host())),
        "{text}"
    );
}

#[test]
fn credentials_in_files() {
    let Some(registry) = Debian::guarded() else {
        return;
    };
    let folder = registry.folder.path();
    let auth = |pair: &str| format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(pair));
    let docker = folder.join("docker.json");
    let text = format!(r#"{{"auths":{{"other.test":{}}}}}"#, auth("a:b"));
    fs::write(&docker, text).unwrap();
    let podman = folder.join("auth.json");
    let (right, wrong) = (auth("me:right"), auth("me:wrong"));
    let host = registry.host();
    let text = format!(r#"{{"auths":{{"{host}":{wrong},"{host}/team":{right}}}}}"#);
    fs::write(&podman, text).unwrap();
    let missing = folder.join("missing.json");
    push(&with_files(&[&missing, &docker, &podman]), &host, "team/a").unwrap();
    let error = push(&with_files(&[&docker, &podman]), &host, "b")
        .unwrap_err()
        .to_string();
    assert!(error.contains(&podman.display().to_string()), "{error}");
    fs::write(&docker, "{").unwrap();
    let error = push(&with_files(&[&docker, &podman]), &host, "team/b")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("docker.json") && error.contains("hint: "),
        "{error}"
    );
}

#[test]
fn a_helper_program() {
    let Some(registry) = Debian::guarded() else {
        return;
    };
    let folder = registry.folder.path();
    let script = |name: &str, text: &str| {
        let path = folder.join(format!("docker-credential-{name}"));
        fs::write(&path, format!("#!/bin/sh\nread -r server\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    script(
        "good",
        r#"printf '{"ServerURL":"%s","Username":"me","Secret":"right"}' "$server""#,
    );
    script(
        "none",
        "echo 'credentials not found in native keychain'; exit 1",
    );
    script(
        "bad",
        "echo 'the vault is locked'; echo hunter3 > /dev/null; exit 3",
    );
    script("odd", "echo hunter2");
    let host = registry.host();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let push_with = |config: &str| {
        fs::write(folder.join("config.json"), config).unwrap();
        child(
            "auth::push_as_this_machine_would",
            &[
                ("PATH", &path),
                ("DOCKER_CONFIG", &folder.display().to_string()),
                ("REGISTRY_AUTH_FILE", ""),
                ("XDG_RUNTIME_DIR", ""),
                ("HOME", "/nowhere"),
                // A proxy that is not there: none is asked for this machine.
                ("HTTP_PROXY", "http://127.0.0.1:1"),
                ("HTTPS_PROXY", "http://127.0.0.1:1"),
                ("TEST_REGISTRY", &host),
            ],
        )
    };
    let helpers = |helper: &str| format!(r#"{{"credHelpers":{{"{host}":"{helper}"}}}}"#);
    let (good, text) = push_with(&helpers("good"));
    assert!(good, "{text}");
    let (good, text) = push_with(r#"{"credsStore":"good"}"#);
    assert!(good, "{text}");
    let auth = STANDARD.encode("me:right");
    let both = format!(r#"{{"credsStore":"none","auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#);
    let (good, text) = push_with(&both);
    assert!(good, "{text}");
    for (helper, part) in [
        ("bad", "the vault is locked"),
        ("odd", "has no Username and Secret"),
        ("absent", "there is no such program on PATH"),
        ("../good", "has a slash"),
    ] {
        let (good, text) = push_with(&helpers(helper));
        assert!(
            !good && text.contains(part) && !text.contains("hunter2"),
            "{text}"
        );
    }
}

#[test]
#[ignore = "run by other tests, in a process of its own"]
fn push_as_this_machine_would() {
    let host = std::env::var("TEST_REGISTRY").unwrap();
    let options = Options {
        patience: support::patience(),
        ..Options::default()
    };
    if let Err(error) = push(&Client::new(options), &host, "helped") {
        panic!("{error}");
    }
}

#[test]
fn bearer() {
    let Some((registry, tokens)) = token::registry(300) else {
        return;
    };
    let client = login(token::USER.0, token::USER.1);
    let host = registry.host();
    push(&client, &host, "team/a").unwrap();
    // One token for looking, beginning, sending and closing.
    assert_eq!(tokens.requests().len(), 1, "{:?}", tokens.requests());
    assert!(matches!(
        push(&client, &host, "team/a").unwrap(),
        Pushed::Present
    ));
    assert_eq!(tokens.requests().len(), 1);
    // A mount needs the right to read beside.
    let blob = Bytes::new(noise(10, 5 << 20));
    let (from, to) = (repository(&host, "team/a"), repository(&host, "team/b"));
    assert_eq!(
        client.push_blob(&to, &blob, &[from]).unwrap(),
        Pushed::Mounted
    );
    let last = tokens.requests().pop().unwrap().path;
    assert!(
        last.contains("team%2Fb%3Apull%2Cpush&scope=repository%3Ateam%2Fa%3Apull"),
        "{last}"
    );
    assert_eq!(registry.count("PATCH", 401) + registry.count("PUT", 401), 0);
}

#[test]
fn bearer_with_an_identity_token() {
    let Some((registry, tokens)) = token::registry(300) else {
        return;
    };
    let file = registry.folder.path().join("auth.json");
    let host = registry.host();
    let entry = |token: &str| format!(r#"{{"auths":{{"{host}":{{"identitytoken":"{token}"}}}}}}"#);
    fs::write(&file, entry(token::REFRESH)).unwrap();
    push(&with_files(&[&file]), &host, "a").unwrap();
    assert_eq!(tokens.count("POST"), 1);
    fs::write(&file, entry("hunter2")).unwrap();
    let error = push(&with_files(&[&file]), &host, "b").unwrap_err();
    assert!(matches!(error, Error::WrongCredentials { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    assert_eq!(tokens.count("POST"), 2);
}

#[test]
fn bearer_with_a_wrong_password_or_none() {
    let Some((registry, tokens)) = token::registry(300) else {
        return;
    };
    let host = registry.host();
    let client = login("me", "hunter2");
    let error = push(&client, &host, "a").unwrap_err();
    assert!(matches!(error, Error::WrongCredentials { .. }), "{error:?}");
    assert!(error.to_string().contains("no such user"), "{error}");
    assert!(push(&client, &host, "a").is_err());
    assert_eq!(tokens.requests().len(), 1);
    // Anyone may read what is public, and nobody may write it.
    push(&login("me", "right"), &host, "public/a").unwrap();
    let anyone = support::client();
    let blob = Bytes::new(noise(10, 5 << 20));
    let public = repository(&host, "public/a");
    use strata_registry::BlobSource;
    let size = anyone.head_blob(&public, &blob.digest()).unwrap();
    assert_eq!(size, Some(blob.size()));
    let error = anyone
        .push_blob(&repository(&host, "public/b"), &blob, &[])
        .unwrap_err();
    assert!(matches!(error, Error::NoCredentials { .. }), "{error:?}");
    let error = push(
        &Client::new(Options {
            credentials: Credentials::login(Login::new("me", "right")),
            ..options()
        }),
        &host,
        "public/c",
    );
    assert!(error.is_ok());
}

#[test]
fn a_token_that_expires_in_mid_push_is_renewed() {
    let Some((registry, tokens)) = token::registry(300) else {
        return;
    };
    // The proxy finds each third token worn out, once.
    let worn = AtomicU64::new(0);
    let proxy = front(
        registry.port,
        move |head| {
            let late = head.method == "PATCH" && worn.fetch_add(1, Ordering::SeqCst) == 1;
            match late {
                true => Verdict::Answer(
                    support::http::Reply::new(401, r#"{"errors":[{"code":"UNAUTHORIZED"}]}"#).header(
                        "WWW-Authenticate",
                        format!(
                            r#"Bearer realm="http://{}/token",service="registry",error="invalid_token""#,
                            tokens.host()
                        ),
                    ),
                ),
                false => Verdict::Pass,
            }
        },
        |_, reply| reply,
    );
    let client = Client::new(Options {
        credentials: Credentials::login(Login::new("me", "right")),
        chunk: Some(1 << 20),
        ..options()
    });
    let pushed = push(&client, &proxy.host(), "a").unwrap();
    assert_eq!(pushed, Pushed::Uploaded { bytes: 5 << 20 });
}

#[test]
fn who_may_not_do_a_thing_is_told_so() {
    use support::http::{Reply, Server};
    let denied = r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#;
    let tokens = Server::start(move |_, _| Some(Reply::new(403, denied)));
    let challenge = format!(r#"Bearer realm="http://{}/",service="x""#, tokens.host());
    let by_token =
        Server::start(move |_, _| Some(Reply::new(401, "").header("WWW-Authenticate", &challenge)));
    let at_once = Server::start(move |head, _| match head.path.as_str() {
        "/v2/" => Some(Reply::new(200, "")),
        _ => Some(Reply::new(403, denied)),
    });
    for server in [&by_token, &at_once] {
        let repository = repository(&server.host(), "a");
        let client = login("me", "right");
        for _ in 0..2 {
            let error = client.tags(&repository).unwrap_err();
            assert!(matches!(error, Error::Denied { .. }), "{error:?}");
            assert!(error.to_string().contains("DENIED: not yours"), "{error}");
        }
    }
    // Asked once each time: there is no use in asking again.
    assert_eq!((tokens.requests().len(), at_once.requests().len()), (2, 3));
}

#[test]
fn a_scope_that_the_registry_wants_is_asked_for() {
    use support::http::{Reply, Server};
    let tokens = Server::start(|head, _| {
        let token = match head.path.contains("scope=special") {
            true => "special",
            false => "plain",
        };
        Some(Reply::new(200, format!(r#"{{"token":"{token}"}}"#)))
    });
    let realm = format!("http://{}/", tokens.host());
    let server = Server::start(move |head, _| {
        let challenge = format!(r#"Bearer realm="{realm}""#);
        let (answer, challenge) = match (head.path.as_str(), head.get("authorization")) {
            ("/v2/", _) => (401, challenge),
            (_, Some("Bearer special")) => (200, challenge),
            _ => (
                401,
                challenge + r#",scope="special",error="insufficient_scope""#,
            ),
        };
        Some(Reply::new(answer, r#"{"tags":["a"]}"#).header("WWW-Authenticate", challenge))
    });
    let tags = client().tags(&repository(&server.host(), "a")).unwrap();
    assert_eq!(tags, ["a"]);
    assert_eq!(tokens.requests().len(), 2);
}

#[test]
fn credentials_are_not_sent_to_strangers() {
    // A registry on this machine that names a token server by plain http elsewhere.
    let server = support::http::Server::start(|_, _| {
        let challenge = r#"Bearer realm="http://evil.test/token",service="x""#;
        Some(support::http::Reply::new(401, "").header("WWW-Authenticate", challenge))
    });
    let error = push(&login("me", "right"), &server.host(), "a").unwrap_err();
    assert!(matches!(error, Error::Unsafe { .. }), "{error:?}");
    assert!(error.to_string().contains("http://evil.test"), "{error}");
}

#[test]
fn a_redirect_takes_no_credentials_along() {
    let elsewhere =
        support::http::Server::start(|_, _| Some(support::http::Reply::new(200, "hello")));
    let target = format!("http://{}/blob?signed=1", elsewhere.host());
    let server = support::http::Server::start(move |head, _| {
        use support::http::Reply;
        Some(match head.get("authorization") {
            None => Reply::new(401, "").header("WWW-Authenticate", "Basic realm=x"),
            Some(_) if head.path.contains("/blobs/") => {
                Reply::new(307, "").header("Location", &target)
            }
            Some(_) => Reply::new(200, ""),
        })
    });
    use strata_registry::BlobSource;
    let digest = Bytes::new("hello").digest();
    let client = login("me", "right");
    let bytes = client
        .blob_bytes(&repository(&server.host(), "a"), &digest, 10)
        .unwrap();
    assert_eq!(bytes.unwrap(), b"hello");
    let got = elsewhere.requests();
    let got = got
        .iter()
        .find(|head| head.path.starts_with("/blob"))
        .unwrap();
    assert_eq!(got.get("authorization"), None);
}
