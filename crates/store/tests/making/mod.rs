//! What tests of the fetcher have in common: made-up artifacts, a store, a fetcher that does not wait.
#![allow(dead_code)] // each test file uses some of it

use std::{sync::Arc, time::Duration};

use lock::{Artifact, Origin, Sha256};
use sha2::Digest;
use strata_layer_store::{Fetcher, Places, Silent, Store};

pub fn bytes(size: usize) -> Vec<u8> {
    (0..size as u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .take(size)
        .collect()
}

pub fn artifact(body: &[u8], origin: Origin) -> Artifact {
    let sha256 = Sha256(sha2::Sha256::digest(body).into());
    let (name, filename) = ("thing 1".to_owned(), "thing-1.whl".to_owned());
    Artifact {
        name,
        filename,
        size: body.len() as u64,
        sha256,
        origin,
    }
}

pub fn debian(body: &[u8]) -> Artifact {
    artifact(
        body,
        Origin::Debian {
            path: "pool/t/thing_1.deb".to_owned(),
        },
    )
}

pub fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    (folder, store)
}

pub fn fetcher(places: Places) -> Fetcher {
    Fetcher::new(places, Arc::new(Silent), false).with_patience(3, Duration::from_millis(1))
}
