//! `cargo xtask attach`: a document that belongs to an image, beside it in the registry.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, bail};
use registry::{BlobSource, Bytes, Reference, empty, media_type};

use crate::{
    progress::Bars,
    registries::{Registries, RegistryOptions},
};

/// Attaches a file (an SBOM, a signature, an attestation) to an image in a registry, as a referrer.
///
/// The file becomes an artifact manifest whose `subject` is the image (OCI image specification 1.1), so
/// that `oras discover`, scanners and the registry's own list find it by the image's digest. The image
/// itself does not change. Without FILE, lists what is attached.
///
/// The last line of standard output is the digest of the artifact's manifest.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask attach ghcr.io/me/comfyui:latest sbom.spdx.json --type application/spdx+json\n  \
                  cargo xtask attach ghcr.io/me/comfyui:latest"
)]
pub struct Args {
    /// The image: REGISTRY/REPOSITORY[:TAG][@DIGEST].
    #[arg(value_name = "REF")]
    image: String,
    /// The file.
    #[arg(requires = "media_type")]
    file: Option<PathBuf>,
    /// The file's media type, which is the artifact's type too.
    #[arg(long = "type", value_name = "MEDIA_TYPE", requires = "file")]
    media_type: Option<String>,
    #[command(flatten)]
    registry: RegistryOptions,
}

pub fn run(args: &Args) -> Result<()> {
    let image: Reference = args.image.parse()?;
    let repository = image.repository();
    let registries = Registries::new(&args.registry, &[repository], Arc::new(Bars::new()))?;
    let client = registries.client(repository);
    let Some(subject) = client.head_manifest(repository, image.by())? else {
        bail!("the registry has no image {image}\nhint: push it first (`cargo xtask push`)");
    };
    let (Some(file), Some(kind)) = (&args.file, &args.media_type) else {
        for one in client.referrers(repository, &subject.digest, None)? {
            let kind = one.artifact_type().as_ref().map(ToString::to_string);
            println!("{} {}", one.digest(), kind.unwrap_or_default());
        }
        return Ok(());
    };
    let read = || {
        let mut opened = std::fs::File::open(file)?;
        store::sha256(&mut opened)
    };
    let (size, digest) = read().with_context(|| format!("cannot read {}", file.display()))?;
    let document = registry::File::new(digest, size, file);
    let empty = empty();
    client.push_blob(repository, &document, &[])?;
    client.push_blob(repository, &empty, &[])?;
    let title = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let title = BTreeMap::from([("org.opencontainers.image.title", title)]);
    // No time in it: the same file on the same image is the same artifact.
    let manifest = serde_json::to_vec(&serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::MANIFEST,
        "artifactType": kind,
        "config": {
            "mediaType": media_type::EMPTY,
            "digest": empty.digest().to_oci(), "size": empty.size(),
        },
        "layers": [{
            "mediaType": kind, "digest": document.digest().to_oci(), "size": document.size(),
            "annotations": title,
        }],
        "subject": {
            "mediaType": subject.media_type, "digest": subject.digest.to_oci(), "size": subject.size,
        },
    }))?;
    let digest = Bytes::new(manifest.as_slice()).digest();
    client.push_manifest(repository, digest, media_type::MANIFEST, &manifest)?;
    eprintln!("attached to {repository}@{}", subject.digest.to_oci());
    println!("{}", digest.to_oci());
    Ok(())
}
