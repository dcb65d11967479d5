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
    to_fetch: u64,
}

impl<'s> Told<'s> {
    fn new(summary: &'s Summary, rebuilt: &'s Rebuilt) -> Self {
        Self {
            summary,
            rebuilt,
            to_fetch: rebuilt.to_fetch,
        }
    }
}

/// Prints the summary to standard output. `same` is whether the lock's text is what it was.
pub fn print(summary: &Summary, rebuilt: &Rebuilt, same: bool, json: bool) -> Result<()> {
    if json {
        let told = Told::new(summary, rebuilt);
        println!("{}", serde_json::to_string(&told)?);
    } else {
        println!("{}", text(summary, rebuilt, same));
    }
    Ok(())
}

fn text(summary: &Summary, rebuilt: &Rebuilt, same: bool) -> String {
    if !rebuilt.first && summary.is_empty() && rebuilt.parts.is_empty() {
        return unchanged(same).to_owned();
    }
    let count = |test: fn(&Change) -> bool| {
        let changes = summary.changes.iter();
        changes.filter(|change| test(change)).count()
    };
    let mut lines: Vec<String> = summary.changes.iter().filter_map(change).collect();
    lines.extend(summary.settings.iter().map(setting));
    lines.push(format!(
        "{} added, {} removed, {} changed{}; layers that change: {}; {}",
        count(|change| change.before.is_none()),
        count(|change| change.after.is_none()),
        count(|change| change.before.is_some() && change.after.is_some()),
        settings(summary.settings.len()),
        if summary.layers.is_empty() {
            "none".to_owned()
        } else {
            summary.layers.join(", ")
        },
        match rebuilt.to_fetch {
            0 => "nothing to fetch".to_owned(),
            bytes => format!("{} to fetch", HumanBytes(bytes)),
        },
    ));
    let (names, pull) = (rebuilt.names(NAMED), rebuilt.pull());
    lines.push(match rebuilt.first {
        true => format!("parts: {names}; to pull all of them is {pull}"),
        false => format!("parts that change: {names}; who has the old image pulls {pull}"),
    });
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
    if let ("from.digest", Some(before), Some(after)) =
        (name.as_str(), &setting.before, &setting.after)
    {
        return format!("~ from: digest {before} -> {after}");
    }
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
    use crate::rebuilt::Part;

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
            told.contains(", 1 setting changed; layers that change: none"),
            "{told}"
        );
        assert!(told.ends_with("pulls the config alone"), "{told}");
        let json = serde_json::to_value(Told::new(&summary, &rebuilt)).unwrap();
        assert_eq!(json["settings"][0]["name"], "image.env.A");
        let nothing = text(&Summary::default(), &rebuilt, true);
        assert_eq!(nothing, "nothing changed");
    }

    #[test]
    fn what_stands_in_the_store_is_marked() {
        let part = |name: &str, in_store| Part {
            layer: "deps".to_owned(),
            name: name.to_owned(),
            bytes: 1 << 20,
            in_store,
            below: false,
        };
        let mut rebuilt = Rebuilt {
            parts: vec![part("one", true), part("two", false)],
            to_pull: 2 << 20,
            ..Rebuilt::default()
        };
        let told = |rebuilt: &Rebuilt| text(&Summary::default(), rebuilt, false);
        let both = told(&rebuilt);
        assert!(both.contains("; nothing to fetch\n"), "{both}");
        let end = "deps: one (in the store), deps: two; who has the old image pulls about 2.00 MiB";
        assert!(both.ends_with(end), "{both}");
        rebuilt.to_fetch = 3 << 10;
        assert!(told(&rebuilt).contains("; 3.00 KiB to fetch\n"));
        let (summary, json) = (Summary::default(), serde_json::to_value);
        let json = json(Told::new(&summary, &rebuilt)).unwrap();
        assert_eq!(json["to_fetch"], 3 << 10);
        assert_eq!(json["parts"][0]["in_store"], true);
        assert_eq!(json["first"], false);
    }

    #[test]
    fn a_first_lock_has_no_old_image() {
        let rebuilt = Rebuilt {
            first: true,
            to_pull: 2 << 20,
            exact: true,
            ..Rebuilt::default()
        };
        let told = text(&Summary::default(), &rebuilt, false);
        assert!(!told.contains("old image"), "{told}");
        assert!(told.contains("to pull all of them is"), "{told}");
    }
}
