//! What a new lock costs, told without building anything: which parts are made anew, and how much a
//! user pulls who has the old image.

use std::collections::{BTreeMap, BTreeSet};

use layer::{Context, Plan};
use lock::{Artifact, LayerName, Lock, Origin, Sha256};
use oci_image::Below;
use store::{Key, KeyBuilder, Store};

use crate::{
    Error, Result,
    below::{Planned, planned, stands},
    edition::layers,
};

/// A part as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPart {
    /// The layer's name.
    pub layer: String,
    /// The part's name.
    pub name: String,
    /// Its recipe key, compression included.
    pub key: Key,
    /// Its compressed size in bytes where the store has it, else about: the size of its artifacts, or of
    /// the files out of a git repository.
    pub size: u64,
    /// It stands in the store or in the image below, so it is not built, and its size is known.
    pub in_store: bool,
    /// It is the image below that has it, and the store need not.
    pub below: bool,
    /// Its artifacts.
    pub artifacts: Vec<Artifact>,
}

impl PlannedPart {
    fn artifact_bytes(&self) -> u64 {
        self.artifacts.iter().map(|artifact| artifact.size).sum()
    }
}

/// The layer that layers of the image below are listed under.
const BELOW: &str = "from";

/// The parts that a lock comes to by itself, lowest layer first. Nothing is fetched, run or written.
///
/// # Errors
/// A lock that lacks what a layer needs; a store that cannot be read.
pub fn forecast(cx: &Context, lock: &Lock) -> Result<Vec<PlannedPart>> {
    forecast_on(cx, lock, None)
}

/// The same on top of an image: parts that it has stand there already, and its others come first.
///
/// # Errors
/// As [`forecast`].
pub fn forecast_on(cx: &Context, lock: &Lock, below: Option<&Below>) -> Result<Vec<PlannedPart>> {
    let layers = layers(lock, LayerName::Runtime)?;
    let plans = planned(&layers)?;
    let stand = below.map(|below| stands(below, &plans)).unwrap_or_default();
    // What stands below, in bytes by the key of its tars; what is no plan of ours stays.
    let mut had: BTreeMap<Key, u64> = BTreeMap::new();
    for layer in below.iter().flat_map(|below| &below.layers) {
        if let Some(held) = layer.held().filter(|held| stand.contains(&held.tars)) {
            *had.entry(held.tars).or_default() += layer.size;
        }
    }
    let mut parts = Vec::new();
    for Planned { layer, plan } in plans {
        let below = had.get(&plan.tars()).copied();
        let known = match below {
            Some(size) => Some(size),
            None => {
                let known = plan.known(cx).map_err(|source| Error::Layer {
                    layer: layer.to_owned(),
                    source: Box::new(source),
                });
                known?.map(|parts| parts.iter().map(|part| part.size).sum())
            }
        };
        parts.push(PlannedPart {
            layer: layer.to_owned(),
            name: plan.name().to_owned(),
            key: plan.key(cx),
            size: known.unwrap_or_else(|| about(&plan)),
            in_store: known.is_some(),
            below: below.is_some(),
            artifacts: plan.artifacts().to_vec(),
        });
    }
    let below = below.iter().flat_map(|below| &below.layers);
    let others = below.filter_map(|layer| match layer.held() {
        Some(held) if had.contains_key(&held.tars) => None,
        held => Some(PlannedPart {
            layer: BELOW.to_owned(),
            name: held.map_or_else(
                || layer.digest.to_string()[..12].to_owned(),
                |held| held.part,
            ),
            key: KeyBuilder::new("below")
                .field("digest", layer.digest.0)
                .finish(),
            size: layer.size,
            in_store: true,
            below: true,
            artifacts: Vec::new(),
        }),
    });
    Ok(others.chain(parts).collect())
}

/// About how many bytes a plan's parts have that was never built here.
pub(crate) fn about(plan: &Plan<'_>) -> u64 {
    match plan.artifacts() {
        // What is out of git has no artifacts, but a weight.
        [] => plan.weight(),
        artifacts => artifacts.iter().map(|artifact| artifact.size).sum(),
    }
}

/// Those of `after` that `before` does not have: what who has the other pulls. A size that is not known
/// is reckoned from the part that it takes the place of, where the store has that one.
pub fn rebuilt(before: &[PlannedPart], after: &[PlannedPart]) -> Vec<PlannedPart> {
    let had: BTreeSet<Key> = before.iter().map(|part| part.key).collect();
    let new = after.iter().filter(|part| !had.contains(&part.key));
    new.map(|part| {
        let mut part = part.clone();
        let of_place = |old: &&PlannedPart| (&old.layer, &old.name) == (&part.layer, &part.name);
        if let Some(old) = before.iter().find(of_place)
            && old.in_store
            && !part.in_store
        {
            part.size = scaled(old.size, part.artifact_bytes(), old.artifact_bytes());
        }
        part
    })
    .collect()
}

/// What was made of so many bytes, for another number of them. Parts of no artifacts stay as they are.
fn scaled(size: u64, now: u64, then: u64) -> u64 {
    if then == 0 {
        return size;
    }
    let scaled = u128::from(size) * u128::from(now) / u128::from(then);
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// How many bytes a build of a lock fetches: what it names, `parts` that stand in the store do not
/// bring, and the store's downloads lack. Local files are not fetched.
pub fn to_fetch(store: &Store, lock: &Lock, parts: &[PlannedPart]) -> u64 {
    let of_parts = |in_store: bool| -> BTreeSet<Sha256> {
        let parts = parts.iter().filter(|part| part.in_store == in_store);
        let artifacts = parts.flat_map(|part| &part.artifacts);
        artifacts.map(|artifact| artifact.sha256).collect()
    };
    let (made, wanted) = (of_parts(true), of_parts(false));
    // How much a repository sends is not known; what it unpacks to is.
    let lacking = lock
        .git
        .iter()
        .filter(|git| store.repository(&git.commit).is_none());
    let git: u64 = lacking.map(|git| git.size).sum();
    let artifacts = lock.artifacts().into_iter();
    git + artifacts
        .filter(|one| wanted.contains(&one.sha256) || !made.contains(&one.sha256))
        .filter(|one| is_lacking(store, one))
        .map(|one| one.size)
        .sum::<u64>()
}

/// Whether an artifact would have to be fetched: it is not in the store's downloads and no local file.
pub fn is_lacking(store: &Store, artifact: &Artifact) -> bool {
    !matches!(artifact.origin, Origin::File(_))
        && !store.has_download(&artifact.sha256, artifact.size)
}

#[cfg(test)]
mod tests {
    use store::KeyBuilder;

    use super::*;

    fn part(name: &str, key: u64, size: u64, artifacts: Vec<Artifact>) -> PlannedPart {
        let mut builder = KeyBuilder::new("test");
        builder.number("n", key);
        PlannedPart {
            layer: "deps".to_owned(),
            name: name.to_owned(),
            key: builder.finish(),
            size,
            in_store: false,
            below: false,
            artifacts,
        }
    }

    #[test]
    fn sizes_are_reckoned_from_the_part_before() {
        let lock = Lock::starter().unwrap();
        let mut wheel = lock.wheels[0].artifact();
        wheel.size = 1000;
        let mut old = part("one", 1, 1500, vec![wheel.clone()]);
        let before = vec![part("two", 2, 7, Vec::new()), old.clone()];
        wheel.size = 1200;
        let after = vec![
            part("two", 2, 7, Vec::new()),
            part("one", 3, 1200, vec![wheel.clone()]),
        ];
        let sizes = |before: &[PlannedPart], after: &[PlannedPart]| -> Vec<u64> {
            rebuilt(before, after)
                .iter()
                .map(|part| part.size)
                .collect()
        };
        assert_eq!(sizes(&before, &after), [1200], "nothing is known");
        old.in_store = true;
        let before = vec![before[0].clone(), old];
        assert_eq!(sizes(&before, &after), [1800]);
        let mut known = after;
        (known[1].size, known[1].in_store) = (1700, true);
        assert_eq!(sizes(&before, &known), [1700], "it is known itself");
    }

    #[test]
    fn what_the_store_lacks_is_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut lock = Lock::starter().unwrap();
        (lock.debs, lock.sources) = Default::default();
        lock.wheels.truncate(4);
        for (at, wheel) in lock.wheels.iter_mut().enumerate() {
            wheel.size = 10_u64.pow(at as u32);
        }
        assert_eq!(to_fetch(&store, &lock, &[]), 1111);
        lock.wheels[0].file = Some("x.whl".to_owned());
        assert_eq!(to_fetch(&store, &lock, &[]), 1110, "a local file");
        let artifacts: Vec<Artifact> = lock.wheels.iter().map(lock::Wheel::artifact).collect();
        let at = format!("downloads/sha256/{}", artifacts[1].sha256);
        std::fs::write(store.root().join(at), [0; 10]).unwrap();
        assert_eq!(to_fetch(&store, &lock, &[]), 1100, "a download");
        let mut standing = part(
            "one",
            1,
            1,
            vec![artifacts[2].clone(), artifacts[3].clone()],
        );
        standing.in_store = true;
        let built = part("two", 2, 1, vec![artifacts[3].clone()]);
        assert_eq!(to_fetch(&store, &lock, std::slice::from_ref(&standing)), 0);
        assert_eq!(to_fetch(&store, &lock, &[standing, built]), 1000);
    }
}
