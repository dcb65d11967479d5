//! What a new lock changes, as a table for people or as JSON for scripts.

use anyhow::Result;
use indicatif::HumanBytes;
use resolve::{Change, Setting, Summary};
use serde::Serialize;

use crate::rebuilt::Rebuilt;

/// How many parts a line names.
const NAMED: usize = 8;

/// All that is told of a new lock.
#[derive(Serialize)]
struct Told<'s> {
    #[serde(flatten)]
    summary: &'s Summary,
    #[serde(flatten)]
    rebuilt: &'s Rebuilt,
}

/// Prints the summary to standard output. `same` is whether the lock's text is what it was.
pub fn print(summary: &Summary, rebuilt: &Rebuilt, same: bool, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(&Told { summary, rebuilt })?);
    } else {
        println!("{}", text(summary, rebuilt, same));
    }
    Ok(())
}

fn text(summary: &Summary, rebuilt: &Rebuilt, same: bool) -> String {
    if summary.is_empty() && rebuilt.parts.is_empty() {
        return unchanged(same).to_owned();
    }
    let count = |test: fn(&Change) -> bool| {
        let changes = summary.changes.iter();
        changes.filter(|change| test(change)).count()
    };
    let mut lines: Vec<String> = summary.changes.iter().filter_map(change).collect();
    lines.extend(summary.settings.iter().map(setting));
    lines.push(format!(
        "{} added, {} removed, {} changed{}; layers to build: {}; {} to fetch",
        count(|change| change.before.is_none()),
        count(|change| change.after.is_none()),
        count(|change| change.before.is_some() && change.after.is_some()),
        settings(summary.settings.len()),
        if summary.layers.is_empty() {
            "none".to_owned()
        } else {
            summary.layers.join(", ")
        },
        HumanBytes(summary.to_fetch),
    ));
    lines.push(format!(
        "parts to build: {}; who has the old image pulls {}",
        rebuilt.names(NAMED),
        rebuilt.pull()
    ));
    lines.join("\n")
}

fn change(change: &Change) -> Option<String> {
    let size = |bytes: u64| HumanBytes(bytes).to_string();
    let (before, after) = (size(change.size_before), size(change.size_after));
    let (sign, versions, sizes) = match (&change.before, &change.after) {
        (None, Some(version)) => ('+', version.clone(), after),
        (Some(version), None) => ('-', version.clone(), before),
        (Some(old), Some(new)) => (
            '~',
            format!("{old} -> {new}"),
            format!("{before} -> {after}"),
        ),
        (None, None) => return None,
    };
    Some(format!(
        "{sign} {:<7}{:<8}{:<36} {versions}  ({sizes})",
        change.layer, change.kind, change.name
    ))
}

/// What is said where both locks say the same.
fn unchanged(same: bool) -> &'static str {
    if same {
        "nothing changed"
    } else {
        "nothing changed but the form of the lock's text"
    }
}

fn setting(setting: &Setting) -> String {
    let name = &setting.name;
    match (&setting.before, &setting.after) {
        (None, Some(after)) => format!("+ {name} = {after:?}"),
        (Some(before), None) => format!("- {name} = {before:?}"),
        (before, after) => {
            let shown =
                |value: &Option<String>| format!("{:?}", value.as_deref().unwrap_or("none"));
            format!("~ {name} = {} -> {}", shown(before), shown(after))
        }
    }
}

fn settings(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => ", 1 setting changed".to_owned(),
        more => format!(", {more} settings changed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_alone_is_a_change() {
        let summary = Summary {
            settings: vec![Setting {
                name: "image.env.A".to_owned(),
                before: Some("1".to_owned()),
                after: Some("2".to_owned()),
            }],
            ..Summary::default()
        };
        let rebuilt = Rebuilt::default();
        let told = text(&summary, &rebuilt, false);
        assert!(!told.contains("nothing changed"), "{told}");
        assert!(told.contains("~ image.env.A = \"1\" -> \"2\""), "{told}");
        assert!(
            told.contains(", 1 setting changed; layers to build: none"),
            "{told}"
        );
        assert!(told.ends_with("pulls the config alone"), "{told}");
        let (summary, rebuilt) = (&summary, &rebuilt);
        let json = serde_json::to_value(Told { summary, rebuilt }).unwrap();
        assert_eq!(json["settings"][0]["name"], "image.env.A");
        assert_eq!(text(&Summary::default(), rebuilt, true), "nothing changed");
    }
}
