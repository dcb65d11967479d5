//! Whom an InRelease file is believed, and what follows from it: with keys of every kind and an
//! archive in a folder. `keys/make.sh` made the keys and signed on 2022-01-01.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{fs, path::Path, sync::Arc};

use jiff::Timestamp;
use store::{Fetcher, Places, Silent, Store};
use strata_debian_archive::{
    Archive, Error, Keyring, Opening, Request, Signed, Snapshot, resolve, verify,
};

/// A week after the signatures, and a year: when some have expired.
const SOON: &str = "2022-01-07T00:00:00Z";
const LATER: &str = "2023-01-01T00:00:00Z";

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    fs::read(folder.join(name)).unwrap()
}

fn keyring(name: &str) -> Keyring {
    Keyring::parse(name, &file(&format!("{name}.pgp"))).unwrap()
}

fn verdict(signed: &str, keys: &str, when: &str) -> Result<Signed, Error> {
    let now: Timestamp = when.parse().unwrap();
    let bytes = file(&format!("{signed}.asc"));
    verify("InRelease", &bytes, &keyring(keys), now.as_second() as u32)
}

#[test]
fn good_signatures() {
    for (signed, keys) in [
        ("good", "good"),
        ("good", "good-armoured"),
        ("subkey", "subkey"),
        ("expired", "expired"),
        ("subexpired", "subexpired"),
        ("sigexpired", "sigexpired"),
    ] {
        let found = verdict(signed, keys, SOON).unwrap();
        assert!(found.text.starts_with("Origin: Made up\nSuite: testing\n"));
        assert_eq!(found.signers.len(), 1);
        assert_eq!(found.signers[0].len(), 40, "{:?}", found.signers);
    }
}

#[test]
fn signatures_that_do_not_count() {
    for (signed, keys, when, told) in [
        ("good", "subkey", SOON, "no such key"),
        ("expired", "expired", LATER, "the key has expired"),
        ("subexpired", "subexpired", LATER, "the subkey has expired"),
        (
            "sigexpired",
            "sigexpired",
            LATER,
            "the signature has expired",
        ),
        ("revoked", "revoked", SOON, "the key is revoked"),
        ("subrevoked", "subrevoked", SOON, "the subkey is revoked"),
        ("sha1", "sha1", SOON, "weak hash"),
        ("good", "good", "2021-12-31T00:00:00Z", "future"),
    ] {
        let error = verdict(signed, keys, when).unwrap_err();
        assert!(
            matches!(error, Error::Signature { .. }),
            "{signed}: {error}"
        );
        let message = error.to_string();
        assert!(message.contains(told), "{signed}: {message}");
        assert!(message.contains("STRATA_DEBIAN_KEYRING"), "{message}");
    }
}

#[test]
fn texts_that_were_not_signed() {
    let good = String::from_utf8(file("good.asc")).unwrap();
    let now = SOON.parse::<Timestamp>().unwrap().as_second() as u32;
    let verdict = |text: &str| verify("InRelease", text.as_bytes(), &keyring("good"), now);
    assert!(verdict(&good).is_ok());
    // Line ends and spaces at the end of a line are no part of what is signed, nor given back.
    assert_eq!(
        verdict(&good.replace("Suite: testing\n", "Suite: testing \t\n")).unwrap(),
        verdict(&good).unwrap()
    );
    let changed = verdict(&good.replace("Suite: testing", "Suite: stable")).unwrap_err();
    assert!(changed.to_string().contains("bad signature"), "{changed}");
    let (head, rest) = good.split_once("\n\n").unwrap();
    let (text, signature) = rest.split_once("-----BEGIN PGP SIGNATURE").unwrap();
    for bad in [
        text.to_owned(),
        format!("Suite: stable\n{good}"),
        format!("{good}\nSuite: stable\n"),
        format!("{head}\nSuite: stable\n\n{text}-----BEGIN PGP SIGNATURE{signature}"),
        good[..good.len() / 2].to_owned(),
        String::new(),
    ] {
        assert!(verdict(&bad).is_err(), "{bad}");
    }
    // Two texts, each signed: none of them is the file.
    assert!(verdict(&format!("{good}{good}")).is_err());
    assert!(Keyring::parse("empty", b"").is_err());
    assert!(Keyring::parse("text", b"no keys").is_err());
}

/// A folder that is an archive, below which `changed` may differ.
fn archive(folder: &Path, signed: &str) {
    let suite = folder.join("dists/made");
    let packages = file("Packages");
    let text = String::from_utf8(file("good.asc")).unwrap();
    let line = text
        .lines()
        .find(|line| line.ends_with("/Packages"))
        .unwrap();
    let digest = line.split_whitespace().next().unwrap();
    let index = suite.join("main/binary-amd64/by-hash/SHA256").join(digest);
    fs::create_dir_all(index.parent().unwrap()).unwrap();
    fs::write(index, packages).unwrap();
    fs::write(suite.join("InRelease"), file(&format!("{signed}.asc"))).unwrap();
}

struct Machine {
    folder: tempfile::TempDir,
    store: Store,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    fn root(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn open(&self, places: Places, when: &str, snapshot: Option<&str>) -> Result<Archive, Error> {
        let fetcher = Fetcher::new(places, Arc::new(Silent), false);
        let snapshot = snapshot.map(|text| Snapshot::parse(text).unwrap());
        let opening = Opening {
            suite: "made",
            snapshot: snapshot.as_ref(),
            keyring: &keyring("good"),
            now: when.parse().unwrap(),
        };
        Archive::open(&fetcher, &opening)
    }
}

#[test]
fn from_the_signature_to_the_packages() {
    let machine = Machine::new();
    archive(&machine.folder.path().join("a"), "good");
    let places = || Places::none().with_debian([machine.root("a")]).unwrap();
    let opened = machine.open(places(), SOON, None).unwrap();
    assert!(opened.warnings.is_empty());
    let main = ["main".to_owned()];
    let packages = opened.packages(&machine.store, &main, "amd64").unwrap();
    let found = resolve(&packages, &Request::new::<&str>([]).unwrap()).unwrap();
    assert_eq!(
        found.packages["thing"].filename,
        "pool/t/thing_1.0_amd64.deb"
    );
    let error = opened.packages(&machine.store, &main, "arm64").unwrap_err();
    assert!(error.to_string().contains("arm64"), "{error}");

    // An index that is not the one that was signed for.
    let other = Machine::new();
    archive(&other.folder.path().join("a"), "good");
    let folder = other
        .folder
        .path()
        .join("a/dists/made/main/binary-amd64/by-hash/SHA256");
    let index = fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let text = fs::read_to_string(&index).unwrap().replace("1.0", "1.1");
    fs::write(index, text).unwrap();
    let places = Places::none().with_debian([other.root("a")]).unwrap();
    let fetcher = Fetcher::new(places, Arc::new(Silent), false);
    let opening = Opening {
        suite: "made",
        snapshot: None,
        keyring: &keyring("good"),
        now: SOON.parse().unwrap(),
    };
    let opened = Archive::open(&fetcher, &opening).unwrap();
    let error = opened.packages(&other.store, &main, "amd64").unwrap_err();
    assert!(error.to_string().contains("other content"), "{error}");
}

#[test]
fn a_suite_past_its_time_is_a_warning() {
    let machine = Machine::new();
    archive(&machine.folder.path().join("a"), "good");
    let places = Places::none().with_debian([machine.root("a")]).unwrap();
    let opened = machine.open(places, LATER, None).unwrap();
    assert_eq!(opened.warnings.len(), 1);
    assert!(
        opened.warnings[0].contains("2022-01-08"),
        "{:?}",
        opened.warnings
    );
}

#[test]
fn places_in_turn() {
    let machine = Machine::new();
    archive(&machine.folder.path().join("strange"), "subkey");
    archive(&machine.folder.path().join("good"), "good");
    let roots = |names: &[&str]| {
        let roots = names.iter().map(|name| machine.root(name));
        Places::none()
            .with_debian(roots.collect::<Vec<_>>())
            .unwrap()
    };
    assert!(
        machine
            .open(roots(&["none", "strange", "good"]), SOON, None)
            .is_ok()
    );
    let error = machine
        .open(roots(&["none", "strange"]), SOON, None)
        .unwrap_err();
    assert!(matches!(error, Error::Signature { .. }), "{error}");
    let error = machine.open(roots(&["none"]), SOON, None).unwrap_err();
    assert!(matches!(error, Error::NoSuite { .. }), "{error}");
    // The file of another suite, under this one's name.
    let made = machine.folder.path().join("good/dists");
    fs::rename(made.join("made"), made.join("stable")).unwrap();
    let fetcher = Fetcher::new(roots(&["good"]), Arc::new(Silent), false);
    let opening = Opening {
        suite: "stable",
        snapshot: None,
        keyring: &keyring("good"),
        now: SOON.parse().unwrap(),
    };
    let error = Archive::open(&fetcher, &opening).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("expected suite stable, found testing"),
        "{error}"
    );
}

#[test]
fn snapshots() {
    let machine = Machine::new();
    archive(&machine.folder.path().join("old/20220103T000000Z"), "good");
    archive(&machine.folder.path().join("mirror"), "good");
    let mirror = || {
        Places::none()
            .with_debian([machine.root("mirror")])
            .unwrap()
    };
    let set = mirror().with_snapshot(format!("{}/@SNAPSHOTID@", machine.root("old")));
    let opened = machine.open(set, LATER, Some("2022-01-03")).unwrap();
    // That it is old is what was asked for.
    assert!(opened.warnings.is_empty());
    let first = opened.fetcher().places().debian()[0].to_string();
    assert!(first.ends_with("/old/20220103T000000Z/"), "{first}");
    // Without a setting the suite's own Release file says where, and it says nowhere.
    let error = machine
        .open(mirror(), SOON, Some("2022-01-03"))
        .unwrap_err();
    let told = "file:///nowhere/20220103T000000Z/dists/made/InRelease";
    assert!(error.to_string().contains(told), "{error}");
}
