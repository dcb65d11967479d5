//! Which addresses of git repositories may stand in editions and locks.

use url::Url;

/// Transports that are part of git itself (gitprotocol-common(5)); `ext::` and other helpers run programs.
const SCHEMES: [&str; 5] = ["https", "http", "ssh", "git", "file"];

/// What is wrong with the address of a git repository, and what to write instead; `None` for one that may
/// be used. Addresses are URLs, or git's short form for ssh, `user@host:path` (git-clone(1), GIT URLs).
pub fn repository_problem(address: &str) -> Option<(String, &'static str)> {
    const WRITE: &str = "write \"https://HOST/OWNER/NAME\", ssh://…, file://… or USER@HOST:PATH";
    let no_url = || Some((format!("{address:?} is no URL of a git repository"), WRITE));
    if address.contains(|c: char| c.is_control() || c == ' ') {
        return no_url();
    }
    if let Some((host, path)) = address.split_once(':')
        && host.contains('@')
        && !host.contains('/')
        && !host.starts_with('-')
        && !path.is_empty()
        && !path.starts_with(['/', ':'])
    {
        return None;
    }
    let Ok(url) = Url::parse(address) else {
        return no_url();
    };
    // Literally, since git knows `file::x` and `file:x` as other things. And a host that begins with a dash
    // would be an option.
    let whole = SCHEMES.iter().any(|scheme| {
        address
            .strip_prefix(scheme)
            .is_some_and(|rest| rest.starts_with("://"))
    });
    if !whole || url.host_str().is_some_and(|host| host.starts_with('-')) {
        return no_url();
    }
    let secret = url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
        || (url.scheme().starts_with("http") && !url.username().is_empty());
    secret.then(|| {
        (
            "the address of a git repository has a user, a password or a query in it".to_owned(),
            "leave them out: git asks its credential helpers (gitcredentials(7))",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for fine in [
            "https://example.org/o/n",
            "https://example.org:8443/o/n.git",
            "ssh://git@example.org/o/n",
            "git@example.org:o/n.git",
            "git://example.org/n",
            "file:///srv/n",
        ] {
            assert_eq!(repository_problem(fine), None, "{fine}");
        }
        for bad in [
            "",
            "o/n",
            "/srv/n",
            "--upload-pack=touch x",
            "ext::sh -c touch% x",
            "ext::sh",
            "ssh://-oProxyCommand=x/n",
            "-oProxyCommand=x@y:n",
            "https://token@example.org/o/n",
            "https://user:word@example.org/o/n",
            "ssh://git:word@example.org/o/n",
            "https://example.org/a b",
            "file:///a\nb",
            "file::sh",
            "ssh::sh",
            "FILE:///etc",
            "file:rel",
            "https:example.org/o/n",
            "git:word@example.org:n",
            "https://example.org/n?private_token=abc",
        ] {
            assert!(repository_problem(bad).is_some(), "{bad}");
        }
    }
}
