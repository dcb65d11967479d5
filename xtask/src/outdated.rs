//! `cargo xtask outdated`: what has newer versions than the lock.

use std::path::{Path, PathBuf};

use anyhow::Result;
use edition::Edition;
use indicatif::HumanBytes;
use layer::Context;
use lock::Lock;
use resolve::{Newer, Options, Update};
use store::{Fetcher, Places, Store};

use crate::{build, place, progress::Bars, rebuilt::Rebuilt};

/// How many parts a line of the table names.
const NAMED: usize = 2;

/// Lists what has newer versions than an edition's lock, and what each would rebuild.
///
/// "allowed" is what `lock --update` takes, "newest" what there is beyond that: on the Python index for
/// this Python, and in the Debian suite as it is today. The edition's lines, its dates or other packages
/// keep it away. Nothing is changed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask outdated\n  cargo xtask outdated megapak\n  \
                        cargo xtask outdated --json | jq '.outdated[].name'"
)]
pub struct Args {
    /// The edition, as in editions/<EDITION>.toml, or a path.
    #[arg(default_value = "starter")]
    edition: String,
    /// The store's folder [default: STRATA_STORE, else the user's cache folder].
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Print the list as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let path = place::edition(&args.edition, "toml")?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let edition = Edition::read(&path)?;
    let lock = Lock::read(&path.with_extension("lock"))?;
    let bars = std::sync::Arc::new(Bars::new());
    let places = Places::from_env()?.with_local(folder);
    let fetcher = Fetcher::new(places, bars.clone(), false);
    let cx = Context::new(place::store(args.store.as_deref())?, fetcher)?;
    eprintln!("resolving {} anew, to compare", edition.name);
    let options = Options {
        update: Update::All,
        folder,
        build: false,
        now: jiff::Timestamp::now(),
    };
    let (newer, warnings) = resolve::outdated(&cx.store, &cx.fetcher, &edition, &lock, &options)?;
    for warning in &warnings {
        cx.progress.warn(warning);
    }
    // An old image that is gone is what there may be a newer one of.
    let below = build::below(&cx, &lock, folder).ok().flatten();
    let before = assembler::forecast_on(&cx, &lock, below.as_deref())?;
    let with = newer.iter().map(|one| {
        let rebuilt = match &one.lock {
            Some(lock) => {
                let below = build::below(&cx, lock, folder).ok().flatten();
                Rebuilt::new(&cx, Some(&before), lock, below.as_deref())?
            }
            None => Rebuilt::default(),
        };
        Ok((one, rebuilt))
    });
    let list = with.collect::<Result<Vec<_>>>()?;
    if args.json {
        print_json(&cx.store, &edition.name, &list);
    } else {
        print(&cx.store, &edition.name, &list);
    }
    Ok(())
}

/// What of the allowed version the store lacks, in bytes.
fn lacking(store: &Store, one: &Newer) -> u64 {
    let artifact = one.artifact.as_ref();
    artifact
        .filter(|artifact| assembler::is_lacking(store, artifact))
        .map_or(0, |artifact| artifact.size)
}

/// What it is called; a tree also by the project that is behind its versions.
fn name(one: &Newer) -> String {
    match &one.project {
        Some(project) if *project != one.name => format!("{} ({project})", one.name),
        _ => one.name.clone(),
    }
}

fn print(store: &Store, edition: &str, list: &[(&Newer, Rebuilt)]) {
    if list.is_empty() {
        println!("{edition} has the newest of everything");
        return;
    }
    println!(
        "{:<8}{:<7}{:<32} {:<22} {:<22} {:<16} {:>11} {:>14}  rebuilds",
        "layer", "kind", "name", "locked", "allowed", "newest", "to fetch", "to pull"
    );
    let dash = || "-".to_owned();
    for (one, rebuilt) in list {
        let weight = |text: String| one.lock.as_ref().map_or_else(dash, |_| text);
        println!(
            "{:<8}{:<7}{:<32} {:<22} {:<22} {:<16} {:>11} {:>14}  {}",
            one.layer.as_str(),
            one.kind,
            name(one),
            one.locked,
            one.allowed.clone().unwrap_or_else(dash),
            one.newest.clone().unwrap_or_else(dash),
            weight(HumanBytes(lacking(store, one)).to_string()),
            weight(rebuilt.pull()),
            weight(rebuilt.names(NAMED)),
        );
    }
    let allowed = list.iter().filter(|(one, _)| one.allowed.is_some()).count();
    println!(
        "{allowed} can be updated (`cargo xtask lock {edition} --update [NAME]`); {} have newer versions \
         that the edition or other packages do not allow",
        list.iter().filter(|(one, _)| one.newest.is_some()).count()
    );
}

fn print_json(store: &Store, edition: &str, list: &[(&Newer, Rebuilt)]) {
    let entries = list.iter().map(|(one, rebuilt)| {
        serde_json::json!({
            "layer": one.layer, "kind": one.kind, "name": one.name, "project": one.project,
            "locked": one.locked,
            "allowed": one.allowed, "newest": one.newest, "to_fetch": lacking(store, one),
            "rebuilt": rebuilt,
        })
    });
    let entries: Vec<_> = entries.collect();
    println!(
        "{}",
        serde_json::json!({ "edition": edition, "outdated": entries })
    );
}
