//! Registries that take only some kinds of uploads, and what a client may use of the machine.

use std::{fs, io::Write};

use strata_registry::{BlobSource, Bytes, Error, File, Pushed, media_type};

use crate::support::{
    child, client, config,
    debian::Debian,
    manifest, noise, push_untagged, repository,
    spec::{Spec, Ways},
};

fn push_to(ways: Ways, size: usize) -> (Spec, strata_registry::Result<Pushed>, bool) {
    let registry = Spec::start(ways);
    let blob = Bytes::new(noise(1, size));
    let repository = repository(&registry.server.host(), "a/b");
    let pushed = client().push_blob(&repository, &blob, &[]);
    let stored = registry.blob(&blob.digest().to_oci());
    let right = stored.is_some_and(|stored| stored == noise(1, size));
    (registry, pushed, right)
}

#[test]
fn requests_are_cut_where_they_are_too_large() {
    for size in [6 << 20, 3 << 20] {
        let (registry, pushed, right) = push_to(
            Ways {
                most: Some(1 << 20),
                ..Ways::default()
            },
            size,
        );
        pushed.unwrap();
        assert!(right);
        let largest = registry
            .server
            .requests()
            .iter()
            .map(|head| head.length())
            .max();
        assert!(largest >= Some(1 << 20));
    }
    let (registry, pushed, right) = push_to(
        Ways {
            most: Some(1000),
            ..Ways::default()
        },
        6 << 20,
    );
    let error = pushed.unwrap_err();
    assert!(
        matches!(error, Error::Answered { status: 413, .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("limits the size") && !right,
        "{error}"
    );
    // The registry is told that nothing more comes.
    assert_eq!(registry.server.count("DELETE"), 1);
}

#[test]
fn one_put_where_nothing_else_is_taken() {
    for ways in [
        Ways {
            whole: true,
            ..Ways::default()
        },
        Ways {
            no_chunks: true,
            ..Ways::default()
        },
    ] {
        let (registry, pushed, right) = push_to(ways, 6 << 20);
        pushed.unwrap();
        assert!(right);
        assert_eq!(
            (registry.server.count("PATCH"), registry.server.count("PUT")),
            (1, 1)
        );
        // A refusal comes before the body: `Expect` saves sending it.
        assert_eq!(registry.announced(), 2 * (6 << 20));
    }
}

#[test]
fn uploads_follow_redirects_and_do_without_expect() {
    for ways in [
        Ways {
            redirects: true,
            ..Ways::default()
        },
        Ways {
            no_expect: true,
            ..Ways::default()
        },
    ] {
        let (_, pushed, right) = push_to(ways, 6 << 20);
        pushed.unwrap();
        assert!(right);
    }
}

#[test]
fn referrers_by_the_api_page_by_page() {
    let registry = Spec::start(Ways::default());
    let (client, repository) = (client(), repository(&registry.server.host(), "a"));
    let layer = Bytes::new(noise(2, 10));
    let image = manifest(&config(&layer), &layer);
    let digest = client
        .push_manifest(&repository, "image", media_type::MANIFEST, image.as_bytes())
        .unwrap();
    for number in 0..3 {
        let bytes = format!(
            r#"{{"schemaVersion":2,"n":{number},"subject":{{"digest":"{}"}}}}"#,
            digest.to_oci()
        );
        push_untagged(&client, &repository, &bytes);
    }
    assert_eq!(
        client.referrers(&repository, &digest, None).unwrap().len(),
        3
    );
    assert_eq!(
        client
            .referrers(&repository, &digest, Some("a/b"))
            .unwrap()
            .len(),
        3
    );
    assert!(
        client
            .referrers(&repository, &digest, Some("c/d"))
            .unwrap()
            .is_empty()
    );
    // The registry looks after them: no list was pushed under a tag.
    assert_eq!(registry.server.count("PUT"), 4);
    // This one names no digest with a HEAD, so the manifest was read.
    let found = client.head_manifest(&repository, "image").unwrap().unwrap();
    assert_eq!(found.digest, digest);
    let large = vec![b' '; 5 << 20];
    let error = client
        .push_manifest(&repository, "large", media_type::MANIFEST, &large)
        .unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
}

#[test]
fn memory_does_not_grow_with_a_blob() {
    let Some(registry) = Debian::start() else {
        return;
    };
    let host = registry.host();
    let folder = registry.folder.path().display().to_string();
    let variables = [("TEST_REGISTRY", &*host), ("TEST_FOLDER", &*folder)];
    let (good, text) = child("limits::push_and_pull_a_large_blob", &variables);
    assert!(good, "{text}");
    println!("{text}");
}

#[test]
#[ignore = "run by other tests, in a process of its own"]
fn push_and_pull_a_large_blob() {
    let path = std::path::Path::new(&std::env::var_os("TEST_FOLDER").unwrap()).join("large");
    let piece = noise(5, 1 << 20);
    let mut file = fs::File::create(&path).unwrap();
    for _ in 0..256 {
        file.write_all(&piece).unwrap();
    }
    drop(piece);
    let (size, digest) = store::sha256(&mut fs::File::open(&path).unwrap()).unwrap();
    let repository = repository(&std::env::var("TEST_REGISTRY").unwrap(), "large");
    let client = client();
    let start = std::time::Instant::now();
    client
        .push_blob(&repository, &File::new(digest, size, &path), &[])
        .unwrap();
    println!("pushed {size} bytes in {:?}", start.elapsed());
    let mut reader = client.pull_blob(&repository, &digest, size).unwrap();
    let copied = std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    assert_eq!(copied, size);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    println!("peak {peak}");
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 48 << 10, "{peak} kB");
}
