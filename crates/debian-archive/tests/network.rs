//! A real suite, from a real mirror: fetched, verified, read and resolved. Needs the network; where
//! the machine has no Debian mirror it says so and stops.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{sync::Arc, time::Instant};

use jiff::Timestamp;
use store::{Fetcher, Places, Silent, Store};
use strata_debian_archive::{Archive, Error, Keyring, Opening, Request, resolve, verify};

fn opening<'a>(suite: &'a str, keyring: &'a Keyring) -> Opening<'a> {
    Opening {
        suite,
        snapshot: None,
        keyring,
        now: Timestamp::now(),
    }
}

#[test]
#[ignore = "needs the network"]
fn forky() {
    let places = Places::from_env().unwrap();
    if places.debian().is_empty() {
        println!("skipped: no Debian mirror is known here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let fetcher = Fetcher::new(places, Arc::new(Silent), false);
    // Both roads to the keys, and all lead to the same verdict.
    let mut signers = Vec::new();
    for keyring in [
        Keyring::pinned(&fetcher, &store).unwrap(),
        Keyring::find(&fetcher, &store).unwrap(),
    ] {
        let started = Instant::now();
        let archive = Archive::open(&fetcher, &opening("forky", &keyring)).unwrap();
        println!(
            "{:?}: opened with keys of {}",
            started.elapsed(),
            keyring.from()
        );
        assert_eq!(archive.release.codename, "forky");
        signers.push(archive.signers.clone());
        let packages = archive
            .packages(&store, &["main".to_owned()], "amd64")
            .unwrap();
        println!("{:?}: {} packages", started.elapsed(), packages.len());
        assert!(packages.len() > 50_000);
        let request = Request::new(["python3.14", "git"]).unwrap();
        let resolution = resolve(&packages, &request).unwrap();
        println!(
            "{:?}: {} chosen",
            started.elapsed(),
            resolution.packages.len()
        );
        assert!(resolution.packages["bash"].essential);
        println!(
            "signers {:?}, warnings {:?}",
            archive.signers, archive.warnings
        );
        let missing = archive
            .packages(&store, &["mein".to_owned()], "amd64")
            .unwrap_err();
        assert!(missing.to_string().contains("main"), "{missing}");
    }
    assert_eq!(signers[0], signers[1]);
    assert!(!signers[0].is_empty());

    let keyring = Keyring::pinned(&fetcher, &store).unwrap();
    let error = Archive::open(&fetcher, &opening("no-such-suite", &keyring)).unwrap_err();
    assert!(matches!(error, Error::NoSuite { .. }), "{error}");
}

#[test]
#[ignore = "needs the network"]
fn a_changed_file_is_refused() {
    let places = Places::from_env().unwrap();
    let store_folder = tempfile::tempdir().unwrap();
    let store = Store::open(store_folder.path()).unwrap();
    let fetcher = Fetcher::new(places, Arc::new(Silent), false);
    let keyring = Keyring::pinned(&fetcher, &store).unwrap();
    let now = Timestamp::now().as_second() as u32;
    let read = |place| fetcher.read(place, "dists/forky/InRelease", 32 << 20).ok();
    let Some(good) = fetcher.places().debian().iter().find_map(read) else {
        println!("skipped: no mirror here has forky");
        return;
    };
    let verdict = |bytes: &[u8], now| verify("InRelease", bytes, &keyring, now);
    let signed = verdict(&good, now).unwrap();
    assert!(signed.text.starts_with("Origin: Debian"));

    let text = String::from_utf8(good).unwrap();
    let changed = text.replacen(
        "main/binary-amd64/Packages.xz",
        "main/binary-amd64/Packages.xy",
        1,
    );
    let error = verdict(changed.as_bytes(), now).unwrap_err();
    assert!(matches!(error, Error::Signature { .. }), "{error}");
    assert!(error.to_string().contains("bad signature"), "{error}");

    // Text beside the signed text must not be taken for it.
    for other in [format!("Suite: x\n\n{text}"), format!("{text}\nSuite: x\n")] {
        let error = verdict(other.as_bytes(), now).unwrap_err();
        assert!(matches!(error, Error::Release { .. }), "{error}");
    }
    let unsigned = text.split("\n\n").nth(1).unwrap();
    assert!(matches!(
        verdict(unsigned.as_bytes(), now),
        Err(Error::Release { .. })
    ));

    // The keys of 2025 have not begun in 2001, and have ended in 2060.
    let early = verdict(text.as_bytes(), 1_000_000_000)
        .unwrap_err()
        .to_string();
    assert!(early.contains("future"), "{early}");
    let late = verdict(text.as_bytes(), 2_850_000_000)
        .unwrap_err()
        .to_string();
    assert!(late.contains("expired"), "{late}");
}
