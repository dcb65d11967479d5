//! Files that two artifacts own: distributions that list one path, parts that have other things at one
//! path. What an edition settles with `[[owner]]` is not listed by the others any more.

use std::collections::{BTreeMap, BTreeSet};

use layer::{FileKind, FileRecord, Part, Rank};

use crate::{Class, Finding, Severity, distributions::Distribution, libraries::list};

/// Checks the distributions' RECORDs against each other, and the parts' indexes.
pub(crate) fn check(
    distributions: &[Distribution],
    parts: &[&Part],
    indexes: &[Vec<FileRecord>],
) -> Vec<Finding> {
    let disputed = of_parts(parts, indexes);
    let told = disputed.iter().flat_map(|finding| &finding.paths);
    let told: BTreeSet<&str> = told.map(|path| path.trim_start_matches('/')).collect();
    let mut findings = records(distributions, &told);
    findings.extend(names(distributions));
    findings.extend(disputed);
    findings
}

/// Paths in several RECORDs; those that are `told` of already are passed over.
fn records(distributions: &[Distribution], told: &BTreeSet<&str>) -> Vec<Finding> {
    let mut owners: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for one in distributions {
        for (path, hash) in &one.record {
            owners.entry(path).or_default().push((&one.name, hash));
        }
    }
    // One finding for each set of owners.
    let mut shared: BTreeMap<(bool, Vec<&str>), Vec<&str>> = BTreeMap::new();
    for (path, owners) in owners {
        let names: BTreeSet<&str> = owners.iter().map(|(name, _)| *name).collect();
        if names.len() < 2 || told.contains(path) {
            continue;
        }
        // Bytecode has no hash in RECORD.
        let hashes: BTreeSet<&str> = owners
            .iter()
            .map(|(_, hash)| *hash)
            .filter(|hash| !hash.is_empty())
            .collect();
        let key = (hashes.len() < 2, names.into_iter().collect());
        shared.entry(key).or_default().push(path);
    }
    let finding = |((same, names), paths): ((bool, Vec<&str>), Vec<&str>)| {
        let others = names[1..]
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>();
        let count = match paths.as_slice() {
            [one] => format!("/{one}"),
            many => format!("{} paths", many.len()),
        };
        let (severity, what) = match same {
            true => (
                Severity::Note,
                format!(
                    "{count}, listed by {} too, with the same content",
                    list(&others)
                ),
            ),
            false => (
                Severity::Error,
                format!(
                    "{count}, listed by {} too, with other content: one of them is hidden",
                    list(&others)
                ),
            ),
        };
        Finding {
            class: Class::Owners,
            severity,
            artifact: names[0].to_owned(),
            what,
            hint: match same {
                true => "fine as long as nobody uninstalls one of them in the container; [[owner]] settles it",
                false => "say in the edition with [[owner]] whose it is",
            }
            .to_owned(),
            paths: paths.iter().map(|path| format!("/{path}")).collect(),
        }
    };
    shared.into_iter().map(finding).collect()
}

/// One distribution twice: Python finds the first, pip lists both.
fn names(distributions: &[Distribution]) -> Vec<Finding> {
    let mut first: BTreeMap<&str, &Distribution> = BTreeMap::new();
    let mut findings = Vec::new();
    for one in distributions {
        let Some(other) = first.get(one.name.as_str()) else {
            first.insert(&one.name, one);
            continue;
        };
        findings.push(Finding {
            class: Class::Owners,
            severity: Severity::Warning,
            artifact: one.name.clone(),
            what: format!(
                "is there twice: {} hides {} of {}",
                other.version, one.version, one.artifact
            ),
            hint: "leave one of the two out of the edition".to_owned(),
            paths: vec![format!("/{}", other.info), format!("/{}", one.info)],
        });
    }
    findings
}

/// An image of such parts is not written; all their paths are told here, the assembler tells the first.
fn of_parts(parts: &[&Part], indexes: &[Vec<FileRecord>]) -> Vec<Finding> {
    let mut seen: BTreeMap<&str, (usize, &FileRecord)> = BTreeMap::new();
    let mut disputed: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    for (at, index) in indexes.iter().enumerate() {
        for file in index {
            let Some((below, other)) = seen.get(file.path.as_str()).copied() else {
                seen.insert(&file.path, (at, file));
                continue;
            };
            let same = other.kind == file.kind
                && (file.kind == FileKind::Dir
                    || (other.content == file.content && other.size == file.size));
            let stages = parts[at].rank == Rank::Stage && parts[below].rank == Rank::Stage;
            if same || stages {
                continue;
            }
            let owner = |at: usize, file: &FileRecord| match file.package.as_str() {
                "" => format!("part {:?}", parts[at].name),
                package => package.to_owned(),
            };
            let key = (owner(at, file), owner(below, other));
            disputed.entry(key).or_default().push(&file.path);
        }
    }
    let finding = |((upper, lower), paths): ((String, String), Vec<&str>)| {
        let what = match paths.as_slice() {
            [one] => format!("/{one} hides what {lower} has there"),
            many => format!("hides what {lower} has at {} paths", many.len()),
        };
        Finding {
            class: Class::Owners,
            severity: Severity::Error,
            artifact: upper,
            what,
            hint: "say in the edition whose they are, with [[owner]] for the path or its folder, or leave one \
                   out; there is no image of it before that"
                .to_owned(),
            paths: paths.iter().map(|path| format!("/{path}")).collect(),
        }
    };
    disputed.into_iter().map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_finding_for_a_set_of_owners() {
        let distribution = |name: &str, version: &str, record: &[(&str, &str)]| Distribution {
            name: name.to_owned(),
            version: version.to_owned(),
            artifact: name.to_owned(),
            info: format!("site/{name}-{version}.dist-info"),
            requires: Vec::new(),
            record: record
                .iter()
                .map(|(p, h)| ((*p).to_owned(), (*h).to_owned()))
                .collect(),
            top_level: None,
        };
        let installed = [
            distribution(
                "a",
                "1",
                &[
                    ("s/x", "h1"),
                    ("s/y", "h2"),
                    ("s/y.pyc", ""),
                    ("s/z", "h3"),
                    ("s/own", "h"),
                ],
            ),
            distribution(
                "b",
                "1",
                &[
                    ("s/x", "h1"),
                    ("s/y", "h2"),
                    ("s/y.pyc", ""),
                    ("s/z", "other"),
                ],
            ),
            distribution("b", "2", &[]),
        ];
        let found = check(&installed, &[], &[]);
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.severity, one.paths.len()))
            .collect();
        assert_eq!(
            told,
            [
                (Severity::Error, 1),
                (Severity::Note, 3),
                (Severity::Warning, 2)
            ]
        );
    }
}
