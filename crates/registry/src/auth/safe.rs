//! Who may see credentials, and where requests may go at all.

use url::{Host, Url};

/// Whether `host[:port]` is this machine itself: exactly `localhost`, 127.0.0.0/8 or `[::1]`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a request to `url` may carry what was meant for `registry`: the same scheme, host and
/// port.
pub(crate) fn is_same(registry: &Url, url: &Url) -> bool {
    registry.origin() == url.origin()
}

/// Whether `realm`, a token server that the registry names, may see its credentials.
pub(crate) fn check_realm(registry: &Url, realm: &Url) -> Result<(), &'static str> {
    match realm.scheme() {
        "https" => Ok(()),
        "http" if registry.scheme() == "http" => {
            let here = is_loopback(registry) && is_loopback(realm);
            if here || registry.host() == realm.host() {
                Ok(())
            } else {
                Err("it is plain http, and another host than the registry")
            }
        }
        "http" => Err("it is plain http, and the registry is not"),
        _ => Err("it is neither https nor http"),
    }
}

/// An address that the registry names, to go on at. One on the registry's own host that lost its
/// https behind a proxy gets it back; any other way from https to http is refused.
pub(crate) fn follow(from: &Url, location: &str) -> Result<Url, &'static str> {
    let mut url = from
        .join(location)
        .map_err(|_| "it names an address that is none")?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err("it names an address that is neither https nor http");
    }
    if from.scheme() == "https" && url.scheme() == "http" {
        let same_port = url.port().is_none_or(|port| Some(port) == from.port());
        if url.host() != from.host() || !same_port {
            return Err("it leads from https to plain http");
        }
        let port = from.port();
        // These fail only for addresses without a host.
        let _ = url.set_scheme("https");
        let _ = url.set_port(port);
    }
    // Names and passwords in an address are nobody's business here.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn loopback_is_nothing_else() {
        for (text, is) in [
            ("http://localhost:5000/", true),
            ("http://LOCALHOST/", true),
            ("http://127.0.0.1/", true),
            ("http://127.9.8.7/", true),
            ("http://[::1]:5000/", true),
            ("http://localhost.evil.test/", false),
            ("http://127.0.0.1.evil.test/", false),
            ("http://128.0.0.1/", false),
            ("http://[::2]/", false),
        ] {
            assert_eq!(is_loopback(&url(text)), is, "{text}");
        }
    }

    #[test]
    fn credentials_go_to_no_stranger() {
        let fits = |registry: &str, realm: &str| check_realm(&url(registry), &url(realm)).is_ok();
        assert!(fits("https://r.test/", "https://auth.test/token"));
        assert!(!fits("https://r.test/", "http://r.test/token"));
        assert!(!fits("https://r.test/", "ftp://r.test/token"));
        assert!(fits(
            "http://127.0.0.1:5000/",
            "http://localhost:5001/token"
        ));
        assert!(!fits("http://127.0.0.1:5000/", "http://evil.test/token"));
        assert!(fits("http://r.test:5000/", "http://r.test:5001/token"));
        assert!(!fits("http://r.test:5000/", "http://auth.test/token"));
    }

    #[test]
    fn locations() {
        let from = url("https://r.test:8443/v2/a/blobs/uploads/");
        let to = |location: &str| follow(&from, location).map(|url| url.to_string());
        assert_eq!(
            to("/v2/x?y=z"),
            Ok("https://r.test:8443/v2/x?y=z".to_owned())
        );
        assert_eq!(
            to("x"),
            Ok("https://r.test:8443/v2/a/blobs/uploads/x".to_owned())
        );
        assert_eq!(
            to("https://u:p@cdn.test/x#f"),
            Ok("https://cdn.test/x".to_owned())
        );
        assert_eq!(
            to("http://r.test/x"),
            Ok("https://r.test:8443/x".to_owned())
        );
        assert!(to("http://cdn.test/x").is_err());
        assert!(to("http://r.test:80808/x").is_err());
        assert!(to("file:///etc/passwd").is_err());
        assert!(is_same(&from, &url("https://r.test:8443/y")));
        assert!(!is_same(&from, &url("https://r.test/y")));
    }
}
