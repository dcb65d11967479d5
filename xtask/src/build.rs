//! What every verb begins with: the lock, the context, the image.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use anyhow::{Result, anyhow, bail};
use assembler::{Image, Meta};
use layer::{Compression, Context, Layer};
use lock::{LayerName, Lock};
use oci_image::{Access, Below, Client};
use registry::Repository;
use store::{Fetcher, Key, Places, Progress, Silent};

use crate::{
    caches::Caches,
    options::{BuildOptions, Codec},
    place,
    progress::Bars,
    registries,
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

/// The same for whoever only looks: nothing is shown of it.
pub fn quiet_context(options: &BuildOptions, lock: &Lock, folder: &Path) -> Result<Context> {
    context(options, lock, folder, Arc::new(Silent))
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
    below_by(cx, lock, folder, |_| Client::new(Default::default()))
}

/// The same, asking its registry by a client of the caller's.
pub fn below_by(
    cx: &Context,
    lock: &Lock,
    folder: &Path,
    client: impl Fn(&Repository) -> Client,
) -> Result<Option<Arc<Below>>> {
    let Some(from) = &lock.from else {
        return Ok(None);
    };
    let client = match registries::repository(&from.image) {
        Some(repository) => client(&repository),
        // A file: nobody is asked.
        None => Client::new(Default::default()),
    };
    let access = Access {
        store: cx.store.clone(),
        folder: folder.to_owned(),
        progress: cx.progress.clone(),
        offline: cx.fetcher.offline(),
        client,
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
/// lock is renewed as far as that needs, unless the options forbid it. The image's blobs are in the store.
pub fn image(edition: &str, up_to: LayerName, options: &BuildOptions) -> Result<Image> {
    let caches = caches(options, None)?;
    let (built, ()) = then(edition, up_to, options, &caches, |built| {
        Ok(built.image.bring()?)
    })?;
    caches.tell(&built);
    caches.fill(&built, &[]);
    Ok(built.image)
}

/// The caches that the options name, and the clients for them and for where an image is to be pushed.
pub fn caches(options: &BuildOptions, target: Option<&Repository>) -> Result<Caches> {
    let wants = !options.cache.cache_from.is_empty() || !options.cache.cache_to.is_empty();
    if options.offline && wants {
        bail!("--offline asks nobody, and a cache is in a registry: leave one of the two out");
    }
    let progress = Arc::new(Bars::new());
    Caches::new(&options.cache, &options.registry, target, progress)
}

/// Builds as [`image`] does, and goes on with `work`. Where a part of a cache turns out to be wrong on the
/// way, in either, it is told, and taken from another cache or made here.
pub fn then<T>(
    edition: &str,
    up_to: LayerName,
    options: &BuildOptions,
    caches: &Caches,
    work: impl Fn(&Built) -> Result<T>,
) -> Result<(Built, T)> {
    let timings = Arc::new(Timings::new(Arc::new(Bars::new())));
    let standing = Standing::AsLocked;
    let mut distrusted = BTreeSet::new();
    loop {
        let assemble = assembler::assemble;
        let built = build_with(
            (edition, up_to),
            options,
            standing,
            assemble,
            Some(caches),
            &timings,
        );
        let done = built.and_then(|built| work(&built).map(|done| (built, done)));
        let error = match done {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        match poisoned(&error) {
            Some((cache, key)) if distrusted.insert((cache.clone(), key)) => {
                let text = error.to_string();
                let what = text.lines().next().unwrap_or_default();
                timings.warn(&format!("{what}; it is not taken"));
                caches.distrust(&cache, &key);
            }
            _ => return Err(error),
        }
    }
}

/// The cache, and the recipe key of its part, that an error is about.
fn poisoned(error: &anyhow::Error) -> Option<(String, Key)> {
    let inner = match error.downcast_ref::<assembler::Error>()? {
        assembler::Error::Part(inner) => inner,
        assembler::Error::Layer { source, .. } => source,
        _ => return None,
    };
    match inner {
        layer::Error::Elsewhere { cache, key, .. } => Some((cache.clone(), *key)),
        _ => None,
    }
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

/// Builds by `assemble`, without caches.
pub fn build(
    edition: &str,
    up_to: LayerName,
    options: &BuildOptions,
    standing: Standing,
    assemble: Assemble,
) -> Result<Built> {
    let timings = Arc::new(Timings::new(Arc::new(Bars::new())));
    build_with(
        (edition, up_to),
        options,
        standing,
        assemble,
        None,
        &timings,
    )
}

fn build_with(
    (edition, up_to): (&str, LayerName),
    options: &BuildOptions,
    standing: Standing,
    assemble: Assemble,
    caches: Option<&Caches>,
    timings: &Arc<Timings>,
) -> Result<Built> {
    let path = place::edition(edition, "lock")?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut round = 0;
    loop {
        let lock = Lock::read(&path)?;
        let cx = context(options, &lock, folder, timings.clone())?;
        let cx = cx.with_caches(caches.iter().flat_map(|caches| caches.asked()));
        let mut meta = Meta::from_lock(&lock)?;
        if up_to != LayerName::Runtime {
            meta = meta.up_to(up_to)?;
        }
        if standing == Standing::AsLocked {
            let below = match caches {
                Some(caches) => {
                    let client = |at: &Repository| caches.registries.client(at);
                    below_by(&cx, &lock, folder, client)?
                }
                None => below(&cx, &lock, folder)?,
            };
            meta = meta.on(below);
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
