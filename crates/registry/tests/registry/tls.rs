//! TLS by the system's trust: a private authority that is in it, and one that is not.

use std::{fs, path::Path};

use strata_registry::{Bytes, Client, Error, Pushed};

use crate::support::{
    child, client, debian::Debian, has, noise, options, repository, run, self_signed,
};

/// An authority in `ca.crt`, and a certificate of it for this machine in `tls.crt` and `tls.key`.
fn make(folder: &Path) {
    let at = |name: &str| folder.join(name).display().to_string();
    let names = at("names");
    fs::write(&names, "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
    self_signed(folder, "ca", "Tests");
    run(
        "openssl",
        &[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=registry",
            "-keyout",
            &at("tls.key"),
            "-out",
            &at("tls.csr"),
        ],
    );
    run(
        "openssl",
        &[
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            &at("tls.csr"),
            "-CA",
            &at("ca.crt"),
            "-CAkey",
            &at("ca.key"),
            "-CAcreateserial",
            "-extfile",
            &names,
            "-out",
            &at("tls.crt"),
        ],
    );
}

fn secured() -> Option<Debian> {
    if !has("openssl") {
        return None;
    }
    Debian::with(|folder| {
        make(folder);
        let at = |name: &str| folder.join(name).display().to_string();
        format!(
            "  tls:\n    certificate: {}\n    key: {}\n---\n",
            at("tls.crt"),
            at("tls.key")
        )
    })
}

#[test]
fn a_private_authority_in_the_systems_trust() {
    let Some(registry) = secured() else { return };
    let trusted = registry.folder.path().join("ca.crt").display().to_string();
    let variables = [
        ("TEST_REGISTRY", &*registry.host()),
        ("SSL_CERT_FILE", &*trusted),
    ];
    let (good, text) = child("tls::push_over_https", &variables);
    assert!(good, "{text}");
    assert!(registry.count("PATCH", 202) == 1, "{}", registry.log());
}

#[test]
#[ignore = "run by other tests, in a process of its own"]
fn push_over_https() {
    let host = std::env::var("TEST_REGISTRY").unwrap();
    let blob = Bytes::new(noise(20, 5 << 20));
    let pushed = client()
        .push_blob(&repository(&host, "secured"), &blob, &[])
        .unwrap();
    assert!(matches!(pushed, Pushed::Uploaded { .. }));
}

#[test]
fn a_certificate_that_nobody_trusts_is_refused_at_once() {
    let Some(registry) = secured() else { return };
    let blob = Bytes::new(noise(20, 10));
    let repository = repository(&registry.host(), "a");
    let error = client().push_blob(&repository, &blob, &[]).unwrap_err();
    // Not by plain http either, though it is this machine.
    assert!(matches!(error, Error::Certificate { .. }), "{error:?}");
    assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
    assert_eq!(registry.count("GET", 400), 0);
}

#[test]
fn plain_http_where_tls_is_spoken_says_so() {
    let Some(registry) = secured() else { return };
    let client = Client::new(strata_registry::Options {
        plain_http: [registry.host()].into(),
        ..options()
    });
    let blob = Bytes::new(noise(20, 10));
    let error = client
        .push_blob(&repository(&registry.host(), "a"), &blob, &[])
        .unwrap_err();
    assert!(error.to_string().contains("speaks https"), "{error}");
}
