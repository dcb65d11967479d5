//! The list of referrers under a tag, where others write it as well, or something else.

use strata_registry::{BlobSource, By, Bytes, Error, media_type};

use crate::support::{
    client,
    http::{Reply, Server},
    repository,
};

/// Pushes a referrer to a registry without the API that answers `list` for the tag; the error, and how
/// often the list was written.
fn refer(list: Option<&'static str>) -> (Error, usize) {
    let server = Server::start(move |head, _| {
        Some(match (head.method.as_str(), list) {
            ("GET", _) if head.path == "/v2/" => Reply::new(200, ""),
            ("PUT", _) => Reply::new(201, ""),
            (_, Some(list)) => Reply::new(200, list).header("Content-Type", media_type::INDEX),
            _ => Reply::new(404, ""),
        })
    });
    let subject = Bytes::new("image").digest().to_oci();
    let bytes = format!(r#"{{"schemaVersion":2,"subject":{{"digest":"{subject}"}}}}"#);
    let digest = Bytes::new(bytes.as_str()).digest();
    let to = repository(&server.host(), "a");
    let by = By::Digest(digest);
    let pushed = client().push_manifest(&to, by, media_type::MANIFEST, bytes.as_bytes());
    (pushed.unwrap_err(), server.count("PUT") - 1)
}

#[test]
fn a_list_that_others_overwrite_is_an_error() {
    let others = r#"{"schemaVersion":2,"manifests":[{"digest":"sha256:other"}]}"#;
    for list in [None, Some(others)] {
        let (error, writes) = refer(list);
        assert!(
            matches!(error, Error::Overwritten { writes: 3, .. }),
            "{error:?}"
        );
        assert_eq!(writes, 3);
    }
}

#[test]
fn what_is_no_list_is_not_overwritten() {
    for list in [
        "not JSON",
        "{}",
        r#"{"schemaVersion":2,"manifests":{}}"#,
        r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#,
    ] {
        let (error, writes) = refer(Some(list));
        assert!(matches!(error, Error::Odd { .. }), "{list}: {error:?}");
        assert!(error.to_string().contains("is no index"), "{error}");
        assert_eq!(writes, 0, "{list}");
    }
}
