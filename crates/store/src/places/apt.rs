//! The archives that apt's sources name: one-line lists (sources.list(5)) and deb822 `.sources`.
//! Suites and components are not read: a lock names files by their paths.

use std::path::{Path, PathBuf};

use super::{Place, append};

/// Roots of the archives of binary packages that apt is set up with, those whose path ends in
/// `/debian` first. What cannot be read is passed over.
pub(super) fn places(root: &Path) -> Vec<Place> {
    let folder = root.join("etc/apt");
    let mut files = vec![folder.join("sources.list")];
    let mut more: Vec<PathBuf> = fs_err::read_dir(folder.join("sources.list.d"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    more.sort();
    files.extend(more);

    let mut found = Vec::new();
    for file in files {
        let parse = match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => one_line,
            Some("sources") => deb822,
            _ => continue,
        };
        if let Ok(text) = fs_err::read_to_string(&file) {
            append(&mut found, parse(&text));
        }
    }
    // Stable, so that apt's order stays otherwise.
    found.sort_by_key(|place| !place.url().path().ends_with("/debian/"));
    found
}

/// Archives in a file of lines such as `deb [arch=amd64] http://mirror/debian suite main`.
fn one_line(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some(rest) = line.strip_prefix("deb") else {
            continue;
        };
        // `deb-src` and words that merely begin so.
        if !rest.starts_with([' ', '\t', '[']) {
            continue;
        }
        let rest = rest.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']').map_or("", |(_, rest)| rest),
            None => rest,
        };
        places.extend(rest.split_whitespace().next().and_then(fetchable));
    }
    places
}

/// Archives in a file of stanzas with `Types`, `URIs` and `Enabled`.
fn deb822(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let mut stanza = Stanza::default();
    let mut field = String::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            places.extend(std::mem::take(&mut stanza).places());
            field.clear();
        } else if line.starts_with([' ', '\t']) {
            stanza.add(&field, line);
        } else if let Some((name, value)) = line.split_once(':') {
            field = name.trim().to_ascii_lowercase();
            stanza.add(&field, value);
        }
    }
    places
}

#[derive(Default)]
struct Stanza {
    binary: bool,
    disabled: bool,
    addresses: Vec<String>,
}

impl Stanza {
    fn add(&mut self, field: &str, value: &str) {
        let mut words = value.split_whitespace();
        match field {
            "types" => self.binary |= words.any(|word| word == "deb"),
            "uris" => self.addresses.extend(words.map(str::to_owned)),
            // apt's words for false (StringToBool).
            "enabled" => {
                self.disabled = words.next().is_some_and(|word| {
                    let no = ["no", "false", "without", "off", "disable", "0"];
                    no.contains(&word.to_ascii_lowercase().as_str())
                });
            }
            _ => {}
        }
    }

    fn places(self) -> Vec<Place> {
        if self.binary && !self.disabled {
            self.addresses
                .iter()
                .filter_map(|address| fetchable(address))
                .collect()
        } else {
            Vec::new()
        }
    }
}

fn fetchable(address: &str) -> Option<Place> {
    let web = address.starts_with("http://") || address.starts_with("https://");
    web.then(|| Place::parse("apt", address).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(places: Vec<Place>) -> Vec<String> {
        places.iter().map(Place::to_string).collect()
    }

    #[test]
    fn lines() {
        let text = "# deb http://off.test/debian s main\n\
            deb http://a.test/debian forky main # why\n\
            deb\t[ arch=amd64 signed-by=/x ] https://b.test/x/ forky main\n\
            deb [trusted=yes]http://c.test/debian forky main\n\
            deb-src http://src.test/debian forky main\n\
            debug http://d.test/ x\n\
            deb cdrom:[Debian]/ forky main\n\
            deb file:/srv/x forky main\n\
            deb [broken http://e.test/\n\
            deb\n";
        assert_eq!(
            texts(one_line(text)),
            [
                "http://a.test/debian/",
                "https://b.test/x/",
                "http://c.test/debian/"
            ]
        );
    }

    #[test]
    fn stanzas() {
        let text = "Types: deb deb-src\n\
            # a comment inside\n\
            URIs: http://a.test/debian\n  http://b.test/debian\nSuites: forky\n\
            \n\
            Types: deb-src\nURIs: http://src.test/debian\n\
            \n\
            Enabled: no\nTypes: deb\nURIs: http://off.test/debian\n\
            \n\
            types: deb\nuris: mirror+http://m.test/x https://c.test/y\nEnabled: yes";
        assert_eq!(
            texts(deb822(text)),
            [
                "http://a.test/debian/",
                "http://b.test/debian/",
                "https://c.test/y/"
            ]
        );
    }
}
