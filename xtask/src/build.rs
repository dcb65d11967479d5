//! What every verb begins with: the lock, the context, the image.

use std::{path::Path, sync::Arc};

use anyhow::{Result, anyhow};
use assembler::{Image, Meta};
use layer::{Compression, Context, Layer};
use lock::{LayerName, Lock};
use oci_image::{Access, Below, Client};
use store::{Fetcher, Places, Progress};

use crate::{
    options::{BuildOptions, Codec},
    place,
    progress::Bars,
    timings::Timings,
    vanished,
};

/// How often a lock is renewed in one build: mirrors may change in the meantime, but not for ever.
const ROUNDS: usize = 3;

/// The context that the options ask for, for a lock in a folder.
fn context(
    options: &BuildOptions,
    lock: &Lock,
    folder: &Path,
    progress: Arc<dyn Progress>,
) -> Result<Context> {
    let store = place::store(options.store.as_deref())?;
    let store = if options.no_reuse {
        store.anew()?
    } else {
        store
    };
    let mut cx = Context::new(store, fetcher(lock, folder, progress, options.offline)?)?;
    cx.compression = match options.compression.unwrap_or(Codec::Zstd) {
        Codec::Zstd => Compression::zstd(options.level.unwrap_or(3))?,
        Codec::Gzip => Compression::gzip(options.level.unwrap_or(6))?,
    };
    Ok(cx)
}

/// What fetches a lock's artifacts: from this machine's places, the lock's own folder and the snapshot that
/// the lock names.
pub fn fetcher(
    lock: &Lock,
    folder: &Path,
    progress: Arc<dyn Progress>,
    offline: bool,
) -> Result<Fetcher> {
    let places = Places::from_env()?.with_local(folder);
    let places = resolve::with_snapshot(places, lock)?;
    Ok(Fetcher::new(places, progress, offline))
}

/// The image that a lock in a folder stands on, if it does: its manifest and its config are in the store
/// then.
pub fn below(cx: &Context, lock: &Lock, folder: &Path) -> Result<Option<Arc<Below>>> {
    let Some(from) = &lock.from else {
        return Ok(None);
    };
    let access = Access {
        store: cx.store.clone(),
        folder: folder.to_owned(),
        progress: cx.progress.clone(),
        offline: cx.fetcher.offline(),
        client: Client::new(Default::default()),
    };
    let below = Below::load(from, &lock.platform, &access);
    Ok(Some(Arc::new(below.map_err(assembler::Error::from)?)))
}

/// An image, the lock that it was made from at last, and what it was made with.
pub struct Built {
    pub cx: Context,
    pub lock: Lock,
    pub image: Image,
}

/// Builds the layers of an edition up to `up_to`. Where artifacts have vanished from every mirror, the
/// lock is renewed as far as that needs, unless the options forbid it.
pub fn image(edition: &str, up_to: LayerName, options: &BuildOptions) -> Result<Image> {
    build(
        edition,
        up_to,
        options,
        Standing::AsLocked,
        assembler::assemble,
    )
    .map(|built| built.image)
}

/// What layers are put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The image below, if the lock has one.
    AsLocked,
    /// Nothing: all of the edition's own parts are built.
    Alone,
}

/// How layers become an image.
type Assemble = fn(&Context, Meta, &[Box<dyn Layer>]) -> assembler::Result<Image>;

/// The same by `assemble`, with what it was made from and with.
pub fn build(
    edition: &str,
    up_to: LayerName,
    options: &BuildOptions,
    standing: Standing,
    assemble: Assemble,
) -> Result<Built> {
    let path = place::edition(edition, "lock")?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let timings = Arc::new(Timings::new(Arc::new(Bars::new())));
    let mut round = 0;
    loop {
        let lock = Lock::read(&path)?;
        let cx = context(options, &lock, folder, timings.clone())?;
        let mut meta = Meta::from_lock(&lock)?;
        if up_to != LayerName::Runtime {
            meta = meta.up_to(up_to)?;
        }
        if standing == Standing::AsLocked {
            meta = meta.on(below(&cx, &lock, folder)?);
        }
        let layers = assembler::layers(&lock, up_to)?;
        let error = match assemble(&cx, meta, &layers) {
            Err(error) if cx.fetcher.found_absent() && round < ROUNDS => error,
            other => {
                let image = other?;
                if let Some(path) = &options.timings {
                    timings.write(path)?;
                }
                return Ok(Built { cx, lock, image });
            }
        };
        round += 1;
        let gone = vanished::find(&cx, &lock)?;
        if gone.is_empty() {
            return Err(error.into());
        }
        vanished::renew(&cx, &path, &gone, options.locked)
            .map_err(|more| anyhow!("{error}\n{more}"))?;
    }
}
