//! What a client knows of one registry: where it is, what it asks for, which tokens are good, and how
//! it likes its uploads.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use url::Url;

use crate::{
    Error,
    auth::{Challenge, Scope, Token},
    credentials::Found,
};

/// One registry.
#[derive(Debug)]
pub(crate) struct Host {
    /// As people write it.
    pub(crate) registry: String,
    endpoint: Mutex<Option<Url>>,
    access: Mutex<Access>,
    learned: Mutex<Learned>,
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
    /// Credentials that were refused are not shown again: a registry may lock the account.
    pub(crate) refused: Option<Refused>,
}

/// Whose credentials were refused.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    pub(crate) user: String,
    pub(crate) place: String,
    pub(crate) said: String,
}

impl Refused {
    pub(crate) fn error(&self, registry: &str) -> Error {
        Error::WrongCredentials {
            registry: registry.to_owned(),
            user: self.user.clone(),
            place: self.place.clone(),
            said: self.said.clone(),
        }
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

impl Host {
    pub(crate) fn new(registry: &str) -> Self {
        Self {
            registry: registry.to_owned(),
            endpoint: Mutex::default(),
            access: Mutex::default(),
            learned: Mutex::default(),
        }
    }

    pub(crate) fn endpoint(&self) -> MutexGuard<'_, Option<Url>> {
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn access(&self) -> MutexGuard<'_, Access> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
