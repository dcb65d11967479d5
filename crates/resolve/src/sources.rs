//! Trees: where each is taken from, and what its artifact is.

use std::{collections::BTreeMap, fs::File, path::Path};

use edition::{Edition, SourceFrom};
use lock::{LayerName, Sha256, Source, SourceKind};

use crate::{Error, Result, Update, python::Python};

/// The trees of all layers, by layer and name.
pub(crate) fn sources(
    edition: &Edition,
    python: &Python<'_>,
    keep: &BTreeMap<String, String>,
    update: &Update,
    folder: &Path,
) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for (layer, of) in &edition.layers {
        let mut here = Vec::new();
        for wanted in &of.sources {
            let not_yet = |what| Error::NotYet {
                place: wanted.place.to_string(),
                what,
            };
            let mut source = blank(*layer, wanted);
            match &wanted.from {
                SourceFrom::Wheel(requirement) => {
                    let wheel = python.single(requirement, keep, update)?;
                    source.kind = SourceKind::Wheel;
                    source.project = Some(requirement.name.clone());
                    if source.version.is_empty() {
                        source.version = wheel.version;
                    }
                    (source.filename, source.size) = (wheel.filename, wheel.size);
                    source.sha256 = wheel.sha256;
                }
                SourceFrom::File { path, sha256 } => {
                    let (size, found) = hashed(path)?;
                    if let Some(expected) = sha256.filter(|expected| *expected != found) {
                        return Err(Error::Digest {
                            place: wanted.place.to_string(),
                            file: path.display().to_string(),
                            expected: expected.to_string(),
                            found: found.to_string(),
                        });
                    }
                    source.kind = kind(path);
                    let below = path.strip_prefix(folder).unwrap_or(path);
                    source.filename = below.to_string_lossy().into_owned();
                    (source.size, source.sha256) = (size, found);
                    if source.version.is_empty() {
                        source.version = found.to_string().chars().take(12).collect();
                    }
                }
                SourceFrom::Git { .. } => return Err(not_yet("a git repository")),
                SourceFrom::Archive { .. } => return Err(not_yet("an archive at an address")),
            }
            here.push(source);
        }
        here.sort_by(|one, other| one.name.cmp(&other.name));
        sources.extend(here);
    }
    Ok(sources)
}

fn blank(layer: LayerName, wanted: &edition::Source) -> Source {
    let mut exclude = wanted.exclude.clone();
    exclude.sort();
    Source {
        layer,
        name: wanted.name.clone(),
        version: wanted.version.clone().unwrap_or_default(),
        kind: SourceKind::File,
        project: None,
        url: None,
        filename: String::new(),
        size: 0,
        sha256: Sha256([0; 32]),
        subfolder: wanted.subfolder.clone(),
        to: wanted.target(),
        exclude,
    }
}

/// By the name's ending, as a person would.
fn kind(path: &Path) -> SourceKind {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst"]) {
        SourceKind::Tar
    } else if ends(&[".zip", ".whl"]) {
        SourceKind::Zip
    } else {
        SourceKind::File
    }
}

fn hashed(path: &Path) -> Result<(u64, Sha256)> {
    File::open(path)
        .and_then(|mut file| store::sha256(&mut file))
        .map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })
}
