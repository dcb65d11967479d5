//! The indexes that uv's variables and configuration files name.

use std::io;

use serde::Deserialize;

use super::{Folders, Found};
use crate::{Error, Result};

/// `UV_DEFAULT_INDEX`, `UV_INDEX_URL`, and the list in `UV_INDEX`.
pub(super) fn from_variables(set: &dyn Fn(&str) -> Option<String>) -> Found {
    let mut found = Found::default();
    for name in ["UV_DEFAULT_INDEX", "UV_INDEX_URL"] {
        if let Some(value) = set(name) {
            found.main(without_name(&value));
        }
    }
    if let Some(value) = set("UV_INDEX") {
        value
            .split_whitespace()
            .for_each(|item| found.extra(without_name(item)));
    }
    found
}

/// The user's `uv.toml`, then the machine's.
pub(super) fn from_files(folders: &Folders<'_>) -> Result<Found> {
    let user = folders.config.map(|config| config.join("uv/uv.toml"));
    let machine = folders.root.join("etc/uv/uv.toml");
    let mut found = Found::default();
    for path in user.into_iter().chain([machine]) {
        let text = match fs_err::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(Error::Settings {
                    path,
                    problem: error.to_string(),
                });
            }
        };
        // The parser's message would quote the line, and with it what credentials stand there.
        let more = parse(&text).map_err(|error| Error::Settings {
            path,
            problem: format!("not uv's TOML: {}", error.message()),
        })?;
        found.main |= more.main;
        found.places.extend(more.places);
    }
    Ok(found)
}

fn parse(text: &str) -> Result<Found, toml::de::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Settings {
        #[serde(default)]
        index: Vec<Index>,
        index_url: Option<String>,
        #[serde(default)]
        extra_index_url: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Index {
        url: String,
        #[serde(default)]
        default: bool,
        #[serde(default)]
        explicit: bool,
    }

    let settings: Settings = toml::from_str(text)?;
    let mut found = Found::default();
    // An explicit index is only for the packages that are pinned to it by name.
    for index in settings.index.iter().filter(|index| !index.explicit) {
        if index.default {
            found.main(&index.url)
        } else {
            found.extra(&index.url)
        }
    }
    if let Some(url) = &settings.index_url {
        found.main(url);
    }
    settings
        .extra_index_url
        .iter()
        .for_each(|url| found.extra(url));
    Ok(found)
}

/// uv takes `name=address` where it takes an address.
fn without_name(value: &str) -> &str {
    match value.split_once('=') {
        Some((name, rest)) if !name.contains([':', '/']) => rest,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings() {
        let found = parse(
            "index-url = \"https://c.test/s\"\nextra-index-url = [\"https://d.test/s\"]\n\
             no-cache = true\n\
             [[index]]\nname = \"x\"\nurl = \"https://a.test/s\"\n\
             [[index]]\nurl = \"https://b.test/s\"\ndefault = true\n\
             [[index]]\nname = \"e\"\nurl = \"https://e.test/s\"\nexplicit = true\n",
        )
        .unwrap();
        let texts: Vec<_> = found.places.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "https://a.test/s/",
                "https://b.test/s/",
                "https://c.test/s/",
                "https://d.test/s/"
            ]
        );
        assert!(found.main);
        assert!(!parse("[[index]]\nurl = \"https://a.test/s\"").unwrap().main);
    }

    #[test]
    fn names_before_addresses() {
        assert_eq!(without_name("x=https://a.test/?q=1"), "https://a.test/?q=1");
        assert_eq!(without_name("https://a.test/?q=1"), "https://a.test/?q=1");
    }
}
