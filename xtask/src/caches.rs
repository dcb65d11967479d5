//! The caches that a command line names: asked for parts by `--cache-from`, filled by `--cache-to`.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use assembler::Image;
use indicatif::HumanBytes;
use layer::{Part, PartCache, PartOrigin};
use registry::Repository;
use remote_cache::{Cache, Put, Secret};
use store::{Key, Progress, at_once};

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
    #[arg(long, value_name = "REPOSITORY", value_parser = crate::options::repository)]
    pub cache_from: Vec<Repository>,
    /// Put the image's parts into this repository of a registry, for others. May be given several times.
    #[arg(long, value_name = "REPOSITORY", value_parser = crate::options::repository)]
    pub cache_to: Vec<Repository>,
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
        let from: Vec<Arc<Cache>> = options.cache_from.iter().map(cache).collect();
        // One that is asked and filled is one: what it was found to have wrong is put right.
        let to = options.cache_to.iter().map(|to| {
            let asked = from.iter().find(|cache| cache.repository() == to);
            asked.cloned().unwrap_or_else(|| cache(to))
        });
        Ok(Self {
            to: to.collect(),
            from,
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

fn fill(cache: &Cache, built: &Built, mount_from: &[Repository]) -> Result<(usize, u64, usize)> {
    let mut recipes: BTreeMap<Key, Vec<&Part>> = BTreeMap::new();
    for part in built.image.parts() {
        recipes.entry(part.key).or_default().push(part);
    }
    let recipes: Vec<Vec<&Part>> = recipes.into_values().collect();
    let put = at_once(AT_ONCE, &recipes, |parts| {
        cache.put(&built.cx.store, parts, mount_from)
    })?;
    let (mut added, mut sum, mut known) = (0, 0, 0);
    for put in put {
        match put {
            Put::Added { bytes } => {
                added += 1;
                sum += bytes;
            }
            Put::Known => known += 1,
        }
    }
    if assembler::is_owned(&built.cx, &built.image)? {
        cache.put_owned(&built.image.owned_key())?;
    }
    Ok((added, sum, known))
}
