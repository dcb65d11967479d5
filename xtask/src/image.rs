//! `cargo xtask image`: the whole image as an OCI layout.

use std::path::PathBuf;

use anyhow::Result;
use indicatif::HumanBytes;
use lock::LayerName;

use crate::{
    build,
    options::{BuildOptions, layer_name},
    place, table,
};

/// Builds an edition's image into an OCI layout under dist/<edition>/.
///
/// With --cache-from, parts that the store lacks are taken from a cache in a registry by what it says of them:
/// with all of them there, nothing is fetched but that. What a cache says is believed as far as it can be
/// checked; STRATA_CACHE_SECRET, set wherever a cache is filled and read, keeps out the entries of those who do
/// not know it.
///
/// The last line of standard output is the manifest's digest, alone.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask image\n  cargo xtask image starter --compression gzip\n  \
                        cargo xtask image --up-to torch --out /tmp/torch\n  \
                        digest=$(cargo xtask image --offline | tail -n 1)\n  \
                        cargo xtask image --cache-from ghcr.io/me/comfyui-cache"
)]
pub struct Args {
    /// The edition, as in editions/<EDITION>.lock, or the path of a lock file (with a / or ending
    /// with .lock).
    #[arg(default_value = "starter")]
    edition: String,
    /// Stop after this layer.
    #[arg(long, value_name = "LAYER", value_parser = layer_name, default_value = "runtime")]
    up_to: LayerName,
    /// Where the layout goes [default: dist/<edition>].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// With --cache-from: bring the parts that only a cache has, and write the layout. Without it the
    /// image's digest is told alone, and no blob is fetched.
    #[arg(long, requires = "cache_from")]
    pull: bool,
    #[command(flatten)]
    options: BuildOptions,
}

pub fn run(args: &Args) -> Result<()> {
    let options = &args.options;
    let caches = build::caches(options, None)?;
    let out = |built: &build::Built| match &args.out {
        Some(out) => out.clone(),
        None => place::root().join("dist").join(&built.image.meta.edition),
    };
    let (built, written) = build::then(&args.edition, args.up_to, options, &caches, |built| {
        if args.pull {
            // Even where the layout stands already.
            built.image.bring()?;
        }
        let lacking = built.image.lacking();
        if lacking.is_empty() || args.pull || options.cache.cache_from.is_empty() {
            assembler::write_layout(&built.image, &out(built))?;
            return Ok(None);
        }
        Ok(Some(lacking))
    })?;
    table::print(&built.image);
    caches.tell(&built);
    match written {
        None => eprintln!("written to {}", out(&built).display()),
        Some(lacking) => eprintln!(
            "no layout is written: {} blobs ({}) are not on this machine; --pull brings them, and `push` \
             does without them",
            lacking.len(),
            HumanBytes(lacking.iter().map(|blob| blob.size).sum())
        ),
    }
    caches.fill(&built, &[]);
    if options.json {
        println!("{}", caches.json(&built.image)?);
    } else {
        println!("{}", built.image.digest.to_oci());
    }
    Ok(())
}
