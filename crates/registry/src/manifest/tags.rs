//! The tags of a repository (distribution-spec, "Listing Tags").

use std::collections::BTreeSet;

use serde::Deserialize;
use ureq::http::Method;
use url::Url;

use super::link;
use crate::{
    Client, Error, Repository, Result,
    auth::{Scope, safe},
    blob::Head,
    http::{Ask, Send},
};

/// The largest page that is read, in bytes.
const PAGE: u64 = 16 << 20;
/// The most pages that are read of one list.
const PAGES: usize = 10_000;

#[derive(Deserialize)]
struct Page {
    // Some registries write null for none.
    tags: Option<Vec<String>>,
}

impl Client {
    /// All tags of a repository, sorted; none where there is no such repository.
    ///
    /// # Errors
    /// [`Error::Odd`] for what is no list, and those of every call: see [`Error`].
    pub fn tags(&self, repository: &Repository) -> Result<Vec<String>> {
        let doing = format!("listing the tags of {repository}");
        let host = self.host(repository);
        let mut tags = BTreeSet::new();
        let first = self.url(&host, repository, "tags/list", &doing)?;
        self.pages(repository, first, "application/json", &doing, |bytes| {
            let page: Page = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
            tags.extend(page.tags.unwrap_or_default());
            Ok(())
        })?;
        Ok(tags.into_iter().collect())
    }

    /// Reads a list page by page; the first page's headers, or `None` where there is no list.
    pub(super) fn pages(
        &self,
        repository: &Repository,
        first: Url,
        accept: &str,
        doing: &str,
        mut read: impl FnMut(&[u8]) -> Result<(), String>,
    ) -> Result<Option<Head>> {
        let host = self.host(repository);
        let odd = |problem: String| Error::Odd {
            doing: doing.to_owned(),
            problem,
        };
        let mut seen = BTreeSet::new();
        let mut url = first;
        let mut first = None;
        while seen.insert(url.to_string()) {
            if seen.len() > PAGES {
                return Err(odd(format!("the list has over {PAGES} pages")));
            }
            let ask = Ask {
                doing,
                method: Method::GET,
                url: url.clone(),
                headers: vec![(ureq::http::header::ACCEPT, accept.to_owned())],
                send: Send::Nothing,
                repository,
                scopes: vec![Scope::pull(repository)],
                fresh: false,
            };
            let page = self.whole(&host, &ask, PAGE, "a page of the list")?;
            let Some((head, bytes)) = page else { break };
            read(&bytes).map_err(&odd)?;
            let next = link::next(&head.link)
                .map(|next| safe::follow(&head.url, next))
                .transpose()
                .map_err(|problem| odd(problem.to_owned()))?;
            first.get_or_insert(head);
            match next {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(first)
    }
}
