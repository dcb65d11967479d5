//! Trees: where each is taken from, and what its artifact is.

use std::{collections::BTreeMap, fs::File, path::Path};

use edition::{Edition, SourceFrom};
use lock::{LayerName, Sha256, Source, SourceKind};

use store::{Fetcher, Fresh, Store};

use crate::{Error, Kept, Result, Update, pylock::Chosen, python::Python};

/// What trees, and wheels from elsewhere, are resolved with.
pub(crate) struct Resolving<'r> {
    pub(crate) edition: &'r Edition,
    pub(crate) store: &'r Store,
    pub(crate) fetcher: &'r Fetcher,
    /// The earlier lock.
    pub(crate) kept: &'r Kept,
    pub(crate) update: &'r Update,
    /// The edition's folder.
    pub(crate) folder: &'r Path,
}

/// The trees of all layers, by layer and name.
pub(crate) fn sources(with: &Resolving<'_>, python: &Python<'_>) -> Result<Vec<Source>> {
    let Resolving {
        edition, update, ..
    } = with;
    let keep = &wheel_versions(with.kept);
    let mut sources = Vec::new();
    for (layer, of) in &edition.layers {
        let mut here = Vec::new();
        for wanted in &of.sources {
            let mut source = blank(*layer, wanted);
            match &wanted.from {
                SourceFrom::Wheel(requirement) => {
                    // A tree is updated by its own name, or by that of the project behind it.
                    let project = Update::Names([requirement.name.clone()].into());
                    let named = update.has(&wanted.name);
                    let update = if named { &project } else { update };
                    let wheel = python.single(requirement, keep, update)?;
                    source.size = with.size(&requirement.name, &wheel)?;
                    source.kind = SourceKind::Wheel;
                    source.project = Some(requirement.name.clone());
                    if source.version.is_empty() {
                        source.version = wheel.version;
                    }
                    source.filename = wheel.filename;
                    source.sha256 = wheel.sha256;
                }
                SourceFrom::File { path, sha256 } => {
                    let (size, found) = hashed(path)?;
                    let shown = path.display().to_string();
                    expect(&wanted.place, &shown, *sha256, found)?;
                    source.kind = SourceKind::of_filename(&path.to_string_lossy());
                    source.filename = with.below(&wanted.place, path)?;
                    (source.size, source.sha256) = (size, found);
                    if source.version.is_empty() {
                        source.version = short(&found);
                    }
                }
                // Of another table of the lock.
                SourceFrom::Git { .. } => continue,
                SourceFrom::Archive { url, sha256 } => {
                    let (found, place) = (with.archive(wanted, url, *sha256)?, &wanted.place);
                    expect(place, url, *sha256, found.sha256)?;
                    source.kind = SourceKind::of_filename(&found.filename);
                    source.url = Some(url.clone());
                    if source.version.is_empty() {
                        source.version = short(&found.sha256);
                    }
                    (source.filename, source.size) = (found.filename, found.size);
                    source.sha256 = found.sha256;
                }
            }
            here.push(source);
        }
        here.sort_by(|one, other| one.name.cmp(&other.name));
        sources.extend(here);
    }
    Ok(sources)
}

impl Resolving<'_> {
    /// A local file's path as the lock has it.
    pub(crate) fn below(&self, place: &edition::Place, path: &Path) -> Result<String> {
        let below = path.strip_prefix(self.folder).ok();
        let below = below.map(|path| path.to_string_lossy().into_owned());
        let climbs = |path: &String| path.split('/').any(|part| part == "..");
        let below = below.filter(|path| !path.starts_with('/') && !climbs(path));
        below
            .map(|path| path.trim_start_matches("./").to_owned())
            .ok_or_else(|| Error::Outside {
                place: place.to_string(),
                path: path.to_owned(),
            })
    }

    /// The size of a wheel that was chosen. Where the index does not tell, the earlier lock may, or the
    /// wheel is fetched, as it will be anyway.
    pub(crate) fn size(&self, name: &str, wheel: &Chosen) -> Result<u64> {
        if let Some(size) = wheel.size {
            return Ok(size);
        }
        let kept = self.kept.whole.iter().flat_map(|lock| lock.artifacts());
        let mut kept = kept.filter(|artifact| artifact.sha256 == wheel.sha256);
        if let Some(artifact) = kept.next() {
            return Ok(artifact.size);
        }
        let unknown = |problem: String| Error::Pylock {
            file: wheel.filename.clone(),
            problem,
        };
        let url = wheel.url.as_ref();
        let url = url.ok_or_else(|| unknown("the index tells neither size nor address".into()))?;
        let fresh = self.fetcher.fetch_fresh(self.store, name, url)?;
        if fresh.sha256 != wheel.sha256 {
            return Err(unknown(format!(
                "expected sha256 {}, found {}",
                wheel.sha256, fresh.sha256
            )));
        }
        Ok(fresh.size)
    }

    /// The file at an address: as the earlier lock has it, as long as address and digest stand.
    fn archive(
        &self,
        wanted: &edition::Source,
        url: &str,
        sha256: Option<Sha256>,
    ) -> Result<Fresh> {
        let sources = self.kept.whole.iter().flat_map(|lock| &lock.sources);
        let mut kept = sources.filter(|source| {
            source.url.as_deref() == Some(url)
                && sha256.is_none_or(|wanted| wanted == source.sha256)
        });
        match kept.next().filter(|_| !self.update.has(&wanted.name)) {
            Some(source) => Ok(Fresh {
                filename: source.filename.clone(),
                size: source.size,
                sha256: source.sha256,
            }),
            None => Ok(self.fetcher.fetch_fresh(self.store, &wanted.name, url)?),
        }
    }
}

/// The versions of the wheels that the earlier lock takes trees from. Such a wheel is no package of the
/// environment: its version is kept by the tree's entry.
fn wheel_versions(kept: &Kept) -> BTreeMap<String, String> {
    let mut versions = kept.python.clone();
    for source in kept.whole.iter().flat_map(|lock| &lock.sources) {
        if let (Some(project), Some(version)) = (&source.project, source.filename.split('-').nth(1))
        {
            versions.insert(project.clone(), version.to_owned());
        }
    }
    versions
}

/// What a file must be that the edition gives a digest for.
pub(crate) fn expect(
    place: &edition::Place,
    file: &str,
    expected: Option<Sha256>,
    found: Sha256,
) -> Result<()> {
    match expected.filter(|expected| *expected != found) {
        None => Ok(()),
        Some(expected) => Err(Error::Digest {
            place: place.to_string(),
            file: file.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
        }),
    }
}

/// What stands for a version where the edition gives none.
fn short(sha256: &Sha256) -> String {
    sha256.to_string().chars().take(12).collect()
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

pub(crate) fn hashed(path: &Path) -> Result<(u64, Sha256)> {
    File::open(path)
        .and_then(|mut file| store::sha256(&mut file))
        .map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })
}
