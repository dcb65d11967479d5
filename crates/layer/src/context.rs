//! Where and how layers are built: the store, the thread pool, the compression, the progress.

use std::{any::Any, collections::BTreeSet, sync::Arc};

use store::{Fetcher, Key, Progress, Store};

use crate::{
    Compression, Error, PartCache, Result, buffers::Pools, room::Room, shared::Shared, slots::Slots,
};

/// Everything that a build needs and that is not part of its recipe, except for the compression,
/// which is part of every part's recipe key.
///
/// All layers of a build share one context. The pool is the context's own: a build may be started
/// from any thread, one of rayon's global pool included.
#[derive(Debug, Clone)]
pub struct Context {
    // First, and so dropped first: programs among them run in folders of the store.
    shared: Shared,
    /// Downloads, blobs and results.
    pub store: Store,
    /// How artifacts come into the store.
    pub fetcher: Fetcher,
    /// How parts are compressed.
    pub compression: Compression,
    /// Who hears of progress and warnings.
    pub progress: Arc<dyn Progress>,
    below: Arc<BTreeSet<Key>>,
    pub(crate) caches: Arc<[Arc<dyn PartCache>]>,
    pub(crate) pool: Arc<rayon::ThreadPool>,
    pub(crate) slots: Arc<Slots>,
    /// Frames of all parts that are being made or wait to be written.
    pub(crate) frames: Arc<Slots>,
    pub(crate) room: Room,
    pub(crate) buffers: Pools,
}

impl Context {
    /// A context with the default compression and a pool as large as
    /// `RAYON_NUM_THREADS` or the machine says.
    ///
    /// # Errors
    /// [`Error::Worker`] when the system gives no threads.
    pub fn new(store: Store, fetcher: Fetcher) -> Result<Self> {
        Self::with_threads(store, fetcher, 0)
    }

    /// The same with a pool of `threads`; 0 is what [`Context::new`] takes. What comes out does not
    /// depend on it.
    ///
    /// # Errors
    /// As [`Context::new`].
    pub fn with_threads(store: Store, fetcher: Fetcher, threads: usize) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("strata-{index}"))
            .build()
            .map_err(|error| Error::Worker(format!("starting the thread pool: {error}")))?;
        let threads = pool.current_num_threads();
        let parts = at_once(threads);
        // One is being filled for each part, and one compressed by each thread; frames are compressed or written.
        let chunks = threads + parts;
        let progress = fetcher.progress().clone();
        let compression = Compression::default();
        Ok(Self {
            store,
            fetcher,
            compression,
            progress,
            below: Arc::default(),
            caches: Arc::default(),
            pool: Arc::new(pool),
            slots: Slots::new(parts),
            frames: Slots::new(chunks),
            room: Room::default(),
            buffers: Pools::new(chunks),
            shared: Shared::default(),
        })
    }

    /// The context that `layer_*::build()` uses: the default store (`STRATA_STORE`, else the
    /// user's cache folder) and the machine's places to fetch from.
    ///
    /// # Errors
    /// A store that cannot be opened; settings that cannot be read.
    pub fn from_env() -> Result<Self> {
        let store = Store::open_default()?;
        Self::new(store, Fetcher::from_env()?)
    }

    /// The same context, to be stopped without stopping this one.
    #[must_use]
    pub fn stoppable(&self) -> Self {
        Self {
            fetcher: self.fetcher.stoppable(),
            ..self.clone()
        }
    }

    /// The same context for layers that stand on an image which has the parts of plans with these keys
    /// ([`crate::Plan::tars`]): they are not made again.
    #[must_use]
    pub fn standing_on(&self, tars: BTreeSet<Key>) -> Self {
        Self {
            below: Arc::new(tars),
            ..self.clone()
        }
    }

    /// The same context with places to ask, in this order, for parts that the store lacks.
    #[must_use]
    pub fn with_caches(self, caches: impl IntoIterator<Item = Arc<dyn PartCache>>) -> Self {
        Self {
            caches: caches.into_iter().collect(),
            ..self
        }
    }

    /// The places that are asked for parts that the store lacks.
    pub fn caches(&self) -> &[Arc<dyn PartCache>] {
        &self.caches
    }

    /// Whether the image below has the parts of a plan with this key.
    pub fn is_below(&self, tars: &Key) -> bool {
        self.below.contains(tars)
    }

    /// Ends downloads that are under way and starts no more parts: something has failed. Whether it
    /// is the first thing to fail.
    pub fn stop(&self) -> bool {
        self.fetcher.stop()
    }

    /// How many threads compress and unpack at once. Debian packages that are read ahead have up to as many beside
    /// these, less one.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// How many parts of a layer are made at a time.
    pub(crate) fn parts_at_once(&self) -> usize {
        at_once(self.threads())
    }

    /// Runs `work` inside the context's thread pool, so that rayon's parallel iterators use it.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }

    /// A value that all layers of this context use together, such as a pool of running programs: the one of
    /// this type and key, or what `make` gives. It lives as long as the context. Two may get here at once;
    /// then one of the values is dropped unused.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn shared<T: Any + Send + Sync, E>(
        &self,
        key: Key,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        match self.shared.get(key) {
            Some(value) => Ok(value),
            None => make().map(|value| self.shared.keep(key, value)),
        }
    }

    /// Lets go of what layers share, values ([`Context::shared`]) and buffers: all layers are made.
    pub fn release(&self) {
        self.shared.clear();
        self.buffers.release();
    }
}

/// How many parts are made at a time by so many threads.
fn at_once(threads: usize) -> usize {
    threads.min(8)
}
