//! `cargo xtask archive`: the image as one tar.

use std::{
    fs::Permissions,
    io::{BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use lock::LayerName;

use crate::{
    build,
    options::{BuildOptions, Codec},
    progress, table,
};

/// Writes the image as one tar that `docker load` and `podman load` take, and that is a valid OCI
/// archive.
///
/// Its parts are compressed with gzip unless --compression says otherwise: Docker reads zstd from
/// version 23 on. So its digest, the last line of standard output, is not that of `image`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask archive comfyui.tar\n  \
                        cargo xtask archive starter comfyui.tar --compression zstd")]
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
    let mut options = args.options.clone();
    options.compression.get_or_insert(Codec::Gzip);
    let image = build::image(edition, LayerName::Runtime, &options)?;
    let folder = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = folder.unwrap_or(std::path::Path::new("."));
    // Temporary files are private; this one becomes what any file is, as far as the umask allows.
    let aside = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
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
