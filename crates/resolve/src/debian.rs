//! The Debian system: one closure for all layers, each package in the lowest layer that needs it.

use std::collections::BTreeMap;

use debian_archive::{Archive, Keyring, Opening, Packages, Release, Request, Snapshot, Wanted};
use edition::Edition;
use lock::{Deb, LayerName};
use store::{Fetcher, Store};

use crate::{Error, Result, Update};

/// A suite whose signature was verified, and its packages.
pub(crate) struct Suite {
    pub(crate) release: Release,
    pub(crate) packages: Packages,
}

/// Opens the edition's suite. `now` is in seconds since 1970 UTC.
pub(crate) fn archive(
    store: &Store,
    fetcher: &Fetcher,
    edition: &Edition,
    now: i64,
    warnings: &mut Vec<String>,
) -> Result<Suite> {
    let snapshot = edition.debian.snapshot.as_ref();
    let snapshot = snapshot
        .map(|date| Snapshot::parse(&date.value))
        .transpose()?;
    let opening = Opening {
        suite: &edition.debian.suite,
        snapshot: snapshot.as_ref(),
        keyring: &Keyring::find(fetcher, store)?,
        now: jiff::Timestamp::from_second(now).unwrap_or(jiff::Timestamp::MAX),
    };
    let archive = Archive::open(fetcher, &opening)?;
    warnings.extend(archive.warnings.iter().cloned());
    let (components, architecture) = (&edition.debian.components, &edition.debian.architecture);
    Ok(Suite {
        packages: archive.packages(store, components, architecture)?,
        release: archive.release,
    })
}

/// The packages of all layers, by layer and name.
pub(crate) fn debs(
    archive: &Suite,
    edition: &Edition,
    keep: &BTreeMap<String, String>,
    update: &Update,
) -> Result<Vec<Deb>> {
    let mut request = Request {
        recommends: edition.debian.recommends,
        ..Request::default()
    };
    let (mut layers, mut lines) = (Vec::new(), Vec::new());
    for (layer, of) in &edition.layers {
        for wanted in &of.debian {
            let parsed: Wanted = wanted.to_string().parse().map_err(|error| Error::Debian {
                explanation: format!("{error}"),
                lines: vec![wanted.place.to_string()],
            })?;
            request.wanted.push(parsed);
            layers.push(layer_number(*layer));
            lines.push(format!("{}: {}", wanted.place, wanted.value));
        }
    }
    let stays = keep.iter().filter(|(name, _)| !update.has(name));
    request.keep = stays
        .map(|(name, version)| (name.clone(), version.clone()))
        .collect();
    let resolution =
        debian_archive::resolve(&archive.packages, &request).map_err(|error| match error {
            debian_archive::Error::Conflict(conflict) => Error::Debian {
                explanation: conflict.explanation,
                lines: conflict
                    .requests
                    .iter()
                    .filter_map(|at| lines.get(*at).cloned())
                    .collect(),
            },
            other => other.into(),
        })?;
    let place = resolution.layers(&layers);
    let mut debs: Vec<Deb> = resolution
        .packages
        .iter()
        .map(|(name, chosen)| Deb {
            layer: LayerName::ALL[place.get(name.as_str()).copied().unwrap_or_default()],
            name: name.clone(),
            version: chosen.version.clone(),
            architecture: chosen.architecture.clone(),
            filename: chosen.filename.clone(),
            size: chosen.size,
            sha256: chosen.sha256,
            essential: chosen.essential,
            depends: chosen.depends.clone(),
            pre_depends: chosen.pre_depends.clone(),
        })
        .collect();
    debs.sort_by(|one, other| (one.layer, &one.name).cmp(&(other.layer, &other.name)));
    Ok(debs)
}

fn layer_number(layer: LayerName) -> usize {
    LayerName::ALL
        .iter()
        .position(|name| *name == layer)
        .unwrap_or_default()
}
