//! `cargo xtask image`: the whole image as an OCI layout.

use std::path::PathBuf;

use anyhow::Result;
use lock::LayerName;

use crate::{
    build,
    options::{BuildOptions, layer_name},
    place, table,
};

/// Builds an edition's image into an OCI layout under dist/<edition>/.
///
/// The last line of standard output is the manifest's digest, alone.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask image\n  cargo xtask image starter --compression gzip\n  \
                        cargo xtask image --up-to torch --out /tmp/torch\n  \
                        digest=$(cargo xtask image --offline | tail -n 1)"
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
    #[command(flatten)]
    options: BuildOptions,
}

pub fn run(args: &Args) -> Result<()> {
    let image = build::image(&args.edition, args.up_to, &args.options)?;
    let out = match &args.out {
        Some(out) => out.clone(),
        None => place::root().join("dist").join(&image.meta.edition),
    };
    assembler::write_layout(&image, &out)?;
    table::print(&image);
    eprintln!("written to {}", out.display());
    table::print_digest(&image, args.options.json)
}
