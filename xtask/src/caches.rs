//! The caches that a command line names: asked for parts by `--cache-from`, filled by `--cache-to`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::Result;
use assembler::Image;
use indicatif::HumanBytes;
use layer::{Part, PartCache, PartOrigin};
use registry::Repository;
use remote_cache::{Cache, Put, Secret};
use store::{Key, Progress};

use crate::{
    build::Built,
    registries::{Registries, RegistryOptions},
    table,
};

/// How many entries are put into a cache at once.
const AT_ONCE: usize = 4;

/// Which caches.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CacheOptions {
    /// Take parts that the store lacks from this repository of a registry, by their recipe keys. May be
    /// given several times; they are asked in order. With STRATA_CACHE_SECRET, what was not put there with the
    /// same secret is not taken.
    #[arg(long, value_name = "REPOSITORY", value_parser = repository)]
    pub cache_from: Vec<Repository>,
    /// Put the image's parts into this repository of a registry, for others. May be given several times.
    #[arg(long, value_name = "REPOSITORY", value_parser = repository)]
    pub cache_to: Vec<Repository>,
}

fn repository(text: &str) -> Result<Repository, String> {
    text.parse()
        .map_err(|error: registry::Error| error.to_string())
}

/// The caches of a command.
pub struct Caches {
    from: Vec<Arc<Cache>>,
    to: Vec<Arc<Cache>>,
    progress: Arc<dyn Progress>,
    pub registries: Registries,
}

impl Caches {
    /// The caches that the options name, and the clients for them and for `target`, where an image is to
    /// be pushed. A login that is given is for the target's registry, else for the first cache's.
    pub fn new(
        options: &CacheOptions,
        registry: &RegistryOptions,
        target: Option<&Repository>,
        progress: Arc<dyn Progress>,
    ) -> Result<Self> {
        let named: Vec<&Repository> = match target {
            Some(target) => vec![target],
            None => options.cache_from.iter().chain(&options.cache_to).collect(),
        };
        let registries = Registries::new(registry, &named, progress.clone())?;
        let secret = Secret::from_env();
        let cache = |repository: &Repository| {
            Arc::new(Cache::new(
                registries.client(repository),
                repository.clone(),
                secret.clone(),
                progress.clone(),
            ))
        };
        Ok(Self {
            from: options.cache_from.iter().map(cache).collect(),
            to: options.cache_to.iter().map(cache).collect(),
            progress,
            registries,
        })
    }

    /// Those that are asked.
    pub fn asked(&self) -> impl Iterator<Item = Arc<dyn PartCache>> {
        self.from
            .iter()
            .map(|cache| cache.clone() as Arc<dyn PartCache>)
    }

    /// All of them: a registry mounts blobs from there.
    pub fn repositories(&self) -> Vec<Repository> {
        let all = self.from.iter().chain(&self.to);
        all.map(|cache| cache.repository().clone()).collect()
    }

    /// What the cache of this name says under this key is not believed any more.
    pub fn distrust(&self, name: &str, key: &Key) {
        for cache in self.from.iter().filter(|cache| cache.name() == name) {
            cache.distrust(key);
        }
    }

    /// Puts the image's parts into the caches that are to be filled. One that cannot be is a warning: the
    /// image is there all the same.
    pub fn fill(&self, built: &Built, mount_from: &[Repository]) {
        for cache in &self.to {
            match fill(cache, built, mount_from) {
                Ok((added, bytes, known)) => eprintln!(
                    "cache {}: {added} entries added ({} uploaded), {known} there before",
                    cache.repository(),
                    HumanBytes(bytes)
                ),
                Err(error) => self.progress.warn(&format!(
                    "the cache {} was not filled: {error}",
                    cache.repository()
                )),
            }
        }
    }

    /// The image as JSON, with how many bytes of bodies went to registries and came from them.
    pub fn json(&self, image: &Image) -> Result<serde_json::Value> {
        let mut value: serde_json::Value = serde_json::from_str(&table::json(image)?)?;
        let (sent, received) = self.registries.moved();
        value["moved"] = serde_json::json!({ "sent": sent, "received": received });
        Ok(value)
    }

    /// How much came from caches, for people.
    pub fn tell(&self, built: &Built) {
        if self.from.is_empty() {
            return;
        }
        let parts: Vec<&Part> = built.image.parts().collect();
        let is_cached = |part: &&&Part| matches!(part.origin, PartOrigin::Cached(_));
        eprintln!(
            "{} of {} parts come from the cache; {} received",
            parts.iter().filter(is_cached).count(),
            parts.len(),
            HumanBytes(self.registries.moved().1)
        );
    }
}

fn fill(
    cache: &Cache,
    built: &Built,
    mount_from: &[Repository],
) -> remote_cache::Result<(usize, u64, usize)> {
    let mut recipes: BTreeMap<Key, Vec<&Part>> = BTreeMap::new();
    for part in built.image.parts() {
        recipes.entry(part.key).or_default().push(part);
    }
    let recipes: Vec<Vec<&Part>> = recipes.into_values().collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Ok((0, 0, 0)));
    let failed = || done.lock().unwrap_or_else(PoisonError::into_inner).is_err();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(parts) = recipes.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if failed() {
                        return;
                    }
                    let put = cache.put(&built.cx.store, parts, mount_from);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    match (&mut *done, put) {
                        (Ok((added, sum, _)), Ok(Put::Added { bytes })) => {
                            *added += 1;
                            *sum += bytes;
                        }
                        (Ok((.., known)), Ok(Put::Known)) => *known += 1,
                        (Ok(_), Err(error)) => *done = Err(error),
                        (Err(_), _) => {}
                    }
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    if built.is_owned {
        cache.put_owned(&built.image.owned_key())?;
    }
    Ok(done)
}
