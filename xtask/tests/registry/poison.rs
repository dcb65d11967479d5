//! Caches that are wrong: what does not fit its key, its seal, its digest or its diff-id is refused with a
//! warning, that part is made here, and the image is the right one.

use std::process::Output;

use crate::{
    case::{Case, errors, json, whole},
    entries::{Entry, PART},
    servers::debian::Debian,
};

/// Another part of the image.
const OTHER: &str = "runtime";

struct Poisoned {
    case: Case,
    cache: String,
    entry: Entry,
    other: Entry,
}

impl Poisoned {
    fn start() -> Option<Self> {
        let case = Case::start()?;
        let cache = case.fill("cache");
        let (entry, other) = [PART, OTHER]
            .map(|part| Entry::of(&case, &cache, part))
            .into();
        Some(Self {
            case,
            cache,
            entry,
            other,
        })
    }

    /// `image` by the cache, on a machine that has the downloads.
    fn image(&self, name: &str, arguments: &[&str]) -> Output {
        let store = self.case.store_without_parts(name);
        let all = [&["--cache-from", &self.cache, "--json"], arguments].concat();
        self.case.image(&store, &all)
    }

    /// The part was refused for this reason, in one warning, and made; the others came from the cache.
    fn refused(&self, name: &str, arguments: &[&str], why: &str) {
        let output = self.image(name, arguments);
        let said = errors(&output);
        let told = json(&output);
        assert_eq!(
            told["digest"],
            self.case.built.digest.as_str(),
            "{name}: {said}"
        );
        assert_eq!(said.matches("warning:").count(), 1, "{name}: {said}");
        assert!(
            said.contains(why) && said.contains(&self.cache),
            "{name}: {said}"
        );
        let layers = told["layers"].as_array().unwrap().iter();
        for part in layers.flat_map(|layer| layer["parts"].as_array().unwrap()) {
            assert_eq!(
                part["built"].is_null(),
                part["name"] != PART,
                "{name}: {part}"
            );
        }
    }

    /// Nothing is wrong with the cache.
    fn heals(&self, name: &str) {
        self.entry.replace(&self.entry.text);
        let output = self.image(name, &["--pull"]);
        let said = errors(&output);
        assert_eq!(json(&output)["digest"], self.case.built.digest.as_str());
        assert!(!said.contains("warning:"), "{said}");
    }
}

#[test]
fn entries_that_are_not_what_they_should_be() {
    let Some(poisoned) = Poisoned::start() else {
        return;
    };
    let (entry, other) = (&poisoned.entry, &poisoned.other);
    entry.replace(&other.text);
    poisoned.refused("another key's", &[], "the entry of another recipe");

    entry.replace(&entry.with("digest", other));
    poisoned.refused("another blob, the old seal", &[], "seal");
    let text = Entry::sealed(&entry.with("digest", other));
    entry.replace(&text);
    // Its size is another's.
    poisoned.refused("another blob, a new seal", &[], "bytes");

    // In the list of blobs alone.
    let text = entry.text.replacen(&entry.digest(), &other.digest(), 1);
    assert_ne!(text, entry.text);
    entry.replace(&Entry::sealed(&text));
    poisoned.refused("another blob in the list", &[], "points to the blob");
    poisoned.heals("healed");
}

/// Whoever can make a seal can also write a record in which all fits; then its diff-id is held against what
/// comes, and a part that another part of the image is as well is none.
#[test]
fn records_that_fit_themselves() {
    let Some(poisoned) = Poisoned::start() else {
        return;
    };
    let (entry, other) = (&poisoned.entry, &poisoned.other);
    let with = |names: &[&str]| {
        let mut changed = entry.clone();
        for name in names {
            changed.text = changed.with(name, other);
        }
        Entry::sealed(&changed.text)
    };
    entry.replace(&with(&["digest", "size"]));
    poisoned.refused("the blob of another", &["--pull"], "diff-id");
    let nobody = "7".repeat(64);
    entry.replace(&Entry::sealed(&entry.with_value("diff_id", &nobody)));
    poisoned.refused("the diff-id of nothing", &["--pull"], "diff-id");
    entry.replace(&with(&["diff_id"]));
    poisoned.refused("the diff-id of another", &[], "another part");
    entry.replace(&with(&["digest", "size", "diff_id", "diff_size"]));
    poisoned.refused("all of another", &[], "another part");
    entry.replace(&Entry::sealed(&with(&["diff_size"])));
    poisoned.refused("another size", &["--pull"], "bytes");
}

#[test]
fn what_is_wrong_on_the_registrys_disk() {
    let Some(poisoned) = Poisoned::start() else {
        return;
    };
    let entry = &poisoned.entry;
    entry.damage(&poisoned.case);
    poisoned.refused("the document", &[], "not taken");
    entry.replace(&format!("{} ", entry.text));
    let blob = poisoned.case.registry.blob(&entry.digest());
    let good = std::fs::read(&blob).unwrap();
    entry.damage_blob(&poisoned.case);
    poisoned.refused("one byte of the blob", &["--pull"], &entry.digest());
    entry.remove_blob(&poisoned.case);
    poisoned.refused("no blob", &[], "is not there");
    std::fs::write(&blob, &good[1..]).unwrap();
    poisoned.refused("one byte less", &[], "bytes");
    std::fs::write(&blob, &good).unwrap();
    let output = poisoned.image("healed", &["--pull"]);
    assert!(!errors(&output).contains("warning:"), "{}", errors(&output));
}

/// The bytes go from the cache through to another registry: what is wrong is not pushed, but made here.
#[test]
fn a_blob_that_is_streamed_through() {
    let Some(poisoned) = Poisoned::start() else {
        return;
    };
    let Some(target) = Debian::start() else {
        return;
    };
    let case = &poisoned.case;
    poisoned.entry.damage_blob(case);
    poisoned.other.damage_blob(case);
    let store = case.store_without_parts("machine");
    let to = format!("{}/comfyui:today", target.host());
    let output = case.push_from(&store, &to, &["--cache-from", &poisoned.cache]);
    case.is_right(&output);
    let said = errors(&output);
    assert_eq!(said.matches("warning:").count(), 2, "{said}");
    assert_eq!(whole(&to).as_ref(), Some(&case.built.digest));
    // What it has are the right bytes.
    for entry in [&poisoned.entry, &poisoned.other] {
        let bytes = std::fs::read(target.blob(&entry.digest())).unwrap();
        let found = crate::small_image::small_lock::sha256(&bytes);
        assert_eq!(found.to_string(), entry.digest());
    }
}

/// In passing, too, the tar inside is held against the record: no tag comes to name what cannot be unpacked.
#[test]
fn a_record_of_another_tar_in_passing() {
    let Some(poisoned) = Poisoned::start() else {
        return;
    };
    let Some(target) = Debian::start() else {
        return;
    };
    let (case, entry) = (&poisoned.case, &poisoned.entry);
    let nobody = "7".repeat(64);
    entry.replace(&Entry::sealed(&entry.with_value("diff_id", &nobody)));
    let store = case.store_without_parts("machine");
    let to = format!("{}/comfyui:today", target.host());
    let output = case.push_from(&store, &to, &["--cache-from", &poisoned.cache]);
    case.is_right(&output);
    let said = errors(&output);
    assert_eq!(said.matches("warning:").count(), 1, "{said}");
    assert!(said.contains("diff-id"), "{said}");
    assert_eq!(whole(&to).as_ref(), Some(&case.built.digest));
}

/// A seal with a secret is made by those who know it: without it, or with another, all is made here.
#[test]
fn a_secret_on_one_side() {
    let Some(case) = Case::start() else { return };
    let run = |name: &str, secret: &str, arguments: &[&str]| {
        let store = case.store_without_parts(name);
        let mut command = case.image_command(&store, arguments);
        if !secret.is_empty() {
            command.env("STRATA_CACHE_SECRET", secret);
        }
        let output = command.output().unwrap();
        (json(&output), errors(&output))
    };
    let open = case.fill("open");
    let sealed = case.at_registry("sealed");
    let mut fill = case.image_command(&case.store, &["--cache-to", &sealed]);
    case.is_right(&fill.env("STRATA_CACHE_SECRET", "one").output().unwrap());
    for (name, secret, cache, is_taken) in [
        ("no secret here", "", &sealed, false),
        ("no secret there", "one", &open, false),
        ("another secret", "two", &sealed, false),
        ("the secret", "one", &sealed, true),
    ] {
        let (told, said) = run(name, secret, &["--cache-from", cache, "--json"]);
        assert_eq!(told["digest"], case.built.digest.as_str(), "{name}");
        assert_eq!(
            said.contains("STRATA_CACHE_SECRET"),
            !is_taken,
            "{name}: {said}"
        );
        assert!(!said.contains("one\n") && !said.contains("two\n"), "{said}");
        let layers = told["layers"].as_array().unwrap().iter();
        for part in layers.flat_map(|layer| layer["parts"].as_array().unwrap()) {
            assert_eq!(part["built"].is_null(), is_taken, "{name}: {part}");
        }
    }
}
