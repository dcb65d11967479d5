//! `cargo xtask load`: the image into a container engine.

use anyhow::Result;
use lock::LayerName;

use crate::{build, engine::Engine, options::BuildOptions, table};

/// Builds the image and streams it into a container engine.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask load\n  cargo xtask load starter --engine podman")]
pub struct Args {
    /// The edition, as in editions/<EDITION>.lock, or the path of a lock file (with a / or ending
    /// with .lock).
    #[arg(default_value = "starter")]
    edition: String,
    /// Which engine [default: the first that answers].
    #[arg(long, value_enum)]
    engine: Option<Engine>,
    #[command(flatten)]
    options: BuildOptions,
}

pub fn run(args: &Args) -> Result<()> {
    let engine = Engine::find(args.engine)?;
    let image = build::image(&args.edition, LayerName::Runtime, &args.options)?;
    table::print(&image);
    engine.load(&image)?;
    eprintln!("{} has it as {}", engine.program(), image.meta.reference());
    table::print_digest(&image, args.options.json)?;
    Ok(())
}
