//! `cargo xtask archive`: the image as one tar.

use std::{
    io::{BufWriter, Write},
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use lock::LayerName;

use crate::{build, options::BuildOptions, progress, table};

/// Writes the image as one tar that `docker load` and `podman load` take, and that is a valid OCI
/// archive.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask archive comfyui.tar\n  \
                        cargo xtask archive starter comfyui.tar --compression gzip")]
pub struct Args {
    /// [EDITION] FILE: the edition (default: starter) and the file to write.
    #[arg(required = true, num_args = 1..=2, value_name = "EDITION FILE")]
    names: Vec<String>,
    #[command(flatten)]
    options: BuildOptions,
}

pub fn run(args: &Args) -> Result<()> {
    let (edition, file) = match args.names.as_slice() {
        [edition, file] => (edition.as_str(), PathBuf::from(file)),
        [file] => ("starter", PathBuf::from(file)),
        _ => anyhow::bail!("expected [EDITION] FILE"),
    };
    let image = build::image(edition, LayerName::Runtime, &args.options)?;
    let folder = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or(std::path::Path::new("."));
    let aside = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, aside);
    progress::writing(
        file.display().to_string(),
        image.transfer_size(),
        |advance| assembler::write_archive(&image, &mut out, advance),
    )?;
    out.flush()?;
    let aside = out.into_inner().map_err(|error| error.into_error())?;
    aside
        .persist(&file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    table::print(&image);
    table::print_digest(&image, args.options.json)
}
