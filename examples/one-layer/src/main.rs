//! Builds the layer of attention kernels and puts it on top of the image in an OCI layout.

mod layout;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use layout::{Addition, Layout};

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder =
        folder.context("usage: one-layer FOLDER (an OCI layout; made if it is not there)")?;

    let blob = layer_perf::build()?;
    for package in &blob.packages {
        println!("{} {} {}", package.kind, package.name, package.version);
    }

    let mut layout = Layout::open(&folder)?;
    for part in &blob.parts {
        let added = layout.add(&Addition {
            blob: &part.path,
            media_type: part.media_type(),
            digest: format!("sha256:{}", part.digest),
            diff_id: format!("sha256:{}", part.diff_id),
            size: part.size,
            created_by: format!("layer-perf: {}", part.name),
        })?;
        let what = if added { "added" } else { "there already" };
        println!("sha256:{} {} bytes: {what}", part.digest, part.size);
    }
    // Kernels add nothing to the image's config. Other layers do: see `blob.config`.
    println!("{}", layout.finish()?);
    Ok(())
}
