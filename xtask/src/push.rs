//! `cargo xtask push`: the image into a registry.

use anyhow::{Result, bail};
use assembler::Pushed;
use indicatif::HumanBytes;
use lock::LayerName;
use registry::{Reference, Repository};

use crate::{build, caches::Caches, options::BuildOptions, table};

/// Builds the image and pushes it to a registry.
///
/// Blobs go straight from the store, several at once; what the registry has is not sent again, and what
/// another of its repositories has is mounted. The manifest comes last, and then its tags: a push that fails
/// before leaves them as they were, and the same command goes on with what is left. With --cache-from, parts that only the cache has
/// are mounted, or streamed through.
///
/// Credentials are looked for in: --username with --password-stdin; STRATA_REGISTRY_USERNAME and
/// STRATA_REGISTRY_PASSWORD; the files of `docker login` and `podman login`, and the helpers that those name.
/// TLS trust is the system's (or SSL_CERT_FILE).
///
/// The last line of standard output is the manifest's digest, alone.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask push ghcr.io/me/comfyui:2026-11-26 --tag latest\n  \
                  cargo xtask push localhost:5000/comfyui megapak\n  \
                  cargo xtask push ghcr.io/me/comfyui --cache-from ghcr.io/me/comfyui-cache \
                  --cache-to ghcr.io/me/comfyui-cache"
)]
pub struct Args {
    /// Where to: REGISTRY/REPOSITORY[:TAG], the tag being `latest` if none is given.
    #[arg(value_name = "REF", value_parser = reference)]
    to: Reference,
    /// The edition, as in editions/<EDITION>.lock, or the path of a lock file (with a / or ending
    /// with .lock).
    #[arg(default_value = "starter")]
    edition: String,
    /// One more tag for the same image; may be given several times.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Another repository of the same registry, to mount blobs from; may be given several times. The caches'
    /// are tried anyway.
    #[arg(long, value_name = "REPOSITORY", value_parser = crate::options::repository)]
    mount_from: Vec<Repository>,
    #[command(flatten)]
    options: BuildOptions,
}

fn reference(text: &str) -> Result<Reference, String> {
    let reference: Reference = text
        .parse()
        .map_err(|error: registry::Error| error.to_string())?;
    match reference.digest() {
        None => Ok(reference),
        Some(_) => Err("an image gets its digest by its contents: give a tag, or none".to_owned()),
    }
}

pub fn run(args: &Args) -> Result<()> {
    let repository = args.to.repository();
    let mut to = vec![args.to.clone()];
    for tag in &args.tag {
        to.push(repository.tag(tag)?);
    }
    let options = &args.options;
    let caches = build::caches(options, Some(repository))?;
    let mount_from: Vec<Repository> = args
        .mount_from
        .iter()
        .cloned()
        .chain(caches.repositories())
        .collect();
    if let Some(other) = args
        .mount_from
        .iter()
        .find(|from| from.registry() != repository.registry())
    {
        bail!(
            "{other} is at another registry than {repository}: blobs can be mounted within one only"
        );
    }
    let client = caches.registries.client(repository);
    let (built, pushed) = build::then(
        &args.edition,
        LayerName::Runtime,
        options,
        &caches,
        |built| {
            let mut mount_from = mount_from.clone();
            mount_from.extend(below(&built.image));
            Ok(assembler::push(&client, &built.image, &to, &mount_from)?)
        },
    )?;
    table::print(&built.image);
    caches.tell(&built);
    tell(&pushed);
    for reference in &to {
        let by = reference.by();
        eprintln!("{}:{by}", reference.repository());
    }
    caches.fill(&built, std::slice::from_ref(repository));
    if options.json {
        println!("{}", json(&caches, &built, &to, &pushed)?);
    } else {
        println!("{}", built.image.digest.to_oci());
    }
    Ok(())
}

/// The repository of the image below, if it is in a registry: its layers need not pass through this machine.
fn below(image: &assembler::Image) -> Option<Repository> {
    let below = image.meta.below.as_ref()?;
    let reference: Reference = below.name()?.parse().ok()?;
    Some(reference.repository().clone())
}

fn tell(pushed: &Pushed) {
    for (name, size) in &pushed.uploaded {
        eprintln!("uploaded {name}, {}", HumanBytes(*size));
    }
    eprintln!(
        "{} uploaded in {} blobs; {} mounted, {} there before{}",
        HumanBytes(pushed.bytes),
        pushed.uploaded.len(),
        pushed.mounted,
        pushed.present,
        if pushed.unchanged {
            "; nothing has changed"
        } else {
            ""
        }
    );
}

fn json(
    caches: &Caches,
    built: &build::Built,
    to: &[Reference],
    pushed: &Pushed,
) -> Result<String> {
    let mut value = caches.json(&built.image)?;
    let uploaded = pushed.uploaded.iter();
    let uploaded = uploaded.map(|(name, size)| serde_json::json!({"name": name, "size": size}));
    value["pushed"] = serde_json::json!({
        "references": to.iter().map(|to| format!("{}:{}", to.repository(), to.by())).collect::<Vec<_>>(),
        "uploaded": uploaded.collect::<Vec<_>>(), "bytes": pushed.bytes,
        "mounted": pushed.mounted, "present": pushed.present, "unchanged": pushed.unchanged,
    });
    Ok(value.to_string())
}
