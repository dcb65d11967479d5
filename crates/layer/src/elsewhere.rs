//! Parts that other machines have made: asked for by recipe key, taken by what their records say, and
//! brought into the store only where somebody wants their bytes.

use std::{
    collections::BTreeMap,
    fmt,
    io::{Read, Seek, SeekFrom},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use store::{Key, Progress, ProgressTask, Store, TaskKind};

use crate::{
    BoxError, Context, Error, Part, PartOrigin, Rank, Result, index,
    parts::{self, Keys, part_name},
};

/// How many parts are asked for, or brought in, at once.
const AT_ONCE: usize = 8;

/// A place outside of this machine that keeps parts by recipe key. The user has named it: what it says of a
/// key is believed as far as it can be checked. It tells the user itself of what it does not believe.
pub trait PartCache: fmt::Debug + Send + Sync {
    /// What people call it.
    fn name(&self) -> String;

    /// The parts that stand under a recipe key, with all their blobs there. `None` where there are none, or
    /// none to be believed.
    fn parts(&self, key: &Key) -> Option<Vec<Part>>;

    /// Whether the parts that this key stands for were found not to hide each other's files.
    fn is_owned(&self, key: &Key) -> bool;

    /// The blob of a part, verified against its digest at its end.
    ///
    /// # Errors
    /// A blob that is not there, or is another; a place that does not answer.
    fn blob(&self, part: &Part) -> Result<Box<dyn Read + Send>, BoxError>;

    /// The packed index of a part, as [`crate::packed_index`] gives it.
    ///
    /// # Errors
    /// As of [`PartCache::blob`].
    fn index(&self, part: &Part) -> Result<Vec<u8>, BoxError>;

    /// What it says under this key was wrong: it is not to be asked for it again.
    fn distrust(&self, key: &Key);
}

/// Where a part is that the store lacks.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    cache: Arc<dyn PartCache>,
    store: Store,
    progress: Arc<dyn Progress>,
}

impl Elsewhere {
    /// The place.
    pub fn cache(&self) -> &Arc<dyn PartCache> {
        &self.cache
    }
}

impl Part {
    /// Its blob: out of the store, or from where it is.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Elsewhere`]. What comes from elsewhere is verified at its end.
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        match &self.elsewhere {
            Some(elsewhere) if !self.is_here() => elsewhere
                .cache
                .blob(self)
                .map_err(|source| elsewhere.error(self, source)),
            _ => match std::fs::File::open(&self.path) {
                Ok(file) => Ok(Box::new(file)),
                Err(source) => Err(Error::Io {
                    path: self.path.clone(),
                    source,
                }),
            },
        }
    }

    /// The same from a byte on.
    ///
    /// # Errors
    /// As of [`Part::open`].
    pub fn open_at(&self, offset: u64) -> Result<Box<dyn Read + Send>> {
        let io = |source| Error::Io {
            path: self.path.clone(),
            source,
        };
        if self.is_here() {
            let mut file = std::fs::File::open(&self.path).map_err(io)?;
            file.seek(SeekFrom::Start(offset)).map_err(io)?;
            return Ok(Box::new(file));
        }
        // From its beginning: only a whole blob can be verified.
        let mut blob = self.open()?;
        let skipped = std::io::copy(&mut (&mut blob).take(offset), &mut std::io::sink());
        match skipped {
            Ok(_) => Ok(blob),
            Err(source) => Err(io(source)),
        }
    }

    /// Whether the store has its blob.
    pub fn is_here(&self) -> bool {
        match &self.elsewhere {
            None => true,
            Some(elsewhere) => elsewhere.store.has_blob(&self.digest, self.size),
        }
    }
}

impl Elsewhere {
    /// What is wrong with a part that is here.
    pub fn error(&self, part: &Part, source: BoxError) -> Error {
        Error::Elsewhere {
            part: part.name.clone(),
            cache: self.cache.name(),
            key: part.key,
            source,
        }
    }

    /// Brings a part's blob into the store and holds the tar inside against the record, then its index.
    fn bring(&self, part: &Part) -> Result<()> {
        let failed = |source: BoxError| self.error(part, source);
        if !self.store.has_blob(&part.digest, part.size) {
            let progress = self.progress.clone();
            let name = part.name.clone();
            let task = ProgressTask::start(progress, TaskKind::Fetch, name, Some(part.size));
            let mut blob = self.cache.blob(part).map_err(failed)?;
            let advance = |bytes| task.advance(bytes);
            let taken = self
                .store
                .take_blob((&part.digest, part.size), &mut blob, &advance);
            taken.map_err(|error| match error {
                error @ (store::Error::BlobUnread { .. } | store::Error::OtherBlob { .. }) => {
                    failed(error.into())
                }
                error => error.into(),
            })?;
            task.done();
        }
        let io = |source| Error::Io {
            path: part.path.clone(),
            source,
        };
        let file = std::fs::File::open(&part.path).map_err(io)?;
        let mut tar = part.compression.decoder(file).map_err(io)?;
        let tar = store::sha256(&mut tar).map_err(|error| failed(error.into()))?;
        if tar != (part.diff_size, part.diff_id) {
            let problem = format!(
                "it says that the tar inside has diff-id {} and {} bytes, and it has {} and {}",
                part.diff_id.to_oci(),
                part.diff_size,
                tar.1.to_oci(),
                tar.0
            );
            return Err(failed(problem.into()));
        }
        self.index(part)
    }

    /// Brings a part's index into the store.
    pub(crate) fn index(&self, part: &Part) -> Result<()> {
        if index::exists(&self.store, &part.tars, &part.diff_id) {
            return Ok(());
        }
        let failed = |source: BoxError| self.error(part, source);
        let packed = self.cache.index(part).map_err(failed)?;
        index::parse(packed.as_slice()).map_err(|error| failed(error.into()))?;
        index::put(&self.store, part, &packed)
    }
}

/// What is asked for: the key, and the plan that it stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'p> {
    pub(crate) keys: Keys,
    pub(crate) name: &'p str,
    pub(crate) rank: Rank,
}

impl Wanted<'_> {
    /// Whether parts can be this plan's: a record that says of itself to be another's is not taken.
    fn fits(&self, cx: &Context, parts: &[Part]) -> bool {
        let several = parts.len();
        several > 0
            && parts.iter().enumerate().all(|(at, part)| {
                part.name == part_name(self.name, at, several)
                    && part.rank == self.rank
                    && part.compression == cx.compression
            })
    }
}

/// Asks the context's caches, in their order, for several plans' parts at once; gives what was found, in
/// the order of the plans.
pub(crate) fn ask(cx: &Context, wanted: &[Wanted<'_>]) -> Vec<Option<Vec<Part>>> {
    // Whoever makes everything anew does not want it from others.
    if cx.caches.is_empty() || cx.store.is_anew() {
        return vec![None; wanted.len()];
    }
    at_once(wanted, |one| {
        cx.caches.iter().find_map(|cache| {
            let mut parts = cache.parts(&one.keys.parts)?;
            if !one.fits(cx, &parts) {
                cx.progress.warn(&format!(
                    "{}: what stands under the recipe key of {:?} is another part's; it is not taken",
                    cache.name(),
                    one.name
                ));
                return None;
            }
            for part in &mut parts {
                (part.key, part.tars) = (one.keys.parts, one.keys.tars);
                part.path = cx.store.blob_path(&part.digest);
                part.origin = PartOrigin::Cached(cache.name());
                part.elsewhere = Some(Elsewhere {
                    cache: cache.clone(),
                    store: cx.store.clone(),
                    progress: cx.progress.clone(),
                });
            }
            Some(parts)
        })
    })
}

/// Brings the parts that are elsewhere into the store, several at once, each verified: its blob against the
/// digest, the tar inside against the diff-id. Afterwards the store knows them by their recipe keys.
///
/// # Errors
/// [`Error::Elsewhere`] with the key of the part; [`Error::Store`]. What was brought stays.
pub fn bring(parts: &[&Part]) -> Result<()> {
    let missing: Vec<(&Part, &Elsewhere)> = parts
        .iter()
        .filter_map(|part| part.elsewhere.as_ref().map(|elsewhere| (*part, elsewhere)))
        .collect();
    let Some((_, first)) = missing.first() else {
        return Ok(());
    };
    let lacking = missing.iter().filter(|(part, _)| !part.is_here());
    let bytes = lacking.map(|(part, _)| part.size).sum();
    first.store.require_space(bytes, "what is in the cache")?;
    let stop = AtomicBool::new(false);
    let results = at_once(&missing, |(part, elsewhere)| {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let brought = elsewhere.bring(part);
        stop.fetch_or(brought.is_err(), Ordering::Relaxed);
        brought
    });
    results.into_iter().collect::<Result<()>>()?;
    let mut plans: BTreeMap<Key, Vec<Part>> = BTreeMap::new();
    for (part, _) in &missing {
        plans.entry(part.key).or_default().push((*part).clone());
    }
    for (key, parts) in plans {
        first.store.put_result(parts::KIND, &key, &parts)?;
    }
    Ok(())
}

/// Does `work` for all of `items` on several threads; gives what it gave, in their order.
fn at_once<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..items.len().min(AT_ONCE) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    let result = work(item);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.insert(at, result);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_values().collect()
}
