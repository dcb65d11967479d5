//! No file names the host of a package registry or mirror, nor a path of the machine that it was
//! written on: places come from settings. What is forbidden may not stand here either, so it is
//! taken from the machine's settings, and well-known names are put together from pieces.

use std::{collections::BTreeSet, path::PathBuf};

use store::Places;
use url::{Host, Url};

use crate::{Problem, assert_none, repository};

/// Hosts that are forbidden whatever this machine is set up with. An index that an edition itself gives, such as
/// PyTorch's, is an address like any other.
const WELL_KNOWN: [&str; 11] = [
    concat!("py", "pi.o", "rg"),
    concat!("python", "hosted.o", "rg"),
    concat!("py", "pi.nvi", "dia.com"),
    concat!("deb.deb", "ian.o", "rg"),
    concat!("ftp.deb", "ian.o", "rg"),
    concat!("security.deb", "ian.o", "rg"),
    concat!("snapshot.deb", "ian.o", "rg"),
    concat!("archive.ubu", "ntu.com"),
    concat!("crat", "es.io"),
    concat!("registry.np", "mjs.o", "rg"),
    concat!("conda.ana", "conda.o", "rg"),
];

/// cargo itself writes its default registry into these.
const WRITTEN_BY_CARGO: &str = "Cargo.lock";

/// The host in an address, if it is one that could give this machine away.
fn host(address: &str) -> Option<String> {
    let url = Url::parse(address.trim_start_matches("sparse+")).ok()?;
    let reserved = [".test", ".example", ".invalid", ".localhost"];
    match url.host()? {
        Host::Domain(name)
            if !name.contains('.') || reserved.iter().any(|end| name.ends_with(end)) =>
        {
            None
        }
        Host::Ipv4(address) if address.is_loopback() => None,
        Host::Ipv6(address) if address.is_loopback() => None,
        host => Some(host.to_string()),
    }
}

/// The hosts that apt, pip, uv and cargo of this machine are set up with.
fn hosts_of_the_machine() -> Vec<String> {
    let places = Places::from_env().unwrap();
    let mut places_shown: Vec<String> = places.debian().iter().map(ToString::to_string).collect();
    // Without any Python index there is none to forbid.
    let python = places.python().unwrap_or_default();
    places_shown.extend(python.iter().map(ToString::to_string));
    places_shown.extend(cargo_settings());
    places_shown
        .iter()
        .filter_map(|place| host(place))
        .collect()
}

/// The addresses in cargo's own settings: every string below `source` and `registries`.
fn cargo_settings() -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let text = ["config.toml", "config"]
        .iter()
        .find_map(|name| std::fs::read_to_string(home.as_ref()?.join(name)).ok());
    let settings: toml::Table = text.unwrap_or_default().parse().unwrap_or_default();
    let tables = ["source", "registries"]
        .iter()
        .filter_map(|name| settings.get(*name)?.as_table());
    let keys = tables
        .flat_map(|table| table.values())
        .filter_map(|value| value.as_table());
    keys.flat_map(|table| table.values())
        .filter_map(|value| Some(value.as_str()?.to_owned()))
        .collect()
}

/// Paths of this machine that mean nothing elsewhere: this repository's, the user's home.
fn paths_of_the_machine() -> Vec<String> {
    let paths = [Some(repository::root()), std::env::home_dir()]
        .into_iter()
        .flatten();
    let paths = paths.filter_map(|path| path.into_os_string().into_string().ok());
    // One name alone, as /root or /src, may well be meant as a path in an image.
    paths.filter(|path| path.matches('/').count() > 1).collect()
}

/// Where `word` stands by itself in a line, and not inside a longer name.
fn stands_in(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !part(before) && !part(line[at + word.len()..].chars().next())
    })
}

fn check(file: &str, text: &str, hosts: &BTreeSet<String>, paths: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lock = file.rsplit('/').next() == Some(WRITTEN_BY_CARGO);
    for (number, line) in (1..).zip(text.lines()) {
        let lower = line.to_lowercase();
        let host = hosts.iter().find(|host| !lock && stands_in(&lower, host));
        if let Some(host) = host {
            let what = format!("names the host {host}: places come from settings");
            problems.push(Problem::new(file, number, what));
        }
        if let Some(path) = paths.iter().find(|path| stands_in(line, path)) {
            problems.push(Problem::new(
                file,
                number,
                format!("names this machine's {path}"),
            ));
        }
    }
    problems
}

#[test]
fn no_file_names_a_registry_or_this_machine() {
    let mut hosts = BTreeSet::from(WELL_KNOWN.map(str::to_owned));
    hosts.extend(hosts_of_the_machine());
    let paths = paths_of_the_machine();
    let files = repository::files();
    let check = |(name, text): &(String, String)| check(name, text, &hosts, &paths);
    assert_none(&files.iter().flat_map(check).collect::<Vec<_>>());
}

#[test]
fn names_that_are_forbidden_are_found() {
    let hosts = BTreeSet::from(["mirror.site.test".to_owned()]);
    let paths = ["/srv/builds/strata".to_owned()];
    let lines = |file: &str, text: &str| {
        let problems = check(file, text, &hosts, &paths);
        problems
            .iter()
            .map(|problem| problem.line)
            .collect::<Vec<_>>()
    };
    assert_eq!(lines("a.md", "one\nhttps://Mirror.site.test/x\n"), [2]);
    assert_eq!(lines("a.md", "eu.mirror.site.test is one of them\n"), [1]);
    assert_eq!(
        lines("a.md", "mirror.site.tester and my-mirror.site.test\n"),
        [] as [usize; 0]
    );
    assert_eq!(lines("a.sh", "\ncd /srv/builds/strata/target\n"), [2]);
    assert_eq!(
        lines("a.sh", "cd /srv/builds/strata-two\n"),
        [] as [usize; 0]
    );
    assert_eq!(
        lines("x/Cargo.lock", "mirror.site.test\n/srv/builds/strata\n"),
        [2]
    );
}

#[test]
fn a_host_is_found_in_an_address() {
    assert_eq!(
        host("sparse+https://user@mirror.site.org:443/a/").as_deref(),
        Some("mirror.site.org")
    );
    assert_eq!(host("https://10.0.0.7/simple").as_deref(), Some("10.0.0.7"));
    for address in [
        "http://localhost/a",
        "http://127.0.0.1:80/",
        "http://a.test/",
        "file:///a",
        "a",
    ] {
        assert_eq!(host(address), None, "{address}");
    }
}
