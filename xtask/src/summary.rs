//! What a new lock changes, as a table for people or as JSON for scripts.

use anyhow::Result;
use indicatif::HumanBytes;
use resolve::Summary;
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

/// Prints the summary to standard output.
pub fn print(summary: &Summary, rebuilt: &Rebuilt, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string(&Told { summary, rebuilt })?);
        return Ok(());
    }
    if summary.changes.is_empty() && rebuilt.parts.is_empty() {
        println!("nothing changed");
        return Ok(());
    }
    let count = |test: fn(&resolve::Change) -> bool| {
        summary.changes.iter().filter(|change| test(change)).count()
    };
    for change in &summary.changes {
        let size = |bytes: u64| HumanBytes(bytes).to_string();
        let (sign, versions, sizes) = match (&change.before, &change.after) {
            (None, Some(after)) => ('+', after.clone(), size(change.size_after)),
            (Some(before), None) => ('-', before.clone(), size(change.size_before)),
            (Some(before), Some(after)) => (
                '~',
                format!("{before} -> {after}"),
                format!(
                    "{} -> {}",
                    size(change.size_before),
                    size(change.size_after)
                ),
            ),
            (None, None) => continue,
        };
        println!(
            "{sign} {:<7}{:<8}{:<36} {versions}  ({sizes})",
            change.layer, change.kind, change.name
        );
    }
    println!(
        "{} added, {} removed, {} changed; layers to build: {}; {} to fetch",
        count(|change| change.before.is_none()),
        count(|change| change.after.is_none()),
        count(|change| change.before.is_some() && change.after.is_some()),
        if summary.layers.is_empty() {
            "none".to_owned()
        } else {
            summary.layers.join(", ")
        },
        HumanBytes(summary.to_fetch),
    );
    println!(
        "parts to build: {}; who has the old image pulls {}",
        rebuilt.names(NAMED),
        rebuilt.pull()
    );
    Ok(())
}
