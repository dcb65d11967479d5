//! Lock files of Python packages (PEP 751), as far as they name wheels of an index.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::Path,
};

use lock::{Sha256, normalised};
use serde::Deserialize;

use crate::{Error, Result, direct::Direct, tags::Tags};

/// A wheel that was chosen, or a source distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Version (PEP 440).
    pub(crate) version: String,
    /// File name.
    pub(crate) filename: String,
    /// In bytes, if the index says.
    pub(crate) size: Option<u64>,
    /// Of the file.
    pub(crate) sha256: Sha256,
    /// Where it is now: for uv alone, never for a lock.
    pub(crate) url: Option<String>,
    /// When the index got it, if it says.
    pub(crate) uploaded: Option<jiff::Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    lock_version: String,
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    #[serde(default)]
    wheels: Vec<Wheel>,
    sdist: Option<Wheel>,
    /// A file that was given itself, by path or address.
    archive: Option<Wheel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Wheel {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    size: Option<u64>,
    upload_time: Option<toml::value::Datetime>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

impl Wheel {
    fn filename(&self) -> Option<String> {
        let last = |text: &String| {
            let text = text.split(['?', '#']).next().unwrap_or_default();
            let name = text.rsplit('/').next().unwrap_or_default();
            percent_encoding::percent_decode_str(name)
                .decode_utf8_lossy()
                .into_owned()
        };
        self.name
            .clone()
            .or_else(|| self.url.as_ref().map(last))
            .or_else(|| self.path.as_ref().map(last))
    }
}

/// Reads a `pylock.toml` and chooses of each package's wheels the one that the interpreter likes
/// best: normalised name to wheel.
///
/// # Errors
/// A file that is none; a package without a wheel that fits, or whose sha256 is not told.
///
/// `direct` are the wheels that were given themselves, whose size the file does not tell; of the packages
/// in `as_source` the source distribution is taken.
pub(crate) fn read(
    path: &Path,
    tags: &Tags,
    direct: &BTreeMap<String, Direct>,
    as_source: &BTreeSet<String>,
) -> Result<BTreeMap<String, Chosen>> {
    let shown = path.display().to_string();
    let bad = |problem: String| Error::Pylock {
        file: shown.clone(),
        problem,
    };
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    let file: File = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
    if !file.lock_version.starts_with("1.") {
        return Err(bad(format!(
            "expected lock-version 1.x, found {:?}",
            file.lock_version
        )));
    }
    let mut chosen = BTreeMap::new();
    for package in file.packages {
        let name = normalised(&package.name);
        let version = package.version.clone().ok_or_else(|| {
            bad(format!(
                "{name}: no version: only packages of an index will do"
            ))
        })?;
        if let (Some(archive), Some(direct)) = (&package.archive, direct.get(&name)) {
            let found = archive.hashes.get("sha256").map(String::as_str);
            if found.is_some_and(|found| found != direct.sha256.to_string()) {
                return Err(bad(format!(
                    "{}: expected sha256 {}, found {}",
                    direct.filename,
                    direct.sha256,
                    found.unwrap_or_default()
                )));
            }
            if tags.rank(&direct.filename).is_none() {
                return Err(Error::NoWheel {
                    package: format!("{name} {version} ({})", direct.filename),
                });
            }
            let wheel = Chosen {
                version,
                filename: direct.filename.clone(),
                size: Some(direct.size),
                sha256: direct.sha256,
                url: None,
                uploaded: None,
            };
            chosen.insert(name, wheel);
            continue;
        }
        let best = package
            .wheels
            .iter()
            .filter_map(|wheel| {
                let filename = wheel.filename()?;
                Some((tags.rank(&filename)?, filename, wheel))
            })
            .min_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let sdist = package.sdist.as_ref().filter(|_| as_source.contains(&name));
        let sdist = sdist.and_then(|sdist| Some((sdist.filename()?, sdist)));
        let best = sdist.or(best.map(|(_, filename, wheel)| (filename, wheel)));
        let Some((filename, wheel)) = best else {
            return Err(Error::NoWheel {
                package: format!("{name} {version}"),
            });
        };
        let sha256 = wheel
            .hashes
            .get("sha256")
            .and_then(|hash| hash.parse().ok());
        let sha256 = sha256.ok_or_else(|| bad(format!("{filename}: the index tells no sha256")))?;
        let wheel = Chosen {
            version,
            filename,
            size: wheel.size,
            sha256,
            url: wheel.url.clone(),
            uploaded: wheel
                .upload_time
                .and_then(|time| time.to_string().parse().ok()),
        };
        if chosen.insert(name.clone(), wheel).is_some() {
            return Err(bad(format!("{name} stands twice")));
        }
    }
    Ok(chosen)
}

/// A `pylock.toml` with names and versions alone: what uv is to keep to where it can.
pub(crate) fn preferences(versions: &BTreeMap<String, String>) -> String {
    let mut text = "lock-version = \"1.0\"\ncreated-by = \"strata\"\n".to_owned();
    for (name, version) in versions {
        // Both were read from a lock, whose names and versions have no quotes in them.
        let _ = write!(
            text,
            "\n[[packages]]\nname = {name:?}\nversion = {version:?}\n"
        );
    }
    text
}
