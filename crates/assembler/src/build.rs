//! All layers at once.

use std::thread;

use layer::{Context, Layer, LayerBlob};

use crate::{Error, Image, Meta, Result, ownership};

/// Builds `layers` at the same time and makes an image of them, in the order given, lowest first.
///
/// Each layer has a thread that waits for its parts; the work itself (unpacking, compressing) runs
/// on the context's rayon pool, and the number of parts in work at once is bounded.
///
/// # Errors
/// The error of the lowest layer that failed, after all have ended; a path that two parts have
/// with different contents; see [`Error`].
pub fn assemble(cx: &Context, meta: Meta, layers: &[Box<dyn Layer>]) -> Result<Image> {
    let blobs: Result<Vec<LayerBlob>> = thread::scope(|scope| {
        let running: Vec<_> = layers
            .iter()
            .map(|layer| (layer.name(), scope.spawn(move || layer.build(cx))))
            .collect();
        running
            .into_iter()
            .map(|(name, thread)| {
                let layer = || name.to_owned();
                let blob = thread.join().map_err(|_| Error::Lost { layer: layer() })?;
                blob.map_err(|source| Error::Layer {
                    layer: layer(),
                    source: Box::new(source),
                })
            })
            .collect()
    });
    let blobs = blobs?;
    ownership::check(cx, blobs.iter().flat_map(|layer| &layer.parts))?;
    Image::new(meta, blobs)
}
