//! Parts that other machines have made: asked for by recipe key, taken by what their records say, and
//! brought into the store only where somebody wants their bytes.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    fs::File,
    io::{Read, Seek},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use store::{Key, Progress, ProgressTask, Store, TakeBlob, TaskKind, at_once};

use crate::{
    BoxError, Context, Error, Part, PartOrigin, Rank, Result, index,
    parts::{self, part_name},
    plan::Keys,
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
    /// The store has it by now, verified.
    brought: Arc<AtomicBool>,
}

impl Elsewhere {
    /// The place.
    pub fn cache(&self) -> &Arc<dyn PartCache> {
        &self.cache
    }
}

impl Part {
    /// Its blob as a file: that of the store, or one without a name into which it was brought, verified as by
    /// [`bring`] and gone when it is closed.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Elsewhere`].
    pub fn file(&self) -> Result<File> {
        match &self.elsewhere {
            Some(elsewhere) if !self.is_here() => elsewhere.fetched(self),
            _ => File::open(&self.path).map_err(|source| Error::Io {
                path: self.path.clone(),
                source,
            }),
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
    /// What is wrong with a part of this place.
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
        if self.brought.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !self.store.has_blob(&part.digest, part.size) {
            self.take(part, Store::take_blob)?;
        }
        let file = File::open(&part.path).map_err(|source| Error::Io {
            path: part.path.clone(),
            source,
        })?;
        self.check_tar(part, file)?;
        self.index(part)?;
        self.brought.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The blob in a file without a name, its beginning to be read next.
    fn fetched(&self, part: &Part) -> Result<File> {
        let mut file = self.take(part, Store::take_unnamed)?;
        let io = |source| Error::Io {
            path: self.store.root().to_owned(),
            source,
        };
        self.check_tar(part, file.try_clone().map_err(io)?)?;
        file.rewind().map_err(io)?;
        Ok(file)
    }

    /// Brings the blob to where `take` puts it.
    fn take<T>(&self, part: &Part, take: TakeBlob<T>) -> Result<T> {
        let (progress, name) = (self.progress.clone(), part.name.clone());
        let task = ProgressTask::start(progress, TaskKind::Fetch, name, Some(part.size));
        let blob = self.cache.blob(part);
        let mut blob = blob.map_err(|source| self.error(part, source))?;
        let advance = |bytes| task.advance(bytes);
        let taken = take(&self.store, (&part.digest, part.size), &mut blob, &advance);
        let taken = taken.map_err(|error| match error {
            error @ (store::Error::BlobUnread { .. } | store::Error::OtherBlob { .. }) => {
                self.error(part, error.into())
            }
            error => error.into(),
        })?;
        task.done();
        Ok(taken)
    }

    /// Holds the tar in a blob against the record.
    fn check_tar(&self, part: &Part, blob: File) -> Result<()> {
        let failed = |source: BoxError| self.error(part, source);
        let tar = part.compression.decoder(blob);
        // One byte more than there should be: what is larger is another tar, however large.
        let mut tar = tar
            .map_err(|error| failed(error.into()))?
            .take(part.diff_size.saturating_add(1));
        let tar = store::sha256(&mut tar).map_err(|error| failed(error.into()))?;
        if tar == (part.diff_size, part.diff_id) {
            return Ok(());
        }
        let problem = format!(
            "it says that the tar inside has diff-id {} and {} bytes, and it has {} and {}{}",
            part.diff_id.to_oci(),
            part.diff_size,
            tar.1.to_oci(),
            tar.0,
            if tar.0 > part.diff_size {
                " or more"
            } else {
                ""
            }
        );
        Err(failed(problem.into()))
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
    let found = at_once(AT_ONCE, wanted, |one| {
        Ok::<_, Infallible>(cx.caches.iter().find_map(|cache| {
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
                    brought: Arc::default(),
                });
                part.cached = Some(cache.name());
            }
            Some(parts)
        }))
    });
    match found {
        Ok(found) => found,
        Err(never) => match never {},
    }
}

/// Brings the parts that are elsewhere into the store, several at once, each verified: its blob against the
/// digest, the tar inside against the diff-id. Afterwards the store knows them by their recipe keys: so `parts`
/// has whole plans.
///
/// # Errors
/// [`Error::Elsewhere`] with the key of the part; [`Error::Store`]. What was brought stays.
pub fn bring(parts: &[&Part]) -> Result<()> {
    let missing: Vec<(&Part, &Elsewhere)> = parts
        .iter()
        .filter_map(|part| part.elsewhere.as_ref().map(|elsewhere| (*part, elsewhere)))
        .filter(|(_, elsewhere)| !elsewhere.brought.load(Ordering::Relaxed))
        .collect();
    let Some((_, first)) = missing.first() else {
        return Ok(());
    };
    let lacking = missing.iter().filter(|(part, _)| !part.is_here());
    let sizes = lacking.map(|(part, _)| part.size);
    let bytes = sizes.fold(0, u64::saturating_add);
    first.store.require_space(bytes, "what is in the cache")?;
    at_once(AT_ONCE, &missing, |(part, elsewhere)| elsewhere.bring(part))?;
    // A record has all parts of its plan, those that were brought before among them.
    let mut plans: BTreeMap<Key, Vec<Part>> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.elsewhere.is_some()) {
        plans.entry(part.key).or_default().push((*part).clone());
    }
    for (key, parts) in plans {
        first.store.put_result(parts::KIND, &key, &parts)?;
    }
    Ok(())
}
