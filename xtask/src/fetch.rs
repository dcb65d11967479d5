//! `cargo xtask fetch`: an edition's artifacts into the store, without building.

use std::{path::Path, path::PathBuf, sync::Arc};

use anyhow::Result;
use indicatif::HumanBytes;
use layer::Context;
use lock::Lock;

use crate::{build, place, progress::Bars};

/// Brings all artifacts of an edition into the store, for a build without a network later.
///
/// Commits of git repositories are fetched by the build itself.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cargo xtask fetch starter && cargo xtask image starter --offline"
)]
pub struct Args {
    /// The edition, as in editions/<EDITION>.lock, or the path of a lock file.
    #[arg(default_value = "starter")]
    edition: String,
    /// The store's folder [default: STRATA_STORE, else the user's cache folder].
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    let path = place::edition(&args.edition, "lock")?;
    let lock = Lock::read(&path)?;
    let store = place::store(args.store.as_deref())?;
    let local = path.parent().unwrap_or(Path::new("."));
    let fetcher = build::fetcher(&lock, local, Arc::new(Bars::new()), false)?;
    let cx = Context::new(store.clone(), fetcher.clone())?;
    let below = build::below(&cx, &lock, local)?;
    if let Some(below) = &below {
        below.bring()?;
    }
    let artifacts = lock.artifacts();
    fetcher.fetch_all(&store, &artifacts)?;
    let bytes = artifacts.iter().map(|artifact| artifact.size).sum();
    if let Some(below) = below {
        eprintln!(
            "{} layers of {} are in the store",
            below.layers.len(),
            below.from.image
        );
    }
    eprintln!(
        "{} artifacts, {}, are in the store",
        artifacts.len(),
        HumanBytes(bytes)
    );
    Ok(())
}
