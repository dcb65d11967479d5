//! Whole images of small layers: the same digest again, a layout that another implementation
//! reads, archives that hold what they say.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod meta;

use std::{collections::BTreeMap, io::Read, path::Path, sync::Arc};

use layer::{
    Compression, ConfigPatch, Context, Entry, EntryPath, Layer, LayerBlob, Plan, Result, Tree,
};
use meta::meta;
use ocipkg::image::{Image as _, OciDir, OciDirBuilder};
use store::{Fetcher, KeyBuilder, Places, Silent, Store};
use strata_assembler::{
    Error, Image, LayoutBuilder, LayoutOutcome, Meta, assemble, write_archive, write_layout,
    write_plain_archive,
};

/// A layer of one file.
struct Small(&'static str, ConfigPatch);

impl Layer for Small {
    fn name(&self) -> &str {
        self.0
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let mut key = KeyBuilder::new("small");
        key.field("name", self.0);
        let plan = Plan::new(self.0, key.finish(), 1, |_| {
            let mut tree = Tree::new();
            let path = EntryPath::new(format!("opt/{}", self.0)).unwrap();
            tree.insert(Entry::file(
                path,
                Arc::new(self.0.repeat(1000).into_bytes()),
                false,
            ))?;
            Ok(tree)
        });
        LayerBlob::build(cx, self.0, vec![plan], self.1.clone(), Vec::new())
    }
}

fn layers() -> Vec<Box<dyn Layer>> {
    let env = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let low = ConfigPatch {
        env: env(&[("A", "low"), ("B", "low")]),
        path: vec!["/low/bin".to_owned()],
        library_path: vec!["/low/lib".to_owned()],
        user: Some("1000".to_owned()),
        ..ConfigPatch::default()
    };
    let high = ConfigPatch {
        env: env(&[("B", "high")]),
        path: vec!["/high/bin".to_owned()],
        labels: env(&[("one", "1"), ("two", "2"), ("three", "3"), ("four", "4")]),
        exposed_ports: vec!["8188/tcp".to_owned()],
        volumes: vec!["/x".to_owned(), "/y".to_owned(), "/z".to_owned()],
        ..ConfigPatch::default()
    };
    vec![Box::new(Small("low", low)), Box::new(Small("high", high))]
}

fn context(store: &Path) -> Context {
    let fetcher = Fetcher::new(Places::none(), Arc::new(Silent), true);
    Context::new(Store::open(store).unwrap(), fetcher).unwrap()
}

fn image(store: &Path, compression: Compression) -> Image {
    let mut cx = context(store);
    cx.compression = compression;
    assemble(&cx, meta(), &layers()).unwrap()
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn two_stores_give_one_digest_and_reuse_changes_nothing() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = image(one.path(), Compression::default());
    for _ in 0..5 {
        assert_eq!(
            image(one.path(), Compression::default()).digest,
            first.digest
        );
    }
    assert_eq!(
        image(two.path(), Compression::default()).digest,
        first.digest
    );
}

#[test]
fn both_encodings_have_the_same_diff_ids() {
    let store = tempfile::tempdir().unwrap();
    let zstd = image(store.path(), Compression::default());
    let gzip = image(store.path(), Compression::gzip(6).unwrap());
    assert_ne!(zstd.digest, gzip.digest);
    assert_eq!(json(&zstd.config)["rootfs"], json(&gzip.config)["rootfs"]);
}

#[test]
fn patches_merge_lowest_first() {
    let store = tempfile::tempdir().unwrap();
    let image = image(store.path(), Compression::default());
    let config = json(&image.config);
    let env = config["config"]["Env"].as_array().unwrap();
    assert_eq!(env[..2], ["A=low", "B=high"]);
    assert_eq!(env[2], "LD_LIBRARY_PATH=/low/lib");
    assert!(
        env[3]
            .as_str()
            .unwrap()
            .starts_with("PATH=/high/bin:/low/bin:/usr/local/sbin:")
    );
    assert_eq!(config["config"]["User"], "1000");
    assert_eq!(
        config["config"]["Labels"]["org.opencontainers.image.title"],
        "Test"
    );
    let history = config["history"].as_array().unwrap();
    let filled = history
        .iter()
        .filter(|entry| entry["empty_layer"] != true)
        .count();
    assert_eq!(
        filled,
        config["rootfs"]["diff_ids"].as_array().unwrap().len()
    );
}

#[test]
fn a_layout_is_read_by_another_implementation() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(&folder.path().join("store"), Compression::default());
    let layout = folder.path().join("dist/test");
    assert_eq!(
        write_layout(&image, &layout).unwrap(),
        LayoutOutcome::Written
    );
    assert_eq!(
        write_layout(&image, &layout).unwrap(),
        LayoutOutcome::Unchanged
    );
    let mut read = OciDir::new(&layout).unwrap();
    let manifest = read.get_manifest().unwrap();
    let config = read.get_blob(manifest.config().digest()).unwrap();
    assert_eq!(config, image.config);
    for (found, part) in manifest
        .layers()
        .iter()
        .zip(image.layers.iter().flat_map(|l| &l.parts))
    {
        assert_eq!(found.digest().to_string(), part.digest.to_oci());
        assert_eq!(
            read.get_blob(found.digest()).unwrap().len() as u64,
            part.size
        );
    }
    // A layout that lost a blob is written again, and nothing else is left beside it.
    std::fs::remove_file(layout.join("blobs/sha256").join(image.digest.to_string())).unwrap();
    assert_eq!(
        write_layout(&image, &layout).unwrap(),
        LayoutOutcome::Written
    );
    assert_eq!(
        std::fs::read_dir(folder.path().join("dist"))
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn what_a_kill_left_goes_and_what_another_writes_stays() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(&folder.path().join("store"), Compression::default());
    let dist = folder.path().join("dist");
    let left = dist.join(".layout-test.killed");
    std::fs::create_dir_all(left.join("blobs/sha256")).unwrap();
    let other = LayoutBuilder::new(&dist.join("test"), image.meta.name.clone()).unwrap();
    assert!(!left.exists());
    write_layout(&image, &dist.join("test")).unwrap();
    let count = || std::fs::read_dir(&dist).unwrap().count();
    assert_eq!(count(), 2, "the other one's folder stays");
    other.finish(&image.manifest).unwrap();
    assert_eq!(count(), 1);
    // The last one that is finished stands; it has no parts, so it is written again.
    assert_eq!(
        write_layout(&image, &dist.join("test")).unwrap(),
        LayoutOutcome::Written
    );
    assert_eq!(count(), 1);
}

#[test]
fn ocipkg_copies_an_image_out_and_into_a_layout() {
    let folder = tempfile::tempdir().unwrap();
    let mut image = image(&folder.path().join("store"), Compression::default());
    let name = image.meta.name.clone();
    let out = OciDirBuilder::new(folder.path().join("out"), name.clone()).unwrap();
    let mut out = ocipkg::image::copy(&mut image, out).unwrap();
    let manifest = out.get_manifest().unwrap();
    assert_eq!(manifest, image.get_manifest().unwrap());
    // Back into a layout of ours: with the same digest, though the other JSON is written otherwise.
    let into = LayoutBuilder::new(&folder.path().join("in"), name).unwrap();
    let mut into = ocipkg::image::copy(&mut out, into).unwrap();
    let digest = image.digest.to_oci().parse().unwrap();
    assert_eq!(into.get_blob(&digest).unwrap(), image.manifest);
    let other = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    assert!(image.get_blob(&other).is_err());
}

#[test]
fn an_edition_with_a_name_that_engines_refuse() {
    let mut lock = lock::Lock::starter().unwrap();
    assert_eq!(
        Meta::from_lock(&lock).unwrap().reference(),
        "strata/starter:latest"
    );
    for name in ["Mine", "a b", "a//b", "-a"] {
        lock.edition = name.to_owned();
        let error = Meta::from_lock(&lock).unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains("lower-case"),
            "{error}"
        );
    }
}

fn members(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (path, bytes)
    });
    entries.collect()
}

#[test]
fn an_archive_is_a_layout_and_dockers_too() {
    let store = tempfile::tempdir().unwrap();
    let image = image(store.path(), Compression::default());
    let write = || {
        let mut out = Vec::new();
        write_archive(&image, &mut out, &|_| ()).unwrap();
        out
    };
    let archive = write();
    assert_eq!(archive, write());
    let members = members(&archive);
    let index = json(&members["index.json"]);
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    assert_eq!(digest, image.digest.to_oci());
    assert_eq!(
        members[&digest.replacen("sha256:", "blobs/sha256/", 1)],
        image.manifest
    );
    let docker = json(&members["manifest.json"]);
    assert_eq!(docker[0]["RepoTags"][0], "strata/test:latest");
    assert_eq!(members[docker[0]["Config"].as_str().unwrap()], image.config);
    for (layer, part) in docker[0]["Layers"]
        .as_array()
        .unwrap()
        .iter()
        .zip(image.layers.iter().flat_map(|l| &l.parts))
    {
        assert_eq!(members[layer.as_str().unwrap()].len() as u64, part.size);
    }
}

#[test]
fn a_plain_archive_has_the_tars() {
    let store = tempfile::tempdir().unwrap();
    for compression in [Compression::default(), Compression::gzip(1).unwrap()] {
        let image = image(store.path(), compression);
        let mut out = Vec::new();
        write_plain_archive(&image, &mut out, &|_| ()).unwrap();
        let found = members(&out);
        let layers = json(&found["manifest.json"])[0]["Layers"].clone();
        let first = &found[layers[0].as_str().unwrap()];
        assert_eq!(members(first)["opt/low"], "low".repeat(1000).into_bytes());
    }
}

#[test]
fn a_blob_that_was_cut_is_named() {
    let store = tempfile::tempdir().unwrap();
    let image = image(store.path(), Compression::default());
    let part = &image.layers[0].parts[0];
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&part.path)
        .unwrap();
    file.set_len(part.size - 1).unwrap();
    let error = write_archive(&image, &mut Vec::new(), &|_| ()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }));
    let text = error.to_string();
    assert!(text.contains(&part.digest.to_string()), "{text}");
    assert!(text.contains(&format!(
        "expected {} bytes, found {}",
        part.size,
        part.size - 1
    )));
}

/// A layer with one file at a path and of a content of one's own.
struct Claims(&'static str, &'static str, &'static str);

impl Layer for Claims {
    fn name(&self) -> &str {
        self.0
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let mut key = KeyBuilder::new("claims");
        key.field("path", self.1).field("text", self.2);
        let plan = Plan::new(self.0, key.finish(), 1, |_| {
            let mut tree = Tree::new();
            let text = Arc::new(self.2.as_bytes().to_vec());
            let entry = Entry::file(EntryPath::new(self.1).unwrap(), text, false);
            tree.insert(entry.of_package(&format!("{} package", self.0).into()))?;
            Ok(tree)
        });
        LayerBlob::build(cx, self.0, vec![plan], ConfigPatch::default(), Vec::new())
    }
}

#[test]
fn a_path_belongs_to_one_layer_unless_both_have_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let build = |lower: Claims, upper: Claims| {
        let layers: Vec<Box<dyn Layer>> = vec![Box::new(lower), Box::new(upper)];
        assemble(&context(folder.path()), meta(), &layers)
    };
    let low = || Claims("low", "opt/shared/file", "text");
    // The same bytes from another package: one blob, with an index for each owner.
    build(low(), Claims("high", "opt/shared/file", "text")).unwrap();
    build(low(), Claims("high", "opt/shared/other", "else")).unwrap();
    let error = build(low(), Claims("high", "opt/shared/file", "else")).unwrap_err();
    assert!(matches!(&error, Error::Owned { path, .. } if path == "opt/shared/file"));
    let text = error.to_string();
    assert!(
        text.contains("low package") && text.contains("high package"),
        "{text}"
    );
    // A folder in place of a file, seen again from a store that has all parts.
    for _ in 0..2 {
        let error = build(low(), Claims("high", "opt/shared/file/below", "x")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("as a file") && text.contains("different folder"),
            "{text}"
        );
    }
}

/// A layer with a part that fails at once, or as soon as the build is stopped.
struct Fails(&'static str, bool);

impl Layer for Fails {
    fn name(&self) -> &str {
        self.0
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let mut key = KeyBuilder::new("fails");
        key.field("name", self.0);
        let plan = Plan::new(self.0, key.finish(), 1, |cx| {
            while self.1 && !cx.fetcher.stopped() {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            let why = std::io::Error::other(format!("{} is broken", self.0));
            Err(layer::Error::step("a step", why))
        });
        LayerBlob::build(cx, self.0, vec![plan], ConfigPatch::default(), Vec::new())
    }
}

#[test]
fn the_first_failure_is_told_and_stops_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let cx = context(folder.path());
    for first in [0, 1, 2] {
        let names = ["low", "middle", "high"];
        let layers = names.iter().enumerate();
        let layers = layers.map(|(at, name)| Box::new(Fails(name, at != first)) as Box<dyn Layer>);
        let error = assemble(&cx, meta(), &layers.collect::<Vec<_>>()).unwrap_err();
        let told = format!("layer {0}: a step: {0} is broken", names[first]);
        assert_eq!(error.to_string(), told);
    }
    assert!(!cx.fetcher.stopped(), "the context itself goes on");
}
