//! All layers at once.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

use layer::{Context, Layer, LayerBlob};

use crate::{Error, Image, Meta, Result, below, ownership};

/// How many layers Docker stacks.
const MOST_LAYERS: usize = 125;

/// Builds `layers` at the same time and makes an image of them, in the order given, lowest first.
///
/// Each layer has a thread that waits for its parts; the work itself (unpacking, compressing) runs
/// on the context's rayon pool, and the number of parts in work at once is bounded. Parts that the image
/// below has ([`Meta::on`]) are not built.
///
/// # Errors
/// The error of the layer that failed first; the others are stopped, and waited for. A path that two
/// parts have with different contents. See [`Error`].
pub fn assemble(cx: &Context, meta: Meta, layers: &[Box<dyn Layer>]) -> Result<Image> {
    let image = assemble_disputed(cx, meta, layers)?;
    ownership::check(cx, image.parts())?;
    Ok(image)
}

/// The same for whoever looks into the image and not out of it: two parts may have different contents at
/// one path.
///
/// # Errors
/// As [`assemble`], but for such paths.
pub fn assemble_disputed(cx: &Context, meta: Meta, layers: &[Box<dyn Layer>]) -> Result<Image> {
    let cx = &below::standing(cx, &meta, layers)?.stoppable();
    // Whether it only follows from another, and what.
    let failed = Mutex::new(None::<(bool, Error)>);
    let build = |layer: &dyn Layer| {
        let source = match layer.build(cx) {
            Ok(blob) => return Some(blob),
            Err(source) => Box::new(source),
        };
        cx.stop();
        let follows = matches!(*source, layer::Error::GivenUp { .. });
        let layer = layer.name().to_owned();
        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.as_ref().is_none_or(|(old, _)| *old && !follows) {
            *failed = Some((follows, Error::Layer { layer, source }));
        }
        None
    };
    let blobs: Vec<Option<LayerBlob>> = thread::scope(|scope| {
        let running: Vec<_> = layers
            .iter()
            .map(|layer| scope.spawn(|| build(layer.as_ref())))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().ok().flatten())
            .collect()
    });
    cx.release();
    if let Some((_, error)) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let named = layers.iter().zip(blobs).map(|(layer, blob)| {
        blob.ok_or_else(|| Error::Lost {
            layer: layer.name().to_owned(),
        })
    });
    let blobs: Vec<LayerBlob> = named.collect::<Result<_>>()?;
    let image = Image::new(meta, blobs)?;
    let count = image.blobs().len();
    if count > MOST_LAYERS {
        cx.progress.warn(&format!(
            "the image has {count} layers: Docker takes {MOST_LAYERS} at most; stand on an image of fewer"
        ));
    }
    Ok(image)
}
