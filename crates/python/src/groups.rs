//! Which wheels share a part. Large ones stand alone; small ones are spread over a few groups by
//! their names alone, so that a changed, added or removed package changes one part.

use lock::Wheel;

/// From this size of the file on, in bytes, a wheel is a part of its own.
const ALONE: u64 = 60_000_000;
/// A group of small wheels is aimed at about this many bytes of files.
/// Smaller is quicker to make again; but an image may have some 120 parts, and its layers do not know
/// of each other's.
const GROUP: u64 = 50_000_000;

/// The wheels of a layer by part: a name for it, and the wheels in the order given.
pub(crate) fn groups(layer: &str, wheels: Vec<Wheel>) -> Vec<(String, Vec<Wheel>)> {
    let (large, small): (Vec<Wheel>, Vec<Wheel>) =
        wheels.into_iter().partition(|wheel| wheel.size >= ALONE);
    let mut groups: Vec<_> = large
        .into_iter()
        .map(|wheel| (wheel.name.clone(), vec![wheel]))
        .collect();
    let bytes: u64 = small.iter().map(|wheel| wheel.size).sum();
    // A power of two: the number changes seldom, and then each group only splits.
    let count = bytes.div_ceil(GROUP).next_power_of_two();
    for at in 0..count {
        let inside: Vec<Wheel> = small
            .iter()
            .filter(|wheel| place(&wheel.name) % count == at)
            .cloned()
            .collect();
        if !inside.is_empty() {
            let name = match count {
                1 => format!("{layer} packages"),
                _ => format!("{layer} packages {}/{count}", at + 1),
            };
            groups.push((name, inside));
        }
    }
    groups
}

fn place(name: &str) -> u64 {
    let mut key = store::KeyBuilder::new("strata group 1");
    key.field("name", name);
    let bytes = *key.finish().as_bytes();
    bytes
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use lock::{LayerName, Sha256};

    use super::*;

    fn wheel(name: &str, size: u64) -> Wheel {
        Wheel {
            layer: LayerName::Deps,
            name: name.to_owned(),
            version: "1".to_owned(),
            filename: format!("{name}-1-py3-none-any.whl"),
            size,
            sha256: Sha256([0; 32]),
            requested: false,
            url: None,
            file: None,
            index: None,
        }
    }

    #[test]
    fn one_more_package_changes_one_group() {
        let mut wheels: Vec<_> = (0..50)
            .map(|at| wheel(&format!("package-{at}"), 7_000_000))
            .collect();
        wheels.push(wheel("large", 600_000_000));
        let names = |wheels: &[Wheel]| -> Vec<Vec<String>> {
            let groups = groups("deps", wheels.to_vec());
            groups
                .iter()
                .map(|(_, w)| w.iter().map(|w| w.name.clone()).collect())
                .collect()
        };
        let before = names(&wheels);
        assert_eq!(before[0], ["large"]);
        assert!(before.len() > 3);
        wheels.push(wheel("another", 1_000_000));
        let after = names(&wheels);
        let changed = before
            .iter()
            .zip(&after)
            .filter(|(one, other)| one != other)
            .count();
        assert_eq!((before.len(), changed), (after.len(), 1));
    }
}
