//! pip's constraints: every wheel at its version, in a file of the part that has the wheel, so that a
//! changed package changes its own part and no other. The runtime layer names the files to pip.

use std::sync::Arc;

use layer::{Entry, EntryPath};
use lock::{LayerName, Lock, Wheel};

use crate::groups::groups;

const FOLDER: &str = "/runner-scripts/constraints.d";

/// The constraints files that the parts of a lock's wheels bring: absolute paths in the image, lowest
/// layer first.
pub fn constraints_files(lock: &Lock) -> Vec<String> {
    let of_layer = |layer: LayerName| {
        let groups = groups(layer.as_str(), lock.installed_of(layer)).into_iter();
        groups.map(|(part, _)| path(&part)).collect::<Vec<_>>()
    };
    LayerName::ALL.into_iter().flat_map(of_layer).collect()
}

/// Parts have names for people: "deps packages 1/2".
fn path(part: &str) -> String {
    let name: String = part
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("{FOLDER}/{name}.txt")
}

/// The file of one part.
pub(crate) fn entry(part: &str, wheels: &[Wheel]) -> layer::Result<Entry> {
    let path = path(part);
    let at = EntryPath::from_absolute(&path).map_err(|error| layer::Error::step(path, error))?;
    Ok(Entry::file(at, Arc::new(text(wheels).into_bytes()), false))
}

fn text(wheels: &[Wheel]) -> String {
    let line = |wheel: &Wheel| format!("{}=={}\n", wheel.name, wheel.version);
    wheels.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_part_of_starter_has_its_own_file_and_a_change_stays_in_one() {
        let mut lock = Lock::starter().unwrap();
        let files = constraints_files(&lock);
        let distinct: BTreeSet<_> = files.iter().collect();
        assert_eq!(distinct.len(), files.len());
        let texts = |lock: &Lock| -> Vec<String> {
            let parts = LayerName::ALL.into_iter().flat_map(|layer| {
                let groups = groups(layer.as_str(), lock.installed_of(layer)).into_iter();
                groups
                    .map(|(part, wheels)| {
                        let entry = entry(&part, &wheels).unwrap();
                        assert!(files.contains(&format!("/{}", entry.path)));
                        text(&wheels)
                    })
                    .collect::<Vec<_>>()
            });
            parts.collect()
        };
        let before = texts(&lock);
        let certifi = lock.wheels.iter_mut().find(|wheel| wheel.name == "certifi");
        certifi.unwrap().version = "2099.1.1".to_owned();
        assert_eq!(constraints_files(&lock), files);
        let after = texts(&lock);
        let changed: Vec<_> = before.iter().zip(&after).filter(|(b, a)| b != a).collect();
        assert_eq!(changed.len(), 1);
        assert!(changed[0].1.contains("certifi==2099.1.1\n"));
    }
}
