//! Arrows between our crates point down the code map of docs/architecture.md, and every library
//! crate is under the workspace's lints (which is what keeps them from printing).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Problem, assert_none, dependencies, repository};

const MAP: &str = "docs/architecture.md";

/// Row numbers of the code map, by folder (`crates/…` without `crates/`). Where a row says
/// "first … last", the part up to the dash stands for all crates that begin with it.
struct Ranks(BTreeMap<String, usize>);

impl Ranks {
    fn read(text: &str) -> Self {
        let rows = text
            .lines()
            .skip_while(|line| !line.starts_with("| folder |"))
            .skip(2);
        let mut ranks = BTreeMap::new();
        for (rank, row) in rows.take_while(|line| line.starts_with('|')).enumerate() {
            let cell = row.split('|').nth(1).unwrap_or_default();
            // What stands between backticks is every second piece.
            for name in cell.split('`').skip(1).step_by(2) {
                let name = name.trim_start_matches("crates/");
                let name = match name.split_once('-') {
                    Some((group, _)) if cell.contains('…') => format!("{group}-"),
                    _ => name.to_owned(),
                };
                ranks.insert(name, rank);
            }
        }
        Self(ranks)
    }

    fn of(&self, name: &str) -> Option<usize> {
        let group = || name.split_once('-').map(|(group, _)| format!("{group}-"));
        self.0.get(name).or_else(|| self.0.get(&group()?)).copied()
    }
}

/// One of our crates: its folder's name, its manifest's path and text, the folders it depends on.
struct Crate {
    name: String,
    file: String,
    manifest: String,
    /// Key in the manifest, and folder of the crate that it names; development apart.
    arrows: Vec<(String, String)>,
}

fn check(ranks: &Ranks, crates: &[Crate]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for one in crates {
        let Some(own) = ranks.of(&one.name) else {
            let what = format!("{} is not in the code map of {MAP}", one.name);
            problems.push(Problem::new(&one.file, 1, what));
            continue;
        };
        for (key, to) in &one.arrows {
            if ranks.of(to).is_none_or(|to| to <= own) {
                let line = line_of(&one.manifest, key);
                let what = format!("{} may not name {to}: {MAP} has it no lower", one.name);
                problems.push(Problem::new(&one.file, line, what));
            }
        }
    }
    problems
}

fn line_of(manifest: &str, key: &str) -> usize {
    let is = |line: &str| {
        line.strip_prefix(key)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    1 + manifest.lines().position(is).unwrap_or(0)
}

fn crates() -> Vec<Crate> {
    let metadata = dependencies::metadata(&["--no-deps"]);
    let root = repository::root();
    let folder = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let read = |package: &Value| {
        let path = package["manifest_path"].as_str().unwrap();
        let arrows = package["dependencies"].as_array().unwrap().iter();
        let arrows = arrows
            .filter(|arrow| arrow["kind"] != "dev")
            .filter_map(|arrow| {
                let key = arrow["rename"].as_str().or(arrow["name"].as_str())?;
                Some((key.to_owned(), folder(arrow["path"].as_str()?)))
            })
            .collect();
        Crate {
            name: folder(path.strip_suffix("/Cargo.toml").unwrap()),
            file: path
                .strip_prefix(&format!("{}/", root.display()))
                .unwrap()
                .to_owned(),
            manifest: std::fs::read_to_string(path).unwrap(),
            arrows,
        }
    };
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(read)
        .collect()
}

#[test]
fn arrows_point_down() {
    let map = std::fs::read_to_string(repository::root().join(MAP)).unwrap();
    let (ranks, crates) = (Ranks::read(&map), crates());
    assert!(crates.iter().map(|one| one.arrows.len()).sum::<usize>() > 40);
    assert_none(&check(&ranks, &crates));
    for name in ranks.0.keys().filter(|name| !name.ends_with('-')) {
        assert!(
            crates.iter().any(|one| one.name == *name),
            "{MAP} names {name}; there is none"
        );
    }
}

#[test]
fn libraries_are_under_the_workspaces_lints() {
    let text = "[lints]\nworkspace = true\n";
    let libraries = crates().into_iter().filter(|one| one.name != "xtask");
    let free = libraries.filter(|one| !one.manifest.contains(text));
    let problem = |one: Crate| Problem::new(&one.file, 1, "has no `[lints] workspace = true`");
    assert_none(&free.map(problem).collect::<Vec<_>>());
}

#[test]
fn arrows_that_point_up_or_aside_are_found() {
    let map = "| folder | what |\n|---|---|\n| `crates/top` | a |\n\
               | `crates/layer-a` … `layer-z` | b |\n| `crates/left`, `right` | c |\n| `crates/low` | d |\n\n| `no` |\n";
    let ranks = Ranks::read(map);
    assert_eq!(
        ranks.0.keys().collect::<Vec<_>>(),
        ["layer-", "left", "low", "right", "top"]
    );
    let found = |name: &str, to: &str| {
        let one = Crate {
            name: name.to_owned(),
            file: "Cargo.toml".to_owned(),
            manifest: "[dependencies]\nkey-not = 1\nkey.workspace = true\n".to_owned(),
            arrows: vec![("key".to_owned(), to.to_owned())],
        };
        let problems = check(&ranks, &[one]);
        assert!(
            problems
                .iter()
                .all(|problem| problem.line == 3 || name == "stranger")
        );
        problems.len()
    };
    assert_eq!(found("top", "layer-m"), 0);
    assert_eq!(found("layer-m", "right"), 0);
    assert_eq!(found("right", "low"), 0);
    assert_eq!(found("low", "right"), 1, "up");
    assert_eq!(found("layer-m", "layer-n"), 1, "aside, in a group");
    assert_eq!(found("left", "right"), 1, "aside");
    assert_eq!(found("left", "stranger"), 1, "to what is not in the map");
    assert_eq!(found("stranger", "low"), 1, "from what is not in the map");
}
