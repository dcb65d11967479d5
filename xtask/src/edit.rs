//! `cargo xtask add` and `remove`: the edition's lists, and the lock after them.

use anyhow::Result;
use edition::{EditionFile, ListKind};
use lock::LayerName;
use resolve::Update;

use crate::{
    lock_verb::{self, LockOptions},
    options::layer_name,
    place,
};

/// Which packages of which layer.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask add deps qrcode\n  cargo xtask add deps 'qrcode>=8'\n  \
                  cargo xtask add base --debian ffmpeg\n  cargo xtask remove deps qrcode"
)]
pub struct Args {
    /// The layer: base, python, torch, deps, perf, comfy or runtime.
    #[arg(value_parser = layer_name)]
    layer: LayerName,
    /// Python requirements (PEP 508) or, with --debian, Debian packages.
    #[arg(required = true, value_name = "PACKAGE")]
    packages: Vec<String>,
    /// They are Debian packages.
    #[arg(long)]
    debian: bool,
    /// The edition, as in editions/<EDITION>.toml, or a path.
    #[arg(long, default_value = "starter")]
    edition: String,
    #[command(flatten)]
    options: LockOptions,
}

impl Args {
    fn kind(&self) -> ListKind {
        if self.debian {
            ListKind::Debian
        } else {
            ListKind::Python
        }
    }

    fn edit(&self, change: impl FnOnce(&mut EditionFile) -> Result<()>) -> Result<()> {
        let path = place::edition(&self.edition, "toml")?;
        let mut file = EditionFile::open(&path)?;
        change(&mut file)?;
        lock_verb::lock(&file, &path, &Update::Nothing, false, &self.options)
    }
}

/// Adds packages to a layer.
pub fn add(args: &Args) -> Result<()> {
    args.edit(|file| {
        let packages: Vec<&str> = args.packages.iter().map(String::as_str).collect();
        file.add(args.layer, args.kind(), &packages)?;
        Ok(())
    })
}

/// Removes packages from a layer.
pub fn remove(args: &Args) -> Result<()> {
    args.edit(|file| {
        for package in &args.packages {
            file.remove(args.layer, args.kind(), package)?;
        }
        Ok(())
    })
}
