//! How artifacts come into the store: verified once, fetched at most once at a time, from the
//! places that `places` knows. One file for each step: `source` finds addresses, `attempt` asks
//! one of them, `partial` holds what has come so far. What has no digest yet is `read`'s.

mod absent;
mod attempt;
mod client;
mod fresh;
mod html;
mod index;
mod names;
mod partial;
mod read;
mod seen;
mod source;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lock::{Artifact, Origin};

use crate::{
    Error, Places, Progress, ProgressTask, Result, Silent, Store, TaskKind, Tried, at_once,
    error::io_at, store::is_file_of_size,
};
use attempt::Failure;
use client::Client;
pub use client::agent;
pub use fresh::Fresh;
use index::Pages;
pub use index::ProjectFile;
use partial::Partial;

/// Tells a download whether it should end.
type Stop<'s> = &'s (dyn Fn() -> bool + Sync);

/// How many artifacts [`Fetcher::fetch_all`] fetches at a time.
const AT_ONCE: usize = 8;

/// How artifacts come into the store. Cheap to clone; clones share connections and index pages.
#[derive(Clone)]
pub struct Fetcher {
    inner: Arc<Inner>,
    stop: Arc<AtomicBool>,
}

struct Inner {
    places: Places,
    progress: Arc<dyn Progress>,
    offline: bool,
    client: Client,
    pages: Pages,
    patience: Patience,
    /// Whether something was asked for that no place has.
    found_absent: AtomicBool,
}

/// How often a place that may answer better later is asked.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// How many times all places are asked, and how many times one resumes in each.
    tries: u32,
    /// The wait before the second time; it doubles after that.
    wait: Duration,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("places", &self.inner.places)
            .field("progress", &self.inner.progress)
            .field("offline", &self.inner.offline)
            .field("patience", &self.inner.patience)
            .finish_non_exhaustive()
    }
}

impl Fetcher {
    /// A fetcher for this machine's places, online, that tells nobody of its progress.
    ///
    /// # Errors
    /// As [`Places::from_env`].
    pub fn from_env() -> Result<Self> {
        Ok(Self::new(Places::from_env()?, Arc::new(Silent), false))
    }

    /// A fetcher for `places`. If it is `offline`, it only takes what is in the store.
    pub fn new(places: Places, progress: Arc<dyn Progress>, offline: bool) -> Self {
        let patience = Patience {
            tries: 4,
            wait: Duration::from_millis(500),
        };
        let (client, pages) = (Client::new(), Pages::default());
        Self::of(Inner {
            places,
            progress,
            offline,
            client,
            pages,
            patience,
            found_absent: AtomicBool::default(),
        })
    }

    /// The same places, asked up to `tries` times as long as none of them gives a final answer,
    /// with a pause of `wait` before the second time that doubles after that.
    pub fn with_patience(&self, tries: u32, wait: Duration) -> Self {
        Self::of(Inner {
            places: self.inner.places.clone(),
            progress: self.inner.progress.clone(),
            offline: self.inner.offline,
            client: self.inner.client.clone(),
            pages: Pages::default(),
            patience: Patience {
                tries: tries.max(1),
                wait,
            },
            found_absent: AtomicBool::default(),
        })
    }

    fn of(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
            stop: Arc::default(),
        }
    }

    /// The same fetcher, to be stopped without stopping this one.
    #[must_use]
    pub fn stoppable(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            stop: Arc::default(),
        }
    }

    /// Ends the downloads of this fetcher and of its clones with [`Error::Stopped`]; what has come
    /// stays for the next time. Whether this was the first to say so.
    pub fn stop(&self) -> bool {
        !self.stop.swap(true, Ordering::Relaxed)
    }

    /// Whether it was stopped.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Who hears of progress.
    pub fn progress(&self) -> &Arc<dyn Progress> {
        &self.inner.progress
    }

    /// Whether only the store may be used.
    pub fn offline(&self) -> bool {
        self.inner.offline
    }

    /// The places that are asked.
    pub fn places(&self) -> &Places {
        &self.inner.places
    }

    /// The artifact as a file in the store, of the right size and sha256. It is hashed once in a
    /// process and store, whoever asks; two that ask at a time, in any process, fetch it once.
    ///
    /// # Errors
    /// - [`Error::Damaged`]: the file in the store was not the artifact; it has been removed.
    /// - [`Error::Offline`]: it is not in the store.
    /// - [`Error::Fetch`], [`Error::NoPythonIndex`]: no place has it.
    /// - [`Error::DiskFull`], [`Error::Io`]: the store cannot be written.
    pub fn fetch(&self, store: &Store, artifact: &Artifact) -> Result<PathBuf> {
        let slot = store.verified(&artifact.sha256);
        let mut verified = slot.lock().unwrap_or_else(PoisonError::into_inner);
        self.bring(&mut verified, store, artifact, &|| self.stopped())
    }

    /// Brings those of `artifacts` that are not in the store into it, eight at a time, biggest
    /// first. Those that are there are not looked into: [`Fetcher::fetch`] verifies them.
    ///
    /// # Errors
    /// The first error that [`Fetcher::fetch`] gives; the other downloads are stopped then.
    /// [`Error::Space`] when the disk has no room for all of them.
    pub fn fetch_all(&self, store: &Store, artifacts: &[Artifact]) -> Result<()> {
        let over = AtomicBool::new(false);
        let failed = Mutex::new(None);
        let stopped = || over.load(Ordering::Relaxed) || self.stopped();
        self.fetch_several(AT_ONCE, store, artifacts, &stopped, &|error| {
            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that stop because of the first come later.
            failed.get_or_insert(error);
            over.store(true, Ordering::Relaxed);
        })?;
        failed
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .map_or(Ok(()), Err)
    }

    /// The same by as many `connections`, for a build of which other threads may want the same artifacts:
    /// `failed` hears of each failure before anybody else can try that artifact again, so that it can
    /// [stop](Fetcher::stop) the fetcher. Of those that end by that it hears [`Error::Stopped`].
    ///
    /// # Errors
    /// Those that are known before anything is fetched: [`Error::Offline`], [`Error::Space`].
    pub fn fetch_ahead(
        &self,
        connections: usize,
        store: &Store,
        artifacts: &[Artifact],
        failed: &(dyn Fn(Error) + Sync),
    ) -> Result<()> {
        self.fetch_several(connections, store, artifacts, &|| self.stopped(), failed)
    }

    fn fetch_several(
        &self,
        connections: usize,
        store: &Store,
        artifacts: &[Artifact],
        stopped: Stop<'_>,
        failed: &(dyn Fn(Error) + Sync),
    ) -> Result<()> {
        let mut missing: Vec<&Artifact> = artifacts
            .iter()
            .filter(|artifact| {
                !is_file_of_size(&store.download_path(&artifact.sha256), artifact.size)
            })
            .collect();
        missing.sort_by_key(|artifact| (std::cmp::Reverse(artifact.size), artifact.sha256));
        missing.dedup_by_key(|artifact| artifact.sha256);
        if missing.is_empty() {
            return Ok(());
        }
        let mut remote = missing.iter().filter(|artifact| is_remote(artifact));
        if self.inner.offline
            && let Some(first) = remote.next()
        {
            return Err(Error::Offline {
                artifact: first.to_string(),
                more: remote.count(),
            });
        }
        let to_come = |artifact: &&Artifact| {
            let part = std::fs::metadata(store.partial_path(&artifact.sha256));
            artifact
                .size
                .saturating_sub(part.map_or(0, |about| about.len()))
        };
        let bytes = missing.iter().map(to_come).fold(0, u64::saturating_add);
        store.require_space(bytes, &format!("fetching {} artifacts", missing.len()))?;

        // What was told to `failed` is all that there is of it.
        let _ = at_once(connections.max(1), &missing, |artifact| {
            if stopped() {
                return Err(());
            }
            let slot = store.verified(&artifact.sha256);
            let mut verified = slot.lock().unwrap_or_else(PoisonError::into_inner);
            self.bring(&mut verified, store, artifact, stopped)
                .map(drop)
                .map_err(failed)
        });
        Ok(())
    }

    /// An artifact whose slot is held: `verified` says whether it was looked at before.
    fn bring(
        &self,
        verified: &mut bool,
        store: &Store,
        artifact: &Artifact,
        stop: Stop<'_>,
    ) -> Result<PathBuf> {
        let path = store.download_path(&artifact.sha256);
        if *verified && is_file_of_size(&path, artifact.size) {
            return Ok(path);
        }
        if !verify(store, &path, artifact)? {
            if self.inner.offline && is_remote(artifact) {
                return Err(Error::Offline {
                    artifact: artifact.to_string(),
                    more: 0,
                });
            }
            let _held = store.download_lock(&artifact.sha256)?;
            // Somebody else may have fetched it while we waited.
            if !verify(store, &path, artifact)? {
                if stop() {
                    return Err(Error::Stopped {
                        artifact: artifact.to_string(),
                    });
                }
                self.download(store, artifact, stop)?;
                seen::note(store, &artifact.sha256, &path);
            }
        }
        *verified = true;
        Ok(path)
    }

    /// Fetches an artifact whose lock is held.
    fn download(&self, store: &Store, artifact: &Artifact, stop: Stop<'_>) -> Result<()> {
        let task = ProgressTask::start(
            self.inner.progress.clone(),
            TaskKind::Fetch,
            artifact.name.clone(),
            Some(artifact.size),
        );
        self.download_telling(store, artifact, &task, stop)?;
        task.done();
        Ok(())
    }

    fn download_telling(
        &self,
        store: &Store,
        artifact: &Artifact,
        task: &ProgressTask,
        stop: Stop<'_>,
    ) -> Result<()> {
        let inner = &*self.inner;
        let mut part = Partial::open(store, artifact, task, stop)?;
        if part.is_whole()? {
            return part.finish();
        }
        let mut sources = source::of(&inner.places, artifact)?;
        let places = sources.len();
        let mut absent = 0;
        let mut tried: Vec<Tried> = Vec::new();
        let mut wait = inner.patience.wait;
        for round in 0..inner.patience.tries {
            if sources.is_empty() {
                break;
            }
            if round > 0 {
                std::thread::sleep(wait);
                wait = wait.saturating_mul(2);
            }
            let mut again = Vec::new();
            for source in sources {
                match self.ask(&source, &mut part)? {
                    Ok(()) => return part.finish(),
                    Err(failure) => {
                        let (answer, place) = (failure.answer().to_owned(), source.to_string());
                        match tried.iter_mut().find(|tried| tried.place == place) {
                            Some(tried) => tried.answer = answer,
                            None => tried.push(Tried { place, answer }),
                        }
                        absent += usize::from(matches!(failure, Failure::Absent(_)));
                        if !failure.is_final() {
                            again.push(source);
                        }
                    }
                }
            }
            sources = again;
        }
        if places > 0 && absent == places {
            self.note_absent();
        }
        Err(Error::Fetch {
            artifact: artifact.to_string(),
            size: artifact.size,
            sha256: artifact.sha256,
            tried,
            hint: source::hint(&artifact.origin),
        })
    }

    /// Asks one place, and goes on there as long as it breaks off having given something.
    fn ask(&self, source: &source::Source, part: &mut Partial<'_>) -> Result<Result<(), Failure>> {
        let mut resumed = 0;
        loop {
            let before = part.received();
            let answer = attempt::attempt(&self.inner.client, &self.inner.pages, source, part)?;
            let gave_some = part.received() > before;
            match answer {
                Err(Failure::Broken(_)) if gave_some && resumed < self.inner.patience.tries => {
                    resumed += 1;
                }
                answer => return Ok(answer),
            }
        }
    }
}

/// Whether it takes a network: a file beside the lock is as near as the store.
fn is_remote(artifact: &Artifact) -> bool {
    !matches!(artifact.origin, Origin::File(_))
}

/// Whether the download is there. One that is there and is not the artifact is removed, which is
/// an error: something is wrong with the disk, or with whoever writes to it.
fn verify(store: &Store, path: &Path, artifact: &Artifact) -> Result<bool> {
    let about = match fs_err::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io_at("look at", path)(error)),
    };
    let size = about.len();
    let (expected, found) = if size == artifact.size {
        if seen::is_seen(store, &artifact.sha256, &about) {
            return Ok(true);
        }
        let mut file = fs_err::File::open(path).map_err(io_at("open", path))?;
        seen::prepare(file.file());
        let (_, found) = crate::sha256(&mut file).map_err(io_at("read", path))?;
        if found == artifact.sha256 {
            seen::note(store, &artifact.sha256, path);
            return Ok(true);
        }
        (
            format!("sha256 {}", artifact.sha256),
            format!("sha256 {found}"),
        )
    } else {
        (format!("{} bytes", artifact.size), format!("{size} bytes"))
    };
    fs_err::remove_file(path).map_err(io_at("remove the damaged", path))?;
    let (artifact, path) = (artifact.to_string(), path.to_owned());
    Err(Error::Damaged {
        artifact,
        expected,
        found,
        path,
    })
}
