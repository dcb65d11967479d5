//! What no place has any more: a mirror drops old versions, an index file is deleted. That is another
//! thing than a place that fails.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use lock::Artifact;

use super::{AT_ONCE, Failure, Fetcher, source};
use crate::{Result, Store};

impl Fetcher {
    /// Whether a fetch through this fetcher or its clones failed since every place said that it has
    /// no such file.
    pub fn found_absent(&self) -> bool {
        self.inner.found_absent.load(Ordering::Relaxed)
    }

    /// Notes that something which this fetcher was not asked for itself is at no place any more.
    pub fn note_absent(&self) {
        self.inner.found_absent.store(true, Ordering::Relaxed);
    }

    /// Those of `artifacts` that are not in the store and that every place says it does not have, in
    /// the order given. Nothing is downloaded; a place that fails is taken to have it.
    ///
    /// # Errors
    /// [`crate::Error::NoPythonIndex`], [`crate::Error::Place`].
    pub fn absent(&self, store: &Store, artifacts: &[Artifact]) -> Result<Vec<Artifact>> {
        let missing: Vec<&Artifact> = artifacts
            .iter()
            .filter(|artifact| !store.has_download(&artifact.sha256, artifact.size))
            .collect();
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Vec::new());
        let work = || {
            while let Some(artifact) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                match self.is_absent(artifact) {
                    Ok(false) => {}
                    answer => {
                        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                        found.push(answer.map(|_| artifact.sha256));
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..missing.len().min(AT_ONCE) {
                scope.spawn(work);
            }
        });
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let found: Vec<_> = found.into_iter().collect::<Result<_>>()?;
        let gone = missing
            .into_iter()
            .filter(|artifact| found.contains(&artifact.sha256));
        Ok(gone.cloned().collect())
    }

    fn is_absent(&self, artifact: &Artifact) -> Result<bool> {
        let sources = source::of(&self.inner.places, artifact)?;
        let absent = |source: &source::Source| {
            let answer = match source {
                source::Source::File(path) => return !path.exists(),
                source::Source::Url(url) => match url.to_file_path() {
                    Ok(path) if url.scheme() == "file" => return !path.exists(),
                    _ => self.inner.client.head(url),
                },
                source::Source::Index { place, project } => {
                    let (client, pages) = (&self.inner.client, &self.inner.pages);
                    pages.find(client, place, project, artifact).map(|_| ())
                }
            };
            matches!(answer, Err(Failure::Absent(_)))
        };
        Ok(!sources.is_empty() && sources.iter().all(absent))
    }
}
