//! What every verb begins with: the lock, the context, the image.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use assembler::{Image, Meta};
use layer::{Compression, Context};
use lock::{LayerName, Lock};
use store::{Fetcher, Places, Store};

use crate::{
    options::{BuildOptions, Codec},
    progress::Bars,
};

/// The repository's root: the folder above this crate's.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Reads an edition's lock: by its name, or by the path of a lock file, which has a `/` in it or
/// ends with `.lock`. Gives its folder too.
pub fn lock(edition: &str) -> Result<(Lock, PathBuf)> {
    if edition.contains('/') || edition.ends_with(".lock") {
        let path = Path::new(edition);
        let folder = path.parent().unwrap_or(Path::new("."));
        return Ok((Lock::read(path)?, folder.to_owned()));
    }
    let folder = root().join("editions");
    let path = folder.join(format!("{edition}.lock"));
    if !path.exists() {
        let mut known: Vec<String> = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".lock").map(str::to_owned))
            .collect();
        known.sort();
        bail!(
            "no edition is called {edition:?} (there are: {})",
            known.join(", ")
        );
    }
    Ok((Lock::read(&path)?, folder))
}

/// The context that the options ask for.
pub fn context(options: &BuildOptions, locks: &Path) -> Result<Context> {
    let store = match &options.store {
        Some(folder) => Store::open(folder)?,
        None => Store::open_default()?,
    };
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
    cx.compression = match options.compression {
        Codec::Zstd => Compression::zstd(options.level.unwrap_or(3))?,
        Codec::Gzip => Compression::gzip(options.level.unwrap_or(6))?,
    };
    Ok(cx)
}

/// Builds the layers of an edition up to `up_to`.
pub fn image(edition: &str, up_to: LayerName, options: &BuildOptions) -> Result<Image> {
    let (lock, folder) = lock(edition)?;
    let cx = context(options, &folder)?;
    let mut meta = Meta::from_lock(&lock);
    if up_to != LayerName::Runtime {
        meta.reference = format!("strata/{}:{up_to}", lock.edition);
    }
    let layers = assembler::layers(&lock, up_to)?;
    Ok(assembler::assemble(&cx, meta, &layers)?)
}
