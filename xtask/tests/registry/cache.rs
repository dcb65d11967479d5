//! A cache in a registry: a machine with nothing makes the image's digest by it, moving little; brings what
//! is wanted; and pushes beside it without sending anything.

use std::{
    fs,
    path::Path,
    process::{Output, Stdio},
};

use serde_json::Value;

use crate::{
    case::{Case, errors, json, nobody, sent, warns, whole},
    entries::{Entry, PART},
    servers::debian::Debian,
    small_image::{program::failure, small_lock::sha256},
};

/// What a machine without anything may move for an image's digest, in bytes.
const LITTLE: u64 = 1_000_000;

#[test]
fn a_machine_with_nothing_makes_the_digest_and_pushes() {
    let Some(case) = Case::start() else { return };
    let cache = case.fill("cache");
    let empty = case.empty_store("empty");
    let mark = case.mark();
    let output = case.image(&empty, &["--cache-from", &cache, "--json"]);
    let told = json(&output);
    assert_eq!(told["digest"], case.built.digest.as_str());
    assert!(!warns(&output), "{}", errors(&output));
    assert!(!case.layout().exists());
    let requests = case.requests_since(mark);
    let blobs = requests
        .iter()
        .filter(|one| one.method == "GET" && one.path.contains("/blobs/"));
    assert_eq!(blobs.count(), 0, "{requests:?}");
    let came: u64 = requests.iter().map(|one| one.bytes).sum();
    assert!(came < LITTLE, "{came}");
    let received = told["moved"]["received"].as_u64().unwrap();
    assert!(0 < received && received <= came, "{received} of {came}");
    assert_eq!(told["moved"]["sent"], 0);
    all_of(&told, |part| {
        part["cache"] == cache.as_str() && part["path"].is_null()
    });
    eprintln!("{came} bytes in {} requests", requests.len());

    // Into another repository of that registry.
    let mark = case.mark();
    let to = case.at_registry("comfyui:today");
    let pushed = case.push_from(&empty, &to, &["--cache-from", &cache, "--json"]);
    let requests = case.requests_since(mark);
    assert_eq!(sent(&requests), (1, 2), "config and manifest: {requests:?}");
    assert_eq!(whole(&to).as_ref(), Some(&case.built.digest));
    let told = json(&pushed);
    let names = told["pushed"]["uploaded"].as_array().unwrap();
    assert_eq!(names.len(), 1, "{told}");
    assert_eq!(names[0]["name"], "config");

    // And into another registry: streamed through, and not kept.
    let Some(other) = Debian::start() else { return };
    let to = format!("{}/comfyui", other.host());
    let streamed = case.push_from(&empty, &to, &["--cache-from", &cache]);
    case.is_right(&streamed);
    assert!(!warns(&streamed), "{}", errors(&streamed));
    assert_eq!(whole(&to).as_ref(), Some(&case.built.digest));
    let kept = fs::read_dir(empty.join("blobs/sha256")).map_or(0, Iterator::count);
    assert_eq!(kept, 0);
}

#[test]
fn pulled_into_a_layout_and_then_offline() {
    let Some(mut case) = Case::start() else {
        return;
    };
    let cache = case.fill("cache");
    let empty = case.empty_store("empty");
    let output = case.image(&empty, &["--cache-from", &cache, "--pull"]);
    case.is_right(&output);
    assert!(!warns(&output), "{}", errors(&output));
    is_layout_of(&case.layout(), &case.built.digest);
    // What it needs is in the store now.
    case.registry.stop();
    fs::remove_dir_all(case.layout()).unwrap();
    case.is_right(&case.image(&empty, &["--offline"]));
    is_layout_of(&case.layout(), &case.built.digest);
}

/// A layout's blobs are what their names say, and the manifest's are all there.
fn is_layout_of(layout: &Path, digest: &str) {
    let blobs = layout.join("blobs/sha256");
    let named: Vec<_> = fs::read_dir(&blobs).unwrap().map(Result::unwrap).collect();
    for blob in &named {
        let name = blob.file_name().into_string().unwrap();
        assert_eq!(sha256(&fs::read(blob.path()).unwrap()).to_string(), name);
    }
    let manifest = fs::read(blobs.join(digest.strip_prefix("sha256:").unwrap())).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(named.len(), layers.len() + 2);
    for layer in layers.iter().chain([&manifest["config"]]) {
        let name = layer["digest"].as_str().unwrap();
        let at = blobs.join(name.strip_prefix("sha256:").unwrap());
        assert_eq!(at.metadata().unwrap().len(), layer["size"]);
    }
}

/// A changed source is built, the rest comes from the cache, and the cache learns the new part alone.
#[test]
fn a_change_on_top_of_a_cache() {
    let Some(case) = Case::start() else { return };
    let cache = case.fill("cache");
    case.change_source();
    let store = case.store_without_parts("other");
    let both = ["--cache-from", &cache, "--cache-to", &cache, "--json"];
    let mark = case.mark();
    let told = json(&case.image(&store, &both));
    all_of(&told, |part| {
        part["built"].is_null() == (part["name"] != PART)
    });
    let requests = case.requests_since(mark);
    // The part and its index; its entry, and that the new list of parts is sound.
    assert_eq!(sent(&requests), (2, 2), "{requests:?}");
    // Another machine with nothing, where nothing can be built.
    let again = json(&case.image(&case.empty_store("empty"), &both));
    assert_eq!(again["digest"], told["digest"]);

    // Nothing is asked for, or brought, that stands in the cache already.
    let mark = case.mark();
    case.image(&case.empty_store("third"), &both);
    let requests = case.requests_since(mark);
    assert_eq!(sent(&requests), (0, 0), "{requests:?}");
    let blobs = requests
        .iter()
        .filter(|one| one.method == "GET" && one.path.contains("/blobs/"));
    assert_eq!(blobs.count(), 0, "{requests:?}");
}

/// Two machines may fill one cache at the same time, from the same image.
#[test]
fn two_that_fill_one_cache_at_once() {
    let Some(case) = Case::start() else { return };
    let cache = case.at_registry("cache");
    let start = |layout: &str| {
        let mut image = case.xtask(&case.store, &["image", "--cache-to", &cache]);
        image.arg(&case.lock).arg("--out");
        image.arg(case.folder().join(layout));
        image.stdout(Stdio::piped()).stderr(Stdio::piped());
        image.spawn().unwrap()
    };
    for image in [start("one"), start("two")] {
        let output = image.wait_with_output().unwrap();
        case.is_right(&output);
        assert!(!warns(&output), "{}", errors(&output));
    }
    case.is_right(&case.image(&case.empty_store("empty"), &["--cache-from", &cache]));
}

/// `layer` writes a layout, so it brings what it takes.
#[test]
fn a_layer_alone() {
    let Some(case) = Case::start() else { return };
    let cache = case.at_registry("cache");
    let layer = |store: &Path, option: &str| {
        let mut layer = case.xtask(store, &["layer", "runtime"]);
        layer.arg(&case.lock).arg("--out").arg(case.layout());
        layer.args([option, &cache]).output().unwrap()
    };
    case.is_right(&layer(&case.store, "--cache-to"));
    fs::remove_dir_all(case.layout()).unwrap();
    let taken = layer(&case.empty_store("empty"), "--cache-from");
    case.is_right(&taken);
    assert!(!warns(&taken), "{}", errors(&taken));
    is_layout_of(&case.layout(), &case.built.digest);
}

fn all_of(told: &Value, holds: impl Fn(&Value) -> bool) {
    let layers = told["layers"].as_array().unwrap().iter();
    let mut parts = layers.flat_map(|layer| layer["parts"].as_array().unwrap());
    assert!(parts.clone().count() >= 8);
    assert!(parts.all(holds), "{told:#}");
}

/// A cache that does not answer is told once and done without; one that cannot be filled is no failure.
#[test]
fn caches_that_are_not_there() {
    let Some(case) = Case::start() else { return };
    let cache = format!("{}/cache", nobody());
    let once = |output: &Output, part: &str| {
        case.is_right(output);
        let said = errors(output);
        assert_eq!(said.matches("warning:").count(), 1, "{said}");
        assert!(said.contains(&cache) && said.contains(part), "{said}");
    };
    // Its store lacks parts, so that it asks.
    let asks = case.store_without_parts("asks");
    let output = case.image(&asks, &["--cache-from", &cache]);
    once(&output, "cannot be used");
    let output = case.image(&case.store, &["--cache-to", &cache]);
    once(&output, "was not filled");
    let output = case.push(&case.at_registry("comfyui"), &["--cache-to", &cache]);
    once(&output, "was not filled");
    // Both at one place that is not there: it is tried once.
    let asks = case.store_without_parts("asks again");
    let both = ["--cache-from", &cache, "--cache-to", &cache];
    let output = case.image(&asks, &both);
    case.is_right(&output);
    let said = errors(&output);
    assert_eq!(said.matches("warning:").count(), 2, "{said}");
    // Nobody asks for what is not wanted, and a cache is in a registry.
    let output = case.image(&case.store, &["--cache-from", &cache, "--offline"]);
    assert!(failure(&output).contains("--offline asks nobody"));
}

#[test]
fn a_cache_that_may_only_be_read() {
    let Some(case) = Case::start() else { return };
    let Some(registry) = Debian::read_only() else {
        return;
    };
    let cache = format!("{}/cache", registry.host());
    let output = case.image(&case.store, &["--cache-to", &cache]);
    case.is_right(&output);
    let said = errors(&output);
    assert_eq!(said.matches("warning:").count(), 1, "{said}");
    assert!(said.contains("was not filled"), "{said}");
    assert!(said.contains("hint:"), "{said}");
}

/// A second cache stands in where the first is at fault.
#[test]
fn a_good_cache_behind_a_bad_one() {
    let Some(case) = Case::start() else { return };
    let bad = case.fill("bad");
    Entry::of(&case, &bad, PART).damage_blob(&case);
    let Some(second) = Debian::start() else {
        return;
    };
    let good = format!("{}/good", second.host());
    case.is_right(&case.image(&case.store, &["--cache-to", &good]));
    let empty = case.empty_store("empty");
    let two = ["--cache-from", &bad, "--cache-from", &good, "--pull"];
    let output = case.image(&empty, &two);
    case.is_right(&output);
    let said = errors(&output);
    assert_eq!(said.matches("warning:").count(), 1, "{said}");
    is_layout_of(&case.layout(), &case.built.digest);
}
