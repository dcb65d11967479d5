//! A real suite: its signature, and what happens when a letter of it changes. Needs a Debian mirror,
//! so it runs when it is asked for.

use debian_archive::{Archive, Error, Keyring};
use store::{Fetcher, Store};
use strata_debian_archive as debian_archive;

/// Seconds since 1970 UTC: a day on which the keys are good.
const NOW: u32 = 1_795_000_000;

#[test]
#[ignore = "needs the network"]
fn a_suite_is_verified_and_a_changed_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let fetcher = Fetcher::from_env().unwrap();
    let page = fetcher
        .debian_page("dists/forky/InRelease", 64 << 20)
        .unwrap();
    let text = String::from_utf8(page.bytes).unwrap();
    // The pinned package's keys will do on a host that has none.
    let keyring = Keyring::pinned(&store, &fetcher).unwrap();
    let (signed, keys) = keyring.verify("InRelease", &text, NOW).unwrap();
    assert!(signed.contains("Codename: forky") && !keys.is_empty());

    let refused = |text: &str, now: u32| {
        let error = keyring.verify("InRelease", text, now).unwrap_err();
        assert!(
            matches!(error, Error::Signature { .. } | Error::Release { .. }),
            "{error}"
        );
        error.to_string()
    };
    assert!(refused(&text.replacen("forky", "porky", 1), NOW).contains("not what it signed"));
    // Before the signature was made, and after every key has ended.
    assert!(refused(&text, 1_600_000_000).contains("future"));
    assert!(refused(&text, u32::MAX - 1).contains("expired"));
    let at = text.find("-----BEGIN PGP SIGNATURE").unwrap();
    refused(&text[..at], NOW);

    let components = ["main".to_owned()];
    let now = i64::from(NOW);
    let archive = Archive::open(&store, &fetcher, "forky", &components, "amd64", now).unwrap();
    assert!(archive.packages.len() > 50_000 && archive.release.codename == "forky");
    let missing = ["no-such-component".to_owned()];
    let error = Archive::open(&store, &fetcher, "forky", &missing, "amd64", now).unwrap_err();
    assert!(error.to_string().contains("no-such-component"));
}
