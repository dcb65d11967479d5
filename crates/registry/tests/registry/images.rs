//! Images pushed to Debian's `docker-registry`, and read back by us and by skopeo.

use std::io::Read;

use strata_registry::{BlobSource, Bytes, Error, File, Mount, Pushed, media_type};

use crate::support::{
    self, client, config, debian::Debian, has, manifest, noise, push_untagged, repository, run,
};

#[test]
fn what_is_pushed_is_there() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let (client, repository) = (client(), repository(&registry.host(), "team/image"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("layer");
    let layer = Bytes::new(noise(1, 9 << 20));
    std::fs::write(&path, noise(1, 9 << 20)).unwrap();
    let file = File::new(layer.digest(), layer.size(), &path);
    let config = config(&layer);
    let size = layer.size();

    assert_eq!(
        client.head_blob(&repository, &layer.digest()).unwrap(),
        None
    );
    let pushed = client.push_blob(&repository, &file, &[]).unwrap();
    assert_eq!(pushed, Pushed::Uploaded { bytes: size });
    assert_eq!(
        client.head_blob(&repository, &layer.digest()).unwrap(),
        Some(size)
    );
    client.push_blob(&repository, &config, &[]).unwrap();
    let bytes = manifest(&config, &layer);
    let sent = client.sent();
    assert_eq!(sent, size + config.size());
    let mut digest = None;
    for tag in ["today", "v1.2_3-x"] {
        let pushed = client.push_manifest(&repository, tag, media_type::MANIFEST, bytes.as_bytes());
        digest = Some(pushed.unwrap());
    }
    let digest = digest.unwrap();
    // One streamed request, and one that closes.
    assert_eq!(
        (registry.count("PATCH", 202), registry.count("PUT", 201)),
        (1, 4)
    );

    // By tag, by digest, and only looked for.
    let by_tag = client.manifest(&repository, "today", &[]).unwrap().unwrap();
    assert_eq!(by_tag.bytes, bytes.as_bytes());
    assert_eq!(by_tag.media_type, media_type::MANIFEST);
    let by_digest = client.manifest(&repository, digest, &[]).unwrap().unwrap();
    assert_eq!(by_digest, by_tag);
    let found = client.head_manifest(&repository, "today").unwrap().unwrap();
    assert_eq!((found.digest, found.size), (digest, bytes.len() as u64));
    assert_eq!(client.manifest(&repository, "tomorrow", &[]).unwrap(), None);
    assert_eq!(client.head_manifest(&repository, "tomorrow").unwrap(), None);
    assert!(client.head_manifest(&repository, "a/b").is_err());

    // A second time, nothing is sent.
    let before = client.sent();
    assert_eq!(
        client.push_blob(&repository, &file, &[]).unwrap(),
        Pushed::Present
    );
    assert_eq!(client.sent(), before);

    // Read back.
    let mut back = Vec::new();
    let mut reader = client
        .pull_blob(&repository, &layer.digest(), size)
        .unwrap();
    reader.read_to_end(&mut back).unwrap();
    assert!(back == noise(1, 9 << 20));
    assert!(client.received() > size);
    let small = client
        .blob_bytes(&repository, &config.digest(), 1000)
        .unwrap()
        .unwrap();
    assert_eq!(small.len() as u64, config.size());
    let large = client.blob_bytes(&repository, &layer.digest(), 1000);
    assert!(matches!(large, Err(Error::TooLarge { .. })), "{large:?}");
    let other = Bytes::new(noise(2, 10)).digest();
    assert_eq!(client.blob_bytes(&repository, &other, 1000).unwrap(), None);
    let missing = client.pull_blob(&repository, &other, 10);
    assert!(
        matches!(missing, Err(Error::Answered { status: 404, .. })),
        "{missing:?}"
    );

    if has("skopeo") {
        let image = format!("docker://{repository}:today");
        let shown = run("skopeo", &["inspect", "--tls-verify=false", &image]);
        assert!(shown.contains(&digest.to_oci()), "{shown}");
        let layout = format!("dir:{}", folder.path().join("copy").display());
        run(
            "skopeo",
            &[
                "copy",
                "--insecure-policy",
                "--src-tls-verify=false",
                &image,
                &layout,
            ],
        );
    }
}

#[test]
fn blobs_are_mounted_where_that_can_be() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let client = client();
    let at = |name: &str| repository(&registry.host(), name);
    let blob = Bytes::new(noise(3, 100_000));
    client.push_blob(&at("cache"), &blob, &[]).unwrap();
    let sent = client.sent();
    // One of another registry, one that has it not, and one that has it.
    let from = ["ghcr.io/a/b".parse().unwrap(), at("empty"), at("cache")];
    assert_eq!(
        client.push_blob(&at("image"), &blob, &from).unwrap(),
        Pushed::Mounted
    );
    assert_eq!(client.sent(), sent);
    assert_eq!(
        client.head_blob(&at("image"), &blob.digest()).unwrap(),
        Some(100_000)
    );
    // From where it is not: the upload that the registry begins instead is gone on with.
    let begun = registry.count("POST", 202);
    let pushed = client
        .push_blob(&at("third"), &blob, &[at("empty")])
        .unwrap();
    assert_eq!(pushed, Pushed::Uploaded { bytes: 100_000 });
    assert_eq!(registry.count("POST", 202), begun + 1);
    let mount = client
        .mount_blob(&at("fourth"), &blob.digest(), &at("third"))
        .unwrap();
    assert!(matches!(mount, Mount::Mounted));
}

#[test]
fn empty_and_small_blobs() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let (client, repository) = (client(), repository(&registry.host(), "small"));
    for size in [0, 1, 2, 4 << 20, (4 << 20) + 1] {
        let blob = Bytes::new(noise(size, size as usize));
        let pushed = client.push_blob(&repository, &blob, &[]).unwrap();
        assert_eq!(pushed, Pushed::Uploaded { bytes: size });
        let mut back = Vec::new();
        let mut reader = client.pull_blob(&repository, &blob.digest(), size).unwrap();
        reader.read_to_end(&mut back).unwrap();
        assert!(back == noise(size, size as usize));
    }
    // In requests of a size that the caller wants.
    let options = strata_registry::Options {
        chunk: Some(1 << 20),
        ..support::options()
    };
    let client = strata_registry::Client::new(options);
    let blob = Bytes::new(noise(7, (5 << 20) + 1));
    let pushed = client.push_blob(&repository, &blob, &[]).unwrap();
    assert_eq!(pushed, Pushed::Uploaded { bytes: blob.size() });
    assert_eq!(registry.count("PATCH", 202), 1 + 6);
}

#[test]
fn tags_come_page_by_page() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let (client, repository) = (client(), repository(&registry.host(), "tagged"));
    assert!(client.tags(&repository).unwrap().is_empty());
    let layer = Bytes::new(noise(4, 10));
    let config = config(&layer);
    client.push_blob(&repository, &layer, &[]).unwrap();
    client.push_blob(&repository, &config, &[]).unwrap();
    let bytes = manifest(&config, &layer);
    let mut tags: Vec<String> = (0..5).map(|number| format!("t{number}")).collect();
    for tag in &tags {
        client
            .push_manifest(
                &repository,
                tag.as_str(),
                media_type::MANIFEST,
                bytes.as_bytes(),
            )
            .unwrap();
    }
    tags.sort();
    assert_eq!(client.tags(&repository).unwrap(), tags);
}

#[test]
fn a_manifest_without_its_blobs_is_refused_in_the_registrys_words() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let (client, repository) = (client(), repository(&registry.host(), "hollow"));
    let layer = Bytes::new(noise(5, 10));
    let bytes = manifest(&config(&layer), &layer);
    let error = client
        .push_manifest(&repository, "today", media_type::MANIFEST, bytes.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("MANIFEST_BLOB_UNKNOWN") && error.contains("hollow:today"),
        "{error}"
    );
    assert!(client.tags(&repository).unwrap().is_empty());
}

#[test]
fn referrers_are_kept_under_a_tag_where_there_is_no_api() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let (client, repository) = (client(), repository(&registry.host(), "referred"));
    let layer = Bytes::new(noise(6, 10));
    let config = config(&layer);
    for blob in [&layer, &config] {
        client.push_blob(&repository, blob, &[]).unwrap();
    }
    let image = manifest(&config, &layer);
    let digest = client
        .push_manifest(&repository, "image", media_type::MANIFEST, image.as_bytes())
        .unwrap();
    assert!(
        client
            .referrers(&repository, &digest, None)
            .unwrap()
            .is_empty()
    );
    let subject = format!(
        r#","subject":{{"mediaType":"{}","digest":"{}","size":{}}}}}"#,
        media_type::MANIFEST,
        digest.to_oci(),
        image.len()
    );
    let referring = |kind: &str| {
        let end = format!(r#","artifactType":"{kind}","annotations":{{"a":"b"}}{subject}"#);
        format!("{}{end}", image.strip_suffix('}').unwrap())
    };
    for kind in [
        "application/spdx+json",
        "application/x.signature",
        "application/spdx+json",
    ] {
        let bytes = referring(kind);
        push_untagged(&client, &repository, &bytes);
    }
    let all = client.referrers(&repository, &digest, None).unwrap();
    assert_eq!(all.len(), 2, "{all:?}");
    let one = client
        .referrers(&repository, &digest, Some("application/x.signature"))
        .unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0].annotations().as_ref().unwrap()["a"], "b");
}

#[test]
fn many_threads_share_a_client() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let (client, repository) = (client(), repository(&registry.host(), "threads"));
    std::thread::scope(|scope| {
        for seed in 0..6 {
            let (client, repository) = (client.clone(), &repository);
            scope.spawn(move || {
                let blob = Bytes::new(noise(seed, 5 << 20));
                client.push_blob(repository, &blob, &[]).unwrap();
            });
        }
    });
    assert_eq!(client.sent(), 6 * (5 << 20));
}
