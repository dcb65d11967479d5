//! What was built, as a table for people or as JSON for scripts.

use anyhow::Result;
use assembler::Image;
use indicatif::HumanBytes;
use layer::{LayerBlob, PartOrigin};

/// Prints the table to standard error, so that standard output stays for the digest.
pub fn print(image: &Image) {
    let sum = |layer: &LayerBlob, size: fn(&layer::Part) -> u64| {
        layer.parts.iter().map(size).sum::<u64>()
    };
    eprintln!(
        "{:<10}{:>6}{:>10}{:>13}{:>13}  {:<28}{:>8}",
        "layer", "parts", "packages", "size", "compressed", "parts built or reused", "time"
    );
    if let Some(below) = &image.meta.below {
        let held = below.layers.iter().map(|layer| layer.size).sum();
        let size = HumanBytes(held).to_string();
        eprintln!(
            "{:<10}{:>6}{:>10}{:>13}{:>13}  {}",
            "(from)",
            below.layers.len(),
            "",
            "",
            size,
            below.from.image,
        );
    }
    for layer in &image.layers {
        eprintln!(
            "{:<10}{:>6}{:>10}{:>13}{:>13}  {:<28}{:>6.1} s",
            layer.name,
            layer.parts.len(),
            layer.packages.len(),
            HumanBytes(sum(layer, |part| part.diff_size)).to_string(),
            HumanBytes(sum(layer, |part| part.size)).to_string(),
            origins(layer, image.meta.below.is_some()),
            layer.took.as_secs_f64(),
        );
    }
    let plain = image.parts().map(|part| part.diff_size).sum();
    let blobs = image.blobs();
    let compressed = blobs.iter().map(|blob| blob.size).sum();
    let packages = image.layers.iter().map(|layer| layer.packages.len());
    eprintln!(
        "{:<10}{:>6}{:>10}{:>13}{:>13}",
        "image",
        blobs.len(),
        packages.sum::<usize>(),
        HumanBytes(plain).to_string(),
        HumanBytes(compressed).to_string(),
    );
}

fn origins(layer: &LayerBlob, stands: bool) -> String {
    if stands && layer.parts.is_empty() {
        return "nothing to add".to_owned();
    }
    let built: Vec<&str> = layer
        .parts
        .iter()
        .filter_map(|part| match part.origin {
            PartOrigin::Built(why) => Some(why),
            PartOrigin::Reused | PartOrigin::Cached(_) => None,
        })
        .collect();
    let is_cached = |part: &&layer::Part| matches!(part.origin, PartOrigin::Cached(_));
    match built.first() {
        None => match layer.parts.iter().filter(is_cached).count() {
            0 => "reused".to_owned(),
            all if all == layer.parts.len() => "from the cache".to_owned(),
            some => format!("{some} from the cache"),
        },
        Some(why) if built.len() == layer.parts.len() => format!("built: {why}"),
        Some(why) => format!("{} built: {why}", built.len()),
    }
}

/// The last line of standard output: the digest alone, or the table as JSON.
pub fn print_digest(image: &Image, as_json: bool) -> Result<()> {
    if as_json {
        println!("{}", json(image)?);
    } else {
        println!("{}", image.digest.to_oci());
    }
    Ok(())
}

/// The same as JSON, on one line.
pub fn json(image: &Image) -> Result<String> {
    let layers: Vec<_> = image
        .layers
        .iter()
        .map(|layer| {
            let parts: Vec<_> = layer
                .parts
                .iter()
                .map(|part| {
                    let (why, cache) = match &part.origin {
                        PartOrigin::Built(why) => (Some(why), None),
                        PartOrigin::Cached(cache) => (None, Some(cache)),
                        PartOrigin::Reused => (None, None),
                    };
                    serde_json::json!({
                        "name": part.name, "digest": part.digest.to_oci(),
                        "diff_id": part.diff_id.to_oci(), "size": part.size,
                        "diff_size": part.diff_size, "built": why, "cache": cache,
                        "path": part.is_here().then_some(&part.path),
                    })
                })
                .collect();
            serde_json::json!({
                "name": layer.name, "parts": parts, "packages": layer.packages,
                "seconds": layer.took.as_secs_f64(),
            })
        })
        .collect();
    let below = image.meta.below.as_ref().map(|below| {
        serde_json::json!({
            "image": below.from.image, "digest": below.from.digest.to_oci(),
            "layers": below.layers.len(),
        })
    });
    Ok(serde_json::to_string(&serde_json::json!({
        "edition": image.meta.edition, "reference": image.meta.reference(),
        "digest": image.digest.to_oci(), "config": image.config_digest.to_oci(),
        "transfer_size": image.transfer_size(), "layers": layers, "from": below,
    }))?)
}
