//! Downloads that go wrong, on the wire and in the store: one error that names the artifact, what was
//! expected and what was found; and a good mirror afterwards is enough.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};

use lock::Artifact;

use crate::{
    mirror::{Mirror, Mood},
    program::{digest, failure, image_from},
    small_lock::{sha256, write_lock},
    stores::{Reference, download, forget, forget_part, packages, reference, replace, scratch},
};

#[test]
fn a_wheel_goes_wrong() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let forget = |store: &Path| forget_part(store, "deps packages");
    Case::new(reference, folder.path(), "pyyaml", &forget).goes_wrong_in_all_ways();
}

#[test]
fn a_debian_package_goes_wrong() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let forget = |store: &Path| {
        forget(store, &["results/debian-stage"]);
        forget_part(store, "debian");
    };
    Case::new(reference, folder.path(), "sed", &forget).goes_wrong_in_all_ways();
}

#[test]
fn a_mirror_that_has_nothing() {
    let Some(reference) = reference() else { return };
    let folder = scratch();
    let lock = write_lock(folder.path());
    let store = folder.path().join("store");
    let mirror = reference.mirror();
    let all = packages(&reference.lock);
    let run = || image_from(&lock, &store, &mirror).output().unwrap();
    for (mood, status) in [(Mood::Gone, "404"), (Mood::Broken, "500")] {
        mirror.serve_all(Some(mood));
        let error = failure(&run());
        let named = |one: &&Artifact| error.contains(&format!("cannot fetch {} (", one.name));
        let named: Vec<&Artifact> = all.iter().filter(named).collect();
        let [one] = named.as_slice() else {
            panic!("{mood:?}: {} packages named: {error}", named.len());
        };
        for word in [&one.filename, &one.sha256.to_string(), status, "hint: set "] {
            assert!(error.contains(word), "{mood:?}: no {word:?} in {error}");
        }
        let has = |one: &Artifact| download(&store, &one.sha256).exists();
        assert!(!all.iter().any(has), "{mood:?}");
    }
    mirror.serve_all(None);
    assert_eq!(digest(&run()), reference.digest);
}

/// A store in which one package is needed again, and a mirror.
struct Case<'a> {
    lock: PathBuf,
    store: PathBuf,
    mirror: Mirror,
    artifact: Artifact,
    /// Forgets what was made of the package.
    forget: &'a dyn Fn(&Path),
    expected: &'a str,
}

impl<'a> Case<'a> {
    fn new(
        reference: &'a Reference,
        folder: &Path,
        package: &str,
        forget: &'a dyn Fn(&Path),
    ) -> Self {
        let mut all = packages(&reference.lock).into_iter();
        let named = all.find(|artifact| artifact.name.split(' ').next() == Some(package));
        Self {
            lock: write_lock(folder),
            store: reference.copy(folder),
            mirror: reference.mirror(),
            artifact: named.unwrap(),
            forget,
            expected: &reference.digest,
        }
    }

    fn goes_wrong_in_all_ways(&self) {
        let at = download(&self.store, &self.artifact.sha256);
        let name = &self.artifact.filename;
        let good = fs::read(&at).unwrap();
        let mut flipped = good.clone();
        flipped[good.len() / 3] ^= 1;
        let (right, other) = (
            self.artifact.sha256.to_string(),
            sha256(&flipped).to_string(),
        );
        let size = self.artifact.size;
        let sizes = [size, size / 2, size / 3].map(|size| format!("{size} bytes"));
        let [whole, half, _] = sizes.each_ref().map(String::as_str);
        let third = format!("broke off after {} of {whole}", size / 3);

        fs::remove_file(&at).unwrap();
        for (mood, words) in [
            (Mood::Flipped, [right.as_str(), &other]),
            (Mood::Half, [whole, half]),
            (Mood::BreaksOff, [&right, &third]),
            (Mood::Gone, [&right, "404"]),
            (Mood::Broken, [&right, "500"]),
        ] {
            self.mirror.serve(name, Some(mood));
            self.fails(&format!("{mood:?}"), words);
            // Nothing that is not the artifact may have its place.
            assert!(!at.exists(), "{mood:?}");
        }
        self.mirror.serve(name, Some(Mood::Halting));
        self.heals("connections that break off and go on");

        // In the store itself, where the mirror is good: told once, and then fetched anew.
        self.mirror.serve(name, None);
        replace(&at, &flipped);
        self.fails("flipped in the store", [&right, &other]);
        assert!(!at.exists(), "the damaged download is removed");
        fs::write(&at, &good[..good.len() / 2]).unwrap();
        self.fails("cut in the store", [whole, half]);
        self.heals("damage in the store");
    }

    fn run(&self) -> Output {
        (self.forget)(&self.store);
        let mut command = image_from(&self.lock, &self.store, &self.mirror);
        command.output().unwrap()
    }

    fn fails(&self, what: &str, words: [&str; 2]) {
        let error = failure(&self.run());
        for word in words.into_iter().chain([self.artifact.name.as_str()]) {
            assert!(error.contains(word), "{what}: no {word:?} in {error}");
        }
    }

    fn heals(&self, after: &str) {
        assert_eq!(digest(&self.run()), self.expected, "after {after}");
    }
}
