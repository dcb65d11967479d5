//! What the tests share: clients, blobs, and things to talk to.

pub mod debian;
pub mod front;
pub mod http;
pub mod spec;
pub mod tcp;
pub mod token;

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

/// Bytes that no compression shrinks, the same for the same seed.
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        bytes.extend(random.next().to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Xorshift: seeded, so that a failure comes again.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
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

/// Whether a program can be started; says so where it cannot.
pub fn has(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(program).is_file());
    if !found {
        println!("skipped: there is no {program} on PATH");
    }
    found
}

/// Runs a program to its end; its standard output.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
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
