//! `cargo xtask pull-size`: what a new image costs whoever has an old one.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use assembler::Download;
use indicatif::HumanBytes;
use oci_image::{Access, Below};

use crate::{
    build,
    options::BuildOptions,
    place,
    registries::{self, Registries},
};

/// Tells what a user who has the image OLD downloads for the image NEW, part by part.
///
/// Each of the two is an edition (or a lock file), a reference in a registry, an OCI layout (a folder, or
/// oci:FOLDER[:TAG]) or an archive (a file, oci-archive:FILE, docker-archive:FILE). Of images only manifest
/// and config are read. Editions are not built: parts that the store lacks count with the size of their
/// artifacts, and are marked with ~.
///
/// Standard output has a line for each part that is downloaded (bytes, name), the largest first, and then
/// the sum.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask pull-size ghcr.io/me/comfyui:yesterday starter\n  \
                  cargo xtask pull-size starter slim\n  \
                  cargo xtask pull-size dist/starter ghcr.io/me/comfyui:latest --json"
)]
pub struct Args {
    /// What the user has.
    old: String,
    /// What the user wants.
    new: String,
    /// The platform to choose from an index.
    #[arg(long, default_value = "linux/amd64")]
    platform: String,
    #[command(flatten)]
    options: BuildOptions,
}

pub fn run(args: &Args) -> Result<()> {
    args.options.without_caches("pull-size")?;
    let registries = clients(args)?;
    let old = image(&args.old, args, &registries)?;
    let new = image(&args.new, args, &registries)?;
    let mut pulled = assembler::pulled(&old, &new);
    pulled.sort_by(|one, other| other.size.cmp(&one.size).then(one.name.cmp(&other.name)));
    let sum = |all: &mut dyn Iterator<Item = &Download>| all.map(|one| one.size).sum::<u64>();
    let (bytes, whole) = (sum(&mut pulled.iter().copied()), sum(&mut new.iter()));
    let is_exact = pulled.iter().all(|one| one.digest.is_some());
    if args.options.json {
        let parts = pulled.iter().map(|one| {
            serde_json::json!({
                "name": one.name, "size": one.size, "exact": one.digest.is_some(),
                "digest": one.digest.map(|digest| digest.to_oci()),
            })
        });
        let value = serde_json::json!({
            "old": args.old, "new": args.new, "parts": parts.collect::<Vec<_>>(),
            "bytes": bytes, "whole": whole, "layers": new.len(), "exact": is_exact,
        });
        println!("{value}");
        return Ok(());
    }
    let about = |is_exact: bool| if is_exact { ' ' } else { '~' };
    for one in &pulled {
        println!(
            "{}{:>12} {}",
            about(one.digest.is_some()),
            one.size,
            one.name
        );
    }
    println!("{}{bytes:>12} in all", about(is_exact));
    eprintln!(
        "{} of {} in {} of {} layers",
        HumanBytes(bytes),
        HumanBytes(whole),
        pulled.len(),
        new.len(),
    );
    Ok(())
}

/// A login is for the registry of the first reference.
fn clients(args: &Args) -> Result<Registries> {
    let names = [&args.old, &args.new];
    let references = names.iter().filter(|name| !is_edition(name));
    let named: Vec<_> = references
        .filter_map(|name| registries::repository(name))
        .collect();
    let named: Vec<_> = named.iter().collect();
    let progress = std::sync::Arc::new(crate::progress::Bars::new());
    Registries::new(&args.options.registry, &named, progress)
}

fn is_edition(name: &str) -> bool {
    place::edition(name, "lock").is_ok_and(|path| path.is_file())
}

fn image(name: &str, args: &Args, registries: &Registries) -> Result<Vec<Download>> {
    if is_edition(name) {
        let path = place::edition(name, "lock")?;
        let lock = lock::Lock::read(&path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let cx = build::quiet_context(&args.options, &lock, folder)?;
        let below = build::below_by(&cx, &lock, folder, |at| registries.client(at))?;
        return Ok(assembler::planned_downloads(&cx, &lock, below.as_deref())?);
    }
    let place = match Path::new(name) {
        folder if folder.join("index.json").is_file() => format!("oci:{name}"),
        file if file.is_file() => format!("oci-archive:{name}"),
        _ => name.to_owned(),
    };
    let client = match registries::repository(&place) {
        Some(repository) => registries.client(&repository),
        None => registry::Client::new(Default::default()),
    };
    let access = Access {
        store: place::store(args.options.store.as_deref())?,
        folder: PathBuf::from("."),
        progress: std::sync::Arc::new(crate::progress::Bars::new()),
        offline: args.options.offline,
        client,
    };
    let read = || {
        let pinned = oci_image::pin(&place, &args.platform, &access)?;
        Below::load(&pinned, &args.platform, &access)
    };
    let image =
        read().map_err(|error| anyhow!("{name:?} is no edition here, and as an image: {error}"))?;
    Ok(assembler::downloads(&image))
}
