//! What breaks goes on from where it was, where the registry lets it.

use std::io::Read;

use strata_registry::{BlobReader, BlobSource, Bytes, Error, Pushed};

use crate::support::{
    client, noise, repository,
    spec::{Spec, Ways},
};

const SIZE: usize = 8 << 20;

#[test]
fn an_upload_that_breaks_again_and_again() {
    // More often than there are tries: each time, something more has arrived.
    let registry = Spec::start(Ways {
        breaks_at: Some(400 << 10),
        ..Ways::default()
    });
    let (client, repository) = (client(), repository(&registry.server.host(), "a"));
    let blob = Bytes::new(noise(1, SIZE));
    let pushed = client.push_blob(&repository, &blob, &[]).unwrap();
    assert!(registry.blob(&blob.digest().to_oci()).unwrap() == noise(1, SIZE));
    assert!(registry.server.count("PATCH") > 15);
    // One upload, gone on with.
    assert_eq!(registry.server.count("POST"), 1);
    assert!(
        matches!(pushed, Pushed::Uploaded { bytes } if bytes >= SIZE as u64),
        "{pushed:?}"
    );
}

#[test]
fn a_registry_that_says_how_small_a_request_may_be() {
    let registry = Spec::start(Ways {
        least: Some(3 << 20),
        ..Ways::default()
    });
    let options = strata_registry::Options {
        chunk: Some(1 << 20),
        ..crate::support::options()
    };
    let client = strata_registry::Client::new(options);
    let blob = Bytes::new(noise(2, SIZE));
    client
        .push_blob(&repository(&registry.server.host(), "a"), &blob, &[])
        .unwrap();
    let sizes: Vec<u64> = registry
        .server
        .requests()
        .iter()
        .filter(|head| head.method == "PATCH")
        .map(|head| head.length())
        .collect();
    assert_eq!(sizes, [3 << 20, 3 << 20, 2 << 20]);
}

#[test]
fn a_blob_that_is_read_goes_on_after_a_break() {
    for no_ranges in [false, true] {
        let registry = Spec::start(Ways {
            cuts_at: (!no_ranges).then_some(600 << 10),
            no_ranges,
            ..Ways::default()
        });
        let blob = Bytes::new(noise(3, SIZE));
        registry.put_blob(&blob.digest().to_oci(), noise(3, SIZE));
        let (client, repository) = (client(), repository(&registry.server.host(), "a"));
        let mut reader = client
            .pull_blob(&repository, &blob.digest(), blob.size())
            .unwrap();
        let mut back = Vec::new();
        reader.read_to_end(&mut back).unwrap();
        assert!(back == noise(3, SIZE));
        assert_eq!(client.received(), SIZE as u64);
        assert!(no_ranges || registry.server.count("GET") > 10);
    }
}

#[test]
fn a_blob_that_is_not_what_it_says_is_refused_at_its_end() {
    let registry = Spec::start(Ways::default());
    let (client, repository) = (client(), repository(&registry.server.host(), "a"));
    let blob = Bytes::new(noise(4, 100_000));
    let digest = blob.digest();
    let mut altered = noise(4, 100_000);
    altered[99_999] ^= 1;
    registry.put_blob(&digest.to_oci(), altered);
    let mut reader = client.pull_blob(&repository, &digest, 100_000).unwrap();
    let mut back = Vec::new();
    let error = reader.read_to_end(&mut back).unwrap_err();
    let error = BlobReader::error(error).unwrap();
    assert!(matches!(error, Error::Content { .. }), "{error:?}");
    let error = client
        .blob_bytes(&repository, &digest, 1 << 20)
        .unwrap_err();
    assert!(matches!(error, Error::Content { .. }), "{error:?}");
    // Of another size than is known.
    for size in [99_999, 100_001] {
        let error = client.pull_blob(&repository, &digest, size).unwrap_err();
        assert!(matches!(error, Error::Content { .. }), "{error:?}");
    }
}
