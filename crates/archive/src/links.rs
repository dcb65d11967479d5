//! Where a symbolic link leads, as the image would follow it: through the tree's other links.

use std::collections::{BTreeMap, VecDeque};

use layer::EntryPath;

/// As many links as Linux follows for one path.
const MOST: usize = 40;

/// What is wrong with the link at `at`, as the end of a sentence; `None` where it stays in the
/// tree. It need not lead to something that is there. `links` are all of the tree's.
pub fn wrong(
    links: &BTreeMap<EntryPath, Vec<u8>>,
    at: &EntryPath,
    target: &[u8],
) -> Option<&'static str> {
    let parts = |path: &[u8]| -> Vec<Vec<u8>> {
        path.split(|byte| *byte == b'/')
            .filter(|part| !matches!(*part, b"" | b"."))
            .map(<[u8]>::to_vec)
            .collect()
    };
    if target.is_empty() || target.contains(&0) {
        return Some("is no path");
    }
    if target.starts_with(b"/") {
        return Some("leads out of the tree");
    }
    let mut stands: Vec<Vec<u8>> = at
        .parent()
        .map(|up| parts(up.as_bytes()))
        .unwrap_or_default();
    let mut left: VecDeque<Vec<u8>> = parts(target).into();
    let mut followed = 1;
    while let Some(part) = left.pop_front() {
        if part == b".." {
            if stands.pop().is_none() {
                return Some("leads out of the tree");
            }
            continue;
        }
        stands.push(part);
        let Some(next) = links.get(stands.join(&b'/').as_slice()) else {
            continue;
        };
        followed += 1;
        if followed > MOST {
            return Some("leads round in a circle");
        }
        if next.starts_with(b"/") {
            return Some("leads out of the tree");
        }
        stands.pop();
        for part in parts(next).into_iter().rev() {
            left.push_front(part);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(links: &[(&str, &str)]) -> Vec<Option<&'static str>> {
        let links: BTreeMap<EntryPath, Vec<u8>> = links
            .iter()
            .map(|(at, to)| (EntryPath::new(at).unwrap(), to.as_bytes().to_vec()))
            .collect();
        links.iter().map(|(at, to)| wrong(&links, at, to)).collect()
    }

    #[test]
    fn inside() {
        let fine = [
            ("a/b", "../c"),
            ("bin/sh", "./dash"),
            ("d", "."),
            ("e", "a//x/../y"),
            ("f", "no"),
        ];
        assert_eq!(judged(&fine), [None; 5]);
    }

    #[test]
    fn outside() {
        let out = Some("leads out of the tree");
        assert_eq!(
            judged(&[("a", ".."), ("b/c", "../.."), ("d", "/etc")]),
            [out; 3]
        );
        // On paper `a/b/c/up/..` is `a/b/c`; on disk it is above the tree.
        let links = [("a/b/c/up", "../../.."), ("m", "a/b/c/up/..")];
        assert_eq!(judged(&links), [None, out]);
    }

    #[test]
    fn circles() {
        let round = Some("leads round in a circle");
        assert_eq!(judged(&[("a", "b"), ("b", "a")]), [round; 2]);
        assert_eq!(judged(&[("a", "")]), [Some("is no path")]);
    }
}
