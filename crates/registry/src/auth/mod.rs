//! What a registry asks for before it answers, and how it is given: `challenge` reads what is asked,
//! `token` gets and keeps tokens, `safe` decides who may see credentials.

mod challenge;
pub(crate) mod safe;
mod token;

pub(crate) use challenge::{Challenge, challenges};
pub(crate) use token::{Token, TokenRequest};

use crate::Repository;

/// What is to be done with a repository, as tokens say it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Scope(String);

impl Scope {
    pub(crate) fn pull(repository: &Repository) -> Self {
        Self(format!("repository:{}:pull", repository.name()))
    }

    pub(crate) fn push(repository: &Repository) -> Self {
        Self(format!("repository:{}:pull,push", repository.name()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
