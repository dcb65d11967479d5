//! Images on top of other images: the same one from a layout and from archives, what is there already is not
//! added, nothing of it is read before it is wanted, and what is damaged or would show through is refused.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod meta;

use std::{fs, path::Path, sync::Arc};

use layer::{
    ConfigPatch, Context, Entry, EntryPath, Layer, LayerBlob, Package, Plan, Result, Tree,
};
use lock::{BaseImage, Sha256};
use meta::meta;
use oci_image::{Access, Below, Client, pin};
use serde_json::{Value, json};
use store::{Fetcher, KeyBuilder, Places, Silent, Store, sha256_of as sha256};
use strata_assembler::{Error, Image, assemble, write_archive, write_layout, write_plain_archive};

/// A layer of one file, that of a package.
struct Small(&'static str, &'static str, ConfigPatch);

fn small(name: &'static str, version: &'static str) -> Box<dyn Layer> {
    Box::new(Small(name, version, ConfigPatch::default()))
}

impl Layer for Small {
    fn name(&self) -> &str {
        self.0
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let plans = self.plans()?.unwrap();
        LayerBlob::build(cx, self.0, plans, self.2.clone(), Vec::new())
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        let mut key = KeyBuilder::new("small");
        key.field("name", self.0).field("version", self.1);
        let plan = Plan::new(self.0, key.finish(), 1, |_| {
            let mut tree = Tree::new();
            let path = EntryPath::new(format!("opt/{}", self.0)).unwrap();
            let text = format!("{} {}\n", self.0, self.1).repeat(1000).into_bytes();
            tree.insert(Entry::file(path, Arc::new(text), false))?;
            Ok(tree)
        });
        let package = Package {
            kind: "wheel".to_owned(),
            name: self.0.to_owned(),
            version: self.1.to_owned(),
        };
        Ok(Some(vec![plan.holding([package])]))
    }
}

/// A folder with images and stores.
struct Bed(tempfile::TempDir);

impl Bed {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn context(&self, store: &str) -> Context {
        let fetcher = Fetcher::new(Places::none(), Arc::new(Silent), true);
        Context::new(Store::open(self.path(store)).unwrap(), fetcher).unwrap()
    }

    fn access(&self, store: &str) -> Access {
        Access {
            store: Store::open(self.path(store)).unwrap(),
            folder: self.0.path().to_owned(),
            progress: Arc::new(Silent),
            offline: true,
            client: Client::new(Default::default()),
        }
    }

    /// An image of two layers, as a layout in `lower`, from a store of its own.
    fn lower(&self) -> Image {
        let layers = [small("one", "1"), small("two", "1")];
        let image = assemble(&self.context("lower-store"), meta(), &layers).unwrap();
        write_layout(&image, &self.path("lower")).unwrap();
        image
    }

    fn pin(&self, image: &str, store: &str) -> BaseImage {
        pin(image, "linux/amd64", &self.access(store)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// These layers on top of an image.
    fn on(
        &self,
        image: &str,
        store: &str,
        layers: &[Box<dyn Layer>],
    ) -> strata_assembler::Result<Image> {
        let from = self.pin(image, store);
        let below = Below::load(&from, "linux/amd64", &self.access(store)).unwrap();
        let meta = meta().on(Some(Arc::new(below)));
        assemble(&self.context(store), meta, layers)
    }

    /// The folder of a layout's blobs.
    fn blobs(&self, layout: &str) -> std::path::PathBuf {
        self.path(layout).join("blobs/sha256")
    }
}

fn three() -> [Box<dyn Layer>; 3] {
    [small("one", "1"), small("two", "1"), small("three", "1")]
}

fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn layers_say_what_they_are() {
    let bed = Bed::new();
    let manifest = parse(&bed.lower().manifest);
    let annotations = &manifest["layers"][1]["annotations"];
    assert_eq!(annotations["strata.part"], "two: two");
    assert_eq!(annotations["strata.kind"], "wheel");
    assert_eq!(annotations["strata.packages"], "two==1");
    let tars = small("two", "1").plans().unwrap().unwrap()[0].tars();
    assert_eq!(annotations["strata.tars"], tars.to_string());
    assert!(manifest["annotations"]["strata.debian"].is_null());
}

#[test]
fn what_is_there_already_is_not_added_wherever_the_image_is() {
    let bed = Bed::new();
    let lower = bed.lower();
    let mut archive = Vec::new();
    write_archive(&lower, &mut archive, &|_| ()).unwrap();
    fs::write(bed.path("lower.tar"), archive).unwrap();
    let mut digests = Vec::new();
    for (at, image) in [
        "oci:lower",
        "oci:lower:latest",
        "oci-archive:lower.tar",
        "docker-archive:lower.tar",
    ]
    .into_iter()
    .enumerate()
    {
        let image = bed.on(image, &format!("store-{at}"), &three()).unwrap();
        let names: Vec<String> = image.blobs().into_iter().map(|blob| blob.name).collect();
        assert_eq!(names, ["one: one", "two: two", "three: three"]);
        assert_eq!(image.parts().count(), 1);
        let (below, config) = (parse(&lower.manifest), parse(&image.config));
        let manifest = parse(&image.manifest);
        assert_eq!(manifest["layers"][0], below["layers"][0]);
        let base = "org.opencontainers.image.base.digest";
        assert_eq!(manifest["annotations"][base], lower.digest.to_oci());
        assert_eq!(config["config"]["Labels"][base], lower.digest.to_oci());
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 3);
        let history = config["history"].as_array().unwrap();
        let filled = history.iter().filter(|entry| entry["empty_layer"] != true);
        assert_eq!(filled.count(), 3);
        digests.push(image.digest);
        // All of it is there once it is written, and right.
        let out = format!("out-{at}");
        write_layout(&image, &bed.path(&out)).unwrap();
        for blob in image.blobs() {
            let bytes = fs::read(bed.blobs(&out).join(blob.digest.to_string())).unwrap();
            assert_eq!(sha256(&bytes), blob.digest);
        }
    }
    digests.dedup();
    assert_eq!(digests.len(), 1, "{digests:?}");
    // On top of that nothing is left to add.
    let again = bed.on("oci:out-0", "again", &three()).unwrap();
    assert_eq!((again.blobs().len(), again.parts().count()), (3, 0));
}

#[test]
fn nothing_is_read_before_it_is_wanted_and_offline_the_store_is_enough() {
    let bed = Bed::new();
    let lower = bed.lower();
    let from = bed.pin("oci:lower", "store");
    // Neither its layers nor, once pinned, its documents.
    let kept = bed.path("kept");
    fs::rename(bed.path("lower"), &kept).unwrap();
    let below = || {
        let below = Below::load(&from, "linux/amd64", &bed.access("store")).unwrap();
        meta().on(Some(Arc::new(below)))
    };
    let image = assemble(&bed.context("store"), below(), &three()).unwrap();
    assert!(image.blobs()[0].path.is_none() && image.blobs()[2].path.is_some());
    let error = write_layout(&image, &bed.path("out"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no OCI layout at"), "{error}");
    assert!(!bed.path("out").exists());
    // It is back, but for one of its layers.
    fs::rename(&kept, bed.path("lower")).unwrap();
    let blob = bed.blobs("lower").join(lower.blobs()[1].digest.to_string());
    let bytes = fs::read(&blob).unwrap();
    fs::remove_file(&blob).unwrap();
    let error = write_layout(&image, &bed.path("out"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("there is no layer") && error.contains("--update from"),
        "{error}"
    );
    // There, and another by a byte: nothing of it is kept.
    let mut flipped = bytes.clone();
    flipped[20] ^= 1;
    fs::write(&blob, flipped).unwrap();
    let error = write_layout(&image, &bed.path("out"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("is damaged"), "{error}");
    let in_store = bed.path("store/blobs/sha256");
    assert!(!in_store.join(lower.blobs()[1].digest.to_string()).exists());
    fs::write(&blob, bytes).unwrap();
    write_layout(&image, &bed.path("out")).unwrap();
    // From now on without the image.
    fs::remove_dir_all(bed.path("lower")).unwrap();
    let image = assemble(&bed.context("store"), below(), &three()).unwrap();
    write_layout(&image, &bed.path("again")).unwrap();
    // A layout that was made anew does not have the pinned image any more.
    let other = [small("one", "9")];
    let other = assemble(&bed.context("lower-store"), meta(), &other).unwrap();
    write_layout(&other, &bed.path("lower")).unwrap();
    let error = Below::load(&from, "linux/amd64", &bed.access("empty")).unwrap_err();
    assert!(
        error.to_string().contains("there is no manifest"),
        "{error}"
    );
}

#[test]
fn another_version_below_is_refused_by_name() {
    let bed = Bed::new();
    bed.lower();
    let layers = [small("one", "2"), small("three", "1")];
    let error = bed.on("oci:lower", "store", &layers).unwrap_err();
    assert!(matches!(error, Error::Shows { .. }));
    let error = error.to_string();
    for line in [
        "\n  wheel one 1 (the edition has 2)",
        "\n  wheel two 1 (the edition does not have it)",
        "\nhint: ",
    ] {
        assert!(error.contains(line), "{error}");
    }
}

/// Puts a layer of somebody else's upon a layout's image, as `crane append` does.
fn append(layout: &Path, tar: &[u8]) {
    let blobs = layout.join("blobs/sha256");
    let hex = |value: &Value| value["digest"].as_str().unwrap()["sha256:".len()..].to_owned();
    let add = |bytes: &[u8], mut descriptor: Value| {
        fs::write(blobs.join(sha256(bytes).to_string()), bytes).unwrap();
        descriptor["digest"] = sha256(bytes).to_oci().into();
        descriptor["size"] = bytes.len().into();
        descriptor
    };
    let mut index = parse(&fs::read(layout.join("index.json")).unwrap());
    let mut manifest = parse(&fs::read(blobs.join(hex(&index["manifests"][0]))).unwrap());
    let mut config = parse(&fs::read(blobs.join(hex(&manifest["config"]))).unwrap());
    let diff_ids = config["rootfs"]["diff_ids"].as_array_mut().unwrap();
    diff_ids.push(sha256(tar).to_oci().into());
    let layer = json!({"mediaType": "application/vnd.oci.image.layer.v1.tar"});
    let layers = manifest["layers"].as_array_mut().unwrap();
    layers.push(add(tar, layer));
    manifest["config"] = add(
        &serde_json::to_vec(&config).unwrap(),
        manifest["config"].clone(),
    );
    let manifest = serde_json::to_vec(&manifest).unwrap();
    index["manifests"][0] = add(&manifest, index["manifests"][0].clone());
    fs::write(
        layout.join("index.json"),
        serde_json::to_vec(&index).unwrap(),
    )
    .unwrap();
}

#[test]
fn what_lies_under_a_layer_of_someone_else_is_added_anew() {
    let bed = Bed::new();
    bed.lower();
    // Whatever is in it: it may have deleted files of ours, or written others.
    append(&bed.path("lower"), &[0; 1024]);
    let image = bed.on("oci:lower", "store", &three()).unwrap();
    assert_eq!((image.blobs().len(), image.parts().count()), (6, 3));
    // On top of that they stand again.
    write_layout(&image, &bed.path("out")).unwrap();
    let again = bed.on("oci:out", "again", &three()).unwrap();
    assert_eq!((again.blobs().len(), again.parts().count()), (6, 0));
    // What would be seen is refused under it, too.
    let error = bed.on(
        "oci:lower",
        "store",
        &[small("one", "2"), small("two", "1")],
    );
    assert!(matches!(error.unwrap_err(), Error::Shows { .. }));
}

#[test]
fn sizes_are_held_against_the_bytes() {
    let bed = Bed::new();
    bed.lower();
    let mut from = bed.pin("oci:lower", "store");
    from.size += 1;
    for store in ["store", "empty"] {
        let error = Below::load(&from, "linux/amd64", &bed.access(store)).unwrap_err();
        assert!(error.to_string().contains("--update from"), "{error}");
    }
}

#[test]
fn a_cmd_of_one_of_ours_stays_under_the_entrypoint_of_another() {
    let bed = Bed::new();
    let with = |name, patch| -> Box<dyn Layer> { Box::new(Small(name, "1", patch)) };
    let cmd = ConfigPatch {
        cmd: Some(vec!["--cpu".to_owned()]),
        ..ConfigPatch::default()
    };
    let entrypoint = ConfigPatch {
        entrypoint: Some(vec!["/ours".to_owned()]),
        ..ConfigPatch::default()
    };
    let layers = [with("one", cmd), with("two", entrypoint)];
    let image = assemble(&bed.context("store"), meta(), &layers).unwrap();
    let inner = &parse(&image.config)["config"];
    assert_eq!(
        (&inner["Cmd"], &inner["Entrypoint"]),
        (&json!(["--cpu"]), &json!(["/ours"]))
    );
}

#[test]
fn an_image_of_someone_else_is_below_all_of_ours() {
    let bed = Bed::new();
    // What `docker save` wrote before it knew OCI, of an image whose layers say nothing of us.
    let mut archive = Vec::new();
    write_plain_archive(&bed.lower(), &mut archive, &|_| ()).unwrap();
    fs::write(bed.path("plain.tar"), archive).unwrap();
    let image = bed
        .on("docker-archive:plain.tar", "store", &three())
        .unwrap();
    assert_eq!((image.blobs().len(), image.parts().count()), (5, 3));
    let manifest = parse(&image.manifest);
    let tar = "application/vnd.oci.image.layer.v1.tar";
    assert_eq!(manifest["layers"][0]["mediaType"], tar);
    assert_eq!(manifest["layers"][2]["mediaType"], format!("{tar}+zstd"));
    write_layout(&image, &bed.path("out")).unwrap();
    // And once more as plain tars, with those of the image below among them.
    let mut archive = Vec::new();
    write_plain_archive(&image, &mut archive, &|_| ()).unwrap();
    let mut sizes = Vec::new();
    for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        if let Some(diff_id) = path.strip_suffix("/layer.tar") {
            let (size, found) = store::sha256(&mut entry).unwrap();
            assert_eq!(found.to_string(), diff_id);
            sizes.push(size);
        }
    }
    assert_eq!(sizes.len(), 3, "equal tars once");
}

/// A layout of one layer with a config of Docker's.
fn docker_image(folder: &Path, config: &Value, media_type: &str) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let add = |bytes: &[u8], media_type: &str| {
        let digest = sha256(bytes);
        fs::write(blobs.join(digest.to_string()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest.to_oci(), "size": bytes.len()})
    };
    let tar = [0; 1024];
    let mut config = config.clone();
    config["rootfs"] = json!({"type": "layers", "diff_ids": [sha256(&tar).to_oci()]});
    let config = serde_json::to_vec(&config).unwrap();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": add(&config, "application/vnd.docker.container.image.v1+json"),
        "layers": [add(&tar, media_type)],
    });
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let manifest = add(
        &manifest,
        "application/vnd.docker.distribution.manifest.v2+json",
    );
    let list = json!({"schemaVersion": 2, "manifests": [
        {"mediaType": manifest["mediaType"], "digest": manifest["digest"],
         "size": manifest["size"], "platform": {"os": "linux", "architecture": "amd64"}},
        {"mediaType": manifest["mediaType"], "digest": Sha256([7; 32]).to_oci(), "size": 7,
         "platform": {"os": "linux", "architecture": "arm64"}},
    ]});
    let list = serde_json::to_vec(&list).unwrap();
    let list = add(
        &list,
        "application/vnd.docker.distribution.manifest.list.v2+json",
    );
    let index = json!({"schemaVersion": 2, "manifests": [list]});
    fs::write(
        folder.join("index.json"),
        serde_json::to_vec(&index).unwrap(),
    )
    .unwrap();
}

#[test]
fn the_config_below_is_kept_where_ours_says_nothing() {
    let bed = Bed::new();
    let config = json!({
        "os": "linux", "architecture": "amd64", "created": "2020-01-01T00:00:00Z",
        "config": {
            "Env": ["PATH=/theirs/bin:/usr/bin:/bin", "LD_LIBRARY_PATH=/theirs/lib:/own/lib", "A=theirs", "B=theirs", "PYTHONHOME=/theirs"],
            "Cmd": ["theirs"], "Entrypoint": ["/theirs"], "User": "theirs", "WorkingDir": "/theirs",
            "Labels": {
                "a": "theirs", "org.opencontainers.image.base.name": "older.example/x",
                "org.opencontainers.image.version": "3", "org.opencontainers.image.licenses": "MIT",
            },
            "OnBuild": ["RUN theirs"],
            "ExposedPorts": {"80/tcp": {}}, "Volumes": null, "Shell": ["/bin/theirs"],
            "Healthcheck": {"Test": ["CMD", "theirs"]}, "Hostname": "",
        },
    });
    docker_image(
        &bed.path("lower"),
        &config,
        "application/vnd.docker.image.rootfs.diff.tar",
    );
    let map = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let patch = ConfigPatch {
        env: map("A", "ours"),
        path: vec!["/own/bin".to_owned()],
        library_path: vec!["/own/lib".to_owned()],
        labels: map("b", "ours"),
        entrypoint: Some(vec!["/ours".to_owned()]),
        exposed_ports: vec!["8188/tcp".to_owned()],
        ..ConfigPatch::default()
    };
    let layers: [Box<dyn Layer>; 1] = [Box::new(Small("one", "1", patch))];
    let first = bed.on("oci:lower", "store", &layers).unwrap();
    assert_eq!(
        bed.on("oci:lower", "other", &layers).unwrap().digest,
        first.digest
    );
    let layer = &parse(&first.manifest)["layers"][0]["mediaType"];
    assert_eq!(layer, "application/vnd.oci.image.layer.v1.tar");
    let config = parse(&first.config);
    let inner = &config["config"];
    assert_eq!(
        inner["Env"],
        json!([
            "A=ours",
            "B=theirs",
            "LD_LIBRARY_PATH=/own/lib:/theirs/lib",
            "PATH=/own/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/theirs/bin"
        ])
    );
    assert_eq!(inner["Entrypoint"], json!(["/ours"]));
    assert!(inner["Cmd"].is_null(), "it was given to another entrypoint");
    for (key, value) in [("User", "theirs"), ("WorkingDir", "/theirs")] {
        assert_eq!(inner[key], value);
    }
    assert_eq!(inner["Shell"], json!(["/bin/theirs"]));
    assert_eq!(inner["Healthcheck"]["Test"], json!(["CMD", "theirs"]));
    assert_eq!(inner["ExposedPorts"], json!({"80/tcp": {}, "8188/tcp": {}}));
    let labels = &inner["Labels"];
    assert_eq!(
        (&labels["a"], &labels["b"]),
        (&"theirs".into(), &"ours".into())
    );
    for of_theirs in ["base.name", "version", "licenses"] {
        let label = format!("org.opencontainers.image.{of_theirs}");
        assert!(labels[&label].is_null(), "{label}");
    }
    assert!(inner["OnBuild"].is_null());
    assert_eq!(labels["org.opencontainers.image.title"], "Test");
    assert_eq!(config["created"], "2026-11-23T00:00:00Z");
    assert_eq!(
        config["history"].as_array().unwrap().len(),
        3,
        "theirs had none"
    );
}

#[test]
fn images_that_nothing_can_stand_on() {
    let bed = Bed::new();
    let amd64 = json!({"os": "linux", "architecture": "amd64", "config": {}});
    let refused = |name: &str, config: &Value, media_type: &str| {
        docker_image(&bed.path(name), config, media_type);
        let pinned = pin(&format!("oci:{name}"), "linux/amd64", &bed.access("store"));
        pinned.unwrap_err().to_string()
    };
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let error = refused("foreign", &amd64, foreign);
    assert!(error.contains("no registry may pass on"), "{error}");
    let tar = "application/vnd.oci.image.layer.v1.tar";
    let other = json!({"os": "linux", "architecture": "arm64"});
    let error = refused("other", &other, tar);
    assert!(error.contains("is for linux/arm64"), "{error}");
    let error = refused("none", &json!({}), tar);
    assert!(error.contains("its config"), "{error}");
    // A manifest of other bytes than its name says.
    docker_image(&bed.path("flipped"), &amd64, tar);
    for file in fs::read_dir(bed.blobs("flipped")).unwrap() {
        let path = file.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        fs::write(
            &path,
            text.replace("sha256", "SHA256").replace("linux", "LINUX"),
        )
        .unwrap();
    }
    let error = pin("oci:flipped", "linux/amd64", &bed.access("store")).unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error}");
    for (image, words) in [
        ("oci:nowhere", "no OCI layout at"),
        ("oci-archive:nowhere.tar", "nowhere.tar"),
        ("oci:other:v7", "\"v7\""),
        ("registry.example/x:1", "fetching is off"),
    ] {
        let error = pin(image, "linux/amd64", &bed.access("store")).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    fs::write(bed.path("no.tar"), b"this is no tar".repeat(100)).unwrap();
    let error = pin("oci-archive:no.tar", "linux/amd64", &bed.access("store")).unwrap_err();
    assert!(error.to_string().contains("is no tar archive"), "{error}");
}
