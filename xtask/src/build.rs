//! What every verb begins with: the lock, the context, the image.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Result;
use assembler::{Image, Meta};
use layer::{Compression, Context};
use lock::{LayerName, Lock};
use store::{Fetcher, Places};

use crate::{
    options::{BuildOptions, Codec},
    place,
    progress::Bars,
};

/// Reads an edition's lock: by the edition's name, or by a path. Gives its folder too.
pub fn lock(edition: &str) -> Result<(Lock, PathBuf)> {
    let path = place::edition(edition, "lock")?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Ok((Lock::read(&path)?, folder.to_owned()))
}

/// The context that the options ask for.
pub fn context(options: &BuildOptions, locks: &Path) -> Result<Context> {
    let store = place::store(options.store.as_deref())?;
    let store = if options.no_reuse {
        store.anew()?
    } else {
        store
    };
    let places = Places::from_env()?.with_local(locks);
    let mut cx = Context::new(
        store,
        Fetcher::new(places, Arc::new(Bars::new()), options.offline),
    )?;
    cx.compression = match options.compression.unwrap_or(Codec::Zstd) {
        Codec::Zstd => Compression::zstd(options.level.unwrap_or(3))?,
        Codec::Gzip => Compression::gzip(options.level.unwrap_or(6))?,
    };
    Ok(cx)
}

/// Builds the layers of an edition up to `up_to`.
pub fn image(edition: &str, up_to: LayerName, options: &BuildOptions) -> Result<Image> {
    let (lock, folder) = lock(edition)?;
    let cx = context(options, &folder)?;
    let mut meta = Meta::from_lock(&lock)?;
    if up_to != LayerName::Runtime {
        meta = meta.up_to(up_to)?;
    }
    let layers = assembler::layers(&lock, up_to)?;
    Ok(assembler::assemble(&cx, meta, &layers)?)
}
