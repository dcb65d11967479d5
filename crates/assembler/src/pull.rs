//! What a user pulls: an image's layers as a registry serves them, and which of them who has another image
//! has already.

use std::collections::BTreeSet;

use layer::Context;
use lock::{LayerName, Lock, Sha256};
use oci_image::Below;
use store::Key;

use crate::{
    Error, Result,
    below::{Planned, planned, stands},
    edition::layers,
    forecast::about,
};

/// One layer of an image, or a plan that would become one or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// What people call it: the layer's name and the part's.
    pub name: String,
    /// Its compressed size in bytes; about, where it was never built here.
    pub size: u64,
    /// Its digest, where it is known.
    pub digest: Option<Sha256>,
    /// The key of its tar, where it is one of ours.
    pub tars: Option<Key>,
}

/// The layers of an image that was read from somewhere.
pub fn downloads(image: &Below) -> Vec<Download> {
    let layers = image.layers.iter();
    layers
        .map(|layer| {
            let held = layer.held();
            let tars = held.as_ref().map(|held| held.tars);
            let name = held.map(|held| held.part).filter(|part| !part.is_empty());
            Download {
                name: name.unwrap_or_else(|| layer.digest.to_oci()[..19].to_owned()),
                size: layer.size,
                digest: Some(layer.digest),
                tars,
            }
        })
        .collect()
}

/// The layers of the image that a lock comes to, on top of another where it stands on one. Nothing is
/// built: what the store lacks has no digest, and about the size of its artifacts.
///
/// # Errors
/// A lock that lacks what a layer needs; a store that cannot be read.
pub fn planned_downloads(
    cx: &Context,
    lock: &Lock,
    below: Option<&Below>,
) -> Result<Vec<Download>> {
    let mut all = below.map(downloads).unwrap_or_default();
    let layers = layers(lock, LayerName::Runtime)?;
    let plans = planned(&layers)?;
    let stand = below.map(|below| stands(below, &plans)).unwrap_or_default();
    for Planned { layer, plan } in plans {
        let tars = plan.tars();
        if stand.contains(&tars) {
            continue;
        }
        let download = |name: &str, size, digest| Download {
            name: format!("{layer}: {name}"),
            size,
            digest,
            tars: Some(tars),
        };
        let known = plan.known(cx).map_err(|source| Error::Layer {
            layer: layer.to_owned(),
            source: Box::new(source),
        });
        match known? {
            Some(parts) => all.extend(
                parts
                    .iter()
                    .map(|part| download(&part.name, part.size, Some(part.digest))),
            ),
            None => all.push(download(plan.name(), about(&plan), None)),
        }
    }
    Ok(all)
}

/// Those of `new` that `old` lacks: by digest, or by the recipe of the tar where one of the two was never
/// built here.
pub fn pulled<'d>(old: &[Download], new: &'d [Download]) -> Vec<&'d Download> {
    let digests: BTreeSet<Sha256> = old.iter().filter_map(|one| one.digest).collect();
    let tars: BTreeSet<Key> = old.iter().filter_map(|one| one.tars).collect();
    let unbuilt = old.iter().filter(|one| one.digest.is_none());
    let unbuilt: BTreeSet<Key> = unbuilt.filter_map(|one| one.tars).collect();
    let mut seen = BTreeSet::new();
    new.iter()
        .filter(|one| match (&one.digest, &one.tars) {
            (Some(digest), tars) => {
                !digests.contains(digest)
                    && tars.is_none_or(|tars| !unbuilt.contains(&tars))
                    && seen.insert(*digest)
            }
            (None, Some(key)) => !tars.contains(key),
            (None, None) => true,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use store::KeyBuilder;

    use super::*;

    fn one(name: &str, digest: Option<u8>, tars: &str) -> Download {
        Download {
            name: name.to_owned(),
            size: 1,
            digest: digest.map(|byte| Sha256([byte; 32])),
            tars: (!tars.is_empty()).then(|| KeyBuilder::new(tars).finish()),
        }
    }

    #[test]
    fn by_digest_and_else_by_recipe() {
        let old = [
            one("a", Some(1), "a"),
            one("b", None, "b"),
            one("foreign", Some(9), ""),
        ];
        let new = [
            one("same", Some(1), "a"),
            one("other compression", Some(2), "a"),
            one("built here, not there", Some(3), "b"),
            one("foreign", Some(9), ""),
            one("planned, had", None, "a"),
            one("planned", None, "c"),
            one("twice", Some(5), "d"),
            one("twice", Some(5), "d"),
        ];
        let names: Vec<&str> = pulled(&old, &new)
            .into_iter()
            .map(|one| one.name.as_str())
            .collect();
        assert_eq!(names, ["other compression", "planned", "twice"]);
    }
}
