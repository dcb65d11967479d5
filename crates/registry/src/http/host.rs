//! What a client knows of one registry: where it is, what it asks for, which tokens are good, and how
//! it likes its uploads.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use url::Url;

use crate::{
    Error, Result,
    auth::{Challenge, Scope, Token},
    credentials::Found,
};

/// One registry.
#[derive(Debug)]
pub(crate) struct Host {
    /// As people write it.
    pub(crate) registry: String,
    endpoint: Mutex<Option<Endpoint>>,
    access: Mutex<Access>,
    learned: Mutex<Learned>,
}

/// Where a registry is. It is locked while that is found out: all who want to know wait for one answer.
#[derive(Debug, Clone)]
pub(crate) enum Endpoint {
    /// It is here.
    At(Url),
    /// It was looked for in vain.
    Lost(Lost),
}

/// A registry that could not be reached.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    /// The last failure.
    pub(crate) answer: String,
    /// How many there were in a row, whoever tried.
    pub(crate) tries: u32,
    /// When the last one was.
    pub(crate) at: Instant,
    /// When it may be tried again.
    pub(crate) next: Instant,
}

/// What lets one in. It is locked while a token is got, so that each is asked for once.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) challenge: Option<Challenge>,
    pub(crate) tokens: HashMap<Vec<Scope>, Token>,
    /// Scopes that the registry asked for beside those that we would have thought of.
    pub(crate) more: HashMap<Vec<Scope>, String>,
    /// Credentials by repository, looked up once.
    pub(crate) found: HashMap<String, Option<Found>>,
    refused: HashMap<(Found, Vec<Scope>), String>,
}

/// Credentials that were refused are not shown again: a registry may lock the account. Others, such as
/// those of a repository beside, are.
impl Access {
    /// Notes a refusal in the registry's own words, and makes it an error. Where several repositories
    /// were asked for at once, as a mount does, it may be for one of them: it is a refusal of that alone.
    pub(crate) fn refuse(
        &mut self,
        registry: &str,
        shown: Found,
        scopes: &[Scope],
        said: String,
    ) -> Error {
        let error = wrong(registry, &shown, &said);
        let of = if scopes.len() > 1 { scopes } else { &[] };
        self.refused.insert((shown, of.to_vec()), said);
        error
    }

    /// Says no where these were refused before.
    pub(crate) fn check(&self, registry: &str, found: &Found, scopes: &[Scope]) -> Result<()> {
        for of in [&[], scopes] {
            if let Some(said) = self.refused.get(&(found.clone(), of.to_vec())) {
                return Err(wrong(registry, found, said));
            }
        }
        Ok(())
    }
}

fn wrong(registry: &str, found: &Found, said: &str) -> Error {
    Error::WrongCredentials {
        registry: registry.to_owned(),
        user: found.user().to_owned(),
        place: found.place.clone(),
        said: said.to_owned(),
    }
}

/// What uploads have taught. The next blob need not learn it again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Learned {
    /// The largest request that got through, in bytes, where there is a limit.
    pub(crate) chunk: Option<u64>,
    /// Each request gets a connection of its own.
    pub(crate) fresh: bool,
    /// Nothing but a single PUT is taken.
    pub(crate) whole: bool,
}

impl Learned {
    /// With what another upload has learned.
    fn merged(self, other: Self) -> Self {
        Self {
            chunk: self.chunk.into_iter().chain(other.chunk).min(),
            fresh: self.fresh || other.fresh,
            whole: self.whole || other.whole,
        }
    }
}

impl Host {
    pub(crate) fn new(registry: &str) -> Self {
        Self {
            registry: registry.to_owned(),
            endpoint: Mutex::default(),
            access: Mutex::default(),
            learned: Mutex::default(),
        }
    }

    pub(crate) fn endpoint(&self) -> MutexGuard<'_, Option<Endpoint>> {
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn access(&self) -> MutexGuard<'_, Access> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn learned(&self) -> Learned {
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to what is learned, which other uploads do at the same time; all of it.
    pub(crate) fn learn(&self, more: Learned) -> Learned {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        *learned = learned.merged(more);
        *learned
    }
}
