//! `cargo xtask layer`: one layer's blobs, and an image of it and all below it.

use std::path::PathBuf;

use anyhow::Result;
use lock::LayerName;

use crate::{
    build,
    options::{BuildOptions, layer_name},
    place, table,
};

/// Builds one layer, and a loadable image of it and all layers below it.
///
/// Standard output has a line for each part of the layer — digest, diff-id, size, file — and then
/// the digest of the image's manifest.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask layer torch\n  cargo xtask layer base starter --json"
)]
pub struct Args {
    /// The layer: base, python, torch, deps, perf, comfy or runtime.
    #[arg(value_parser = layer_name)]
    layer: LayerName,
    /// The edition, as in editions/<EDITION>.lock, or the path of a lock file (with a / or ending
    /// with .lock).
    #[arg(default_value = "starter")]
    edition: String,
    /// Where the layout goes [default: dist/<edition>-<layer>].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    options: BuildOptions,
}

pub fn run(args: &Args) -> Result<()> {
    let image = build::image(&args.edition, args.layer, &args.options)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => place::root()
            .join("dist")
            .join(format!("{}-{}", image.meta.edition, args.layer)),
    };
    assembler::write_layout(&image, &out)?;
    table::print(&image);
    eprintln!("written to {}", out.display());
    if args.options.json {
        println!("{}", table::json(&image)?);
        return Ok(());
    }
    for part in image.layers.last().iter().flat_map(|layer| &layer.parts) {
        let (digest, diff_id) = (part.digest.to_oci(), part.diff_id.to_oci());
        println!("{digest} {diff_id} {} {}", part.size, part.path.display());
    }
    println!("{}", image.digest.to_oci());
    Ok(())
}
