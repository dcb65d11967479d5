//! What the tests share: clients, blobs, and things to talk to.

pub mod spec;

pub use crate::servers::{Random, debian, front, has, http, noise, run, self_signed, tcp, token};

use std::{process::Command, time::Duration};

use strata_registry::{
    BlobSource, Bytes, Client, Credentials, Login, Options, Patience, Repository, media_type,
};

/// Short waits: a test has no patience.
pub fn patience() -> Patience {
    Patience {
        tries: 8,
        wait: Duration::from_millis(5),
        longest: Duration::from_millis(40),
        obeyed: Duration::from_secs(3),
    }
}

pub fn options() -> Options {
    Options {
        credentials: Credentials::none(),
        patience: patience(),
        ..Options::default()
    }
}

pub fn client() -> Client {
    Client::new(options())
}

pub fn login(username: &str, password: &str) -> Client {
    Client::new(Options {
        credentials: Credentials::login(Login::new(username, password)),
        ..options()
    })
}

/// The manifest of an image of one layer.
pub fn manifest(config: &Bytes, layer: &Bytes) -> String {
    let entry = |kind: &str, blob: &Bytes| {
        format!(
            r#"{{"mediaType":"{kind}","digest":"{}","size":{}}}"#,
            blob.digest().to_oci(),
            blob.size()
        )
    };
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{},"layers":[{}]}}"#,
        media_type::MANIFEST,
        entry("application/vnd.oci.image.config.v1+json", config),
        entry("application/vnd.oci.image.layer.v1.tar", layer),
    )
}

/// The config of an image of one layer.
pub fn config(layer: &Bytes) -> Bytes {
    Bytes::new(format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
        layer.digest().to_oci()
    ))
}

pub fn repository(host: &str, name: &str) -> Repository {
    format!("{host}/{name}").parse().unwrap()
}

/// Runs an ignored test of this program in a process of its own, with other variables.
pub fn child(test: &str, variables: &[(&str, &str)]) -> (bool, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            test,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("running 1 test"), "{text}");
    (output.status.success(), text)
}

/// Pushes a manifest by its digest alone.
pub fn push_untagged(client: &Client, repository: &Repository, text: &str) {
    let own = Bytes::new(text).digest();
    client
        .push_manifest(repository, own, media_type::MANIFEST, text.as_bytes())
        .unwrap();
}
