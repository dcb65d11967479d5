//! Wheels that the edition gives by address or path, beside those of the index.

use std::collections::BTreeMap;

use edition::{Requirement, RequirementFrom, Spanned};
use lock::Sha256;

use crate::{Error, Result, sources::Resolving, sources::expect};

/// A wheel that does not come from an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Direct {
    /// File name (PEP 427).
    pub(crate) filename: String,
    /// In bytes.
    pub(crate) size: u64,
    /// Of the file.
    pub(crate) sha256: Sha256,
    /// Its address.
    pub(crate) url: Option<String>,
    /// Its path below the edition's folder.
    pub(crate) file: Option<String>,
    /// The requirement as uv reads it.
    pub(crate) text: String,
}

/// The wheels that the edition gives itself, by normalised name.
pub(crate) fn direct(with: &Resolving<'_>) -> Result<BTreeMap<String, Direct>> {
    let mut found = BTreeMap::new();
    for (_, line) in with.edition.requirements() {
        let wheel = match &line.from {
            // Those from git are built first; see `from_git`.
            RequirementFrom::Index(_) | RequirementFrom::Git { .. } => continue,
            RequirementFrom::Url { url, sha256 } => remote(with, line, url, *sha256)?,
            RequirementFrom::File(path) => {
                let (size, sha256) = crate::sources::hashed(path)?;
                let file = with.below(&line.place, path)?;
                let whole = std::path::absolute(path).map_err(|source| Error::Io {
                    path: path.clone(),
                    source,
                })?;
                let address = url::Url::from_file_path(&whole)
                    .map_err(|()| not_yet(line, "a file at this path"))?;
                Direct {
                    filename: file.rsplit('/').next().unwrap_or(&file).to_owned(),
                    size,
                    sha256,
                    url: None,
                    file: Some(file),
                    text: text(line, address.as_str()),
                }
            }
        };
        if !wheel.filename.ends_with(".whl") {
            return Err(not_yet(line, "a package that is no wheel"));
        }
        found.insert(line.name.clone(), wheel);
    }
    Ok(found)
}

/// As the earlier lock has it, as long as address and digest stand.
fn remote(
    with: &Resolving<'_>,
    line: &Spanned<Requirement>,
    url: &str,
    expected: Option<Sha256>,
) -> Result<Direct> {
    let wheels = with.kept.whole.iter().flat_map(|lock| &lock.wheels);
    let mut kept = wheels.filter(|wheel| {
        wheel.name == line.name
            && wheel.url.as_deref() == Some(url)
            && expected.is_none_or(|expected| expected == wheel.sha256)
    });
    let (filename, size, sha256) = match kept.next().filter(|_| !with.update.has(&line.name)) {
        Some(wheel) => (wheel.filename.clone(), wheel.size, wheel.sha256),
        None => {
            let fresh = with.fetcher.fetch_fresh(with.store, &line.name, url)?;
            expect(&line.place, url, expected, fresh.sha256)?;
            (fresh.filename, fresh.size, fresh.sha256)
        }
    };
    Ok(Direct {
        text: text(line, &format!("{url}#sha256={sha256}")),
        filename,
        size,
        sha256,
        url: Some(url.to_owned()),
        file: None,
    })
}

/// A requirement with another address.
pub(crate) fn text(line: &Requirement, address: &str) -> String {
    let extras = match line.extras.as_slice() {
        [] => String::new(),
        extras => format!("[{}]", extras.join(",")),
    };
    let marker = line.marker.as_ref();
    let marker = marker.map(|marker| format!(" ; {marker}"));
    format!(
        "{}{extras} @ {address}{}",
        line.name,
        marker.unwrap_or_default()
    )
}

fn not_yet(line: &Spanned<Requirement>, what: &'static str) -> Error {
    Error::NotYet {
        place: line.place.to_string(),
        what,
    }
}
