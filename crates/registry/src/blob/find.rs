//! Whether a blob is there, and bringing it from a repository beside.

use lock::Sha256;
use ureq::http::{Method, header};
use url::Url;

use crate::{
    Client, Error, Repository, Result,
    auth::{Scope, safe},
    http::{Answer, Ask, Host, Send},
};

/// The header that names what was stored or is answered.
pub(crate) const CONTENT_DIGEST: &str = "docker-content-digest";

/// What became of a mount.
#[derive(Debug)]
pub enum Mount {
    /// The blob is in the repository now.
    Mounted,
    /// The registry does not mount it, and has begun an upload instead.
    UploadAt(Upload),
}

/// An upload that a registry has begun.
#[derive(Debug, Clone)]
pub struct Upload {
    pub(crate) location: Url,
    /// The smallest request that the registry takes, but for the last (`OCI-Chunk-Min-Length`).
    pub(crate) least: u64,
}

impl Client {
    /// The size of a blob, or `None` where the repository has no such blob ("Checking if content
    /// exists in the registry").
    ///
    /// # Errors
    /// [`Error::WrongDigest`], [`Error::Odd`] for an answer without a size, and those of every call:
    /// see [`Error`].
    pub fn head_blob(&self, repository: &Repository, digest: &Sha256) -> Result<Option<u64>> {
        let doing = format!("looking for blob {} in {repository}", digest.to_oci());
        match self.find_blob(repository, digest, Scope::pull(repository), &doing)? {
            Some(Some(size)) => Ok(Some(size)),
            None => Ok(None),
            Some(None) => Err(Error::Odd {
                doing,
                problem: "the answer has no Content-Length".to_owned(),
            }),
        }
    }

    /// Whether a blob is there, and its size where the registry says it.
    pub(crate) fn find_blob(
        &self,
        repository: &Repository,
        digest: &Sha256,
        scope: Scope,
        doing: &str,
    ) -> Result<Option<Option<u64>>> {
        let host = self.host(repository);
        let path = format!("blobs/{}", digest.to_oci());
        let answer = self.ask(
            &host,
            &Ask {
                doing,
                method: Method::HEAD,
                url: self.url(&host, repository, &path, doing)?,
                headers: Vec::new(),
                send: Send::Nothing,
                repository,
                scopes: vec![scope],
                fresh: false,
            },
        )?;
        match answer.status {
            200 => {
                check_digest(&answer, &digest.to_oci(), doing)?;
                let size = answer.header(header::CONTENT_LENGTH);
                Ok(Some(size.and_then(|size| size.parse().ok())))
            }
            404 => Ok(None),
            _ => Err(answered(answer, doing)),
        }
    }

    /// Brings a blob from another repository of the same registry ("Mounting a blob from another
    /// repository"). Where the registry does not (it may not have it there, or not let us read it),
    /// it begins an upload, which [`Client::push_blob`] goes on with by itself.
    ///
    /// # Errors
    /// As of every call: see [`Error`].
    pub fn mount_blob(
        &self,
        repository: &Repository,
        digest: &Sha256,
        from: &Repository,
    ) -> Result<Mount> {
        let doing = format!(
            "mounting blob {} from {from} in {repository}",
            digest.to_oci()
        );
        let host = self.host(repository);
        let mut url = self.url(&host, repository, "blobs/uploads/", &doing)?;
        url.query_pairs_mut()
            .append_pair("mount", &digest.to_oci())
            .append_pair("from", from.name());
        let answer = self.ask(
            &host,
            &Ask {
                doing: &doing,
                method: Method::POST,
                url,
                headers: Vec::new(),
                send: Send::Bytes(&[]),
                repository,
                scopes: vec![Scope::push(repository), Scope::pull(from)],
                fresh: false,
            },
        )?;
        match answer.status {
            201 => {
                check_digest(&answer, &digest.to_oci(), &doing)?;
                Ok(Mount::Mounted)
            }
            202 => Ok(Mount::UploadAt(begun(&host, &answer, &doing)?)),
            _ => Err(answered(answer, &doing)),
        }
    }
}

/// The upload that a 202 tells of.
pub(super) fn begun(host: &Host, answer: &Answer, doing: &str) -> Result<Upload> {
    let location = answer.header(header::LOCATION).ok_or_else(|| Error::Odd {
        doing: doing.to_owned(),
        problem: "the answer to the beginning of an upload has no Location".to_owned(),
    })?;
    let least = answer.header("oci-chunk-min-length");
    Ok(Upload {
        location: follow(host, answer, location)?,
        least: least
            .and_then(|least| least.trim().parse().ok())
            .unwrap_or(0),
    })
}

/// Where an answer sends us on.
pub(super) fn follow(host: &Host, answer: &Answer, location: &str) -> Result<Url> {
    safe::follow(&answer.url, location).map_err(|problem| Error::Unsafe {
        registry: host.registry.clone(),
        place: answer.url.host_str().unwrap_or_default().to_owned(),
        problem,
    })
}

/// Refuses an answer that names another digest than a blob's. Not naming one is allowed.
pub(crate) fn check_digest(answer: &Answer, expected: &str, doing: &str) -> Result<()> {
    check_digest_of(answer, expected, doing, false)
}

/// The same of a blob, or of a manifest that has its tag already.
pub(crate) fn check_digest_of(
    answer: &Answer,
    expected: &str,
    doing: &str,
    tagged: bool,
) -> Result<()> {
    match answer.header(CONTENT_DIGEST) {
        // Another algorithm's digest says nothing about ours.
        Some(given) if given != expected && given.starts_with("sha256:") => {
            Err(Error::WrongDigest {
                doing: doing.to_owned(),
                expected: expected.to_owned(),
                answered: given.to_owned(),
                tagged,
            })
        }
        _ => Ok(()),
    }
}

/// An answer that says no, as an error.
pub(crate) fn answered(answer: Answer, doing: &str) -> Error {
    Error::Answered {
        doing: doing.to_owned(),
        status: answer.status,
        push: answer.push,
        said: answer.said(),
        tries: 1,
    }
}
