//! The client itself: what its clones share.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ureq::Agent;
use url::Url;

use crate::{Error, Options, Patience, Repository, Result, http::Host};

/// A client of registries. Cheap to clone; clones share connections, tokens and counters, and may be
/// used from many threads at a time.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
    pub(crate) patience: Patience,
}

pub(crate) struct Inner {
    pub(crate) agent: Agent,
    pub(crate) options: Options,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    pub(crate) sent: AtomicU64,
    pub(crate) received: Arc<AtomicU64>,
}

impl Client {
    /// A client. Nothing is asked of any registry yet.
    pub fn new(options: Options) -> Self {
        Self {
            patience: options.patience,
            inner: Arc::new(Inner {
                agent: store::agent(),
                options,
                hosts: Mutex::default(),
                sent: AtomicU64::new(0),
                received: Arc::default(),
            }),
        }
    }

    /// How it was set up.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// The same client with other patience, for what is not worth waiting for. All else is shared.
    #[must_use]
    pub fn with_patience(&self, patience: Patience) -> Self {
        Self {
            inner: self.inner.clone(),
            patience,
        }
    }

    /// Bytes of bodies that were sent, those of failed requests included. Headers are not counted.
    pub fn sent(&self) -> u64 {
        self.inner.sent.load(Ordering::Relaxed)
    }

    /// Bytes of bodies that were received, those of failed requests included.
    pub fn received(&self) -> u64 {
        self.inner.received.load(Ordering::Relaxed)
    }

    /// Ends all calls of this client and its clones with [`Error::Stopped`], those included that wait
    /// for a registry's answer; the client is of no use after that. (Setting [`Options::stop`] ends
    /// calls between reads and writes, and waits between tries.)
    pub fn stop(&self) {
        self.inner.options.stop.store(true, Ordering::Relaxed);
        self.inner.agent.clone().shutdown();
    }

    pub(crate) fn check_stop(&self, doing: &str) -> Result<()> {
        if self.inner.options.stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped(doing.to_owned()));
        }
        Ok(())
    }

    pub(crate) fn host(&self, repository: &Repository) -> Arc<Host> {
        let registry = repository.registry();
        let mut hosts = self
            .inner
            .hosts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let host = hosts
            .entry(registry.to_owned())
            .or_insert_with(|| Arc::new(Host::new(registry)));
        host.clone()
    }

    /// The address of `path` in a repository.
    pub(crate) fn url(
        &self,
        host: &Host,
        repository: &Repository,
        path: &str,
        doing: &str,
    ) -> Result<Url> {
        let base = self.reach(host, doing)?;
        let path = format!("v2/{}/{path}", repository.name());
        base.join(&path).map_err(|error| Error::Odd {
            doing: doing.to_owned(),
            problem: error.to_string(),
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}
