//! Reading a manifest, or only looking for it.

use lock::Sha256;
use ureq::http::{HeaderName, Method, header};

use super::MANIFEST_LIMIT;
use crate::{
    By, Client, Error, Repository, Result,
    auth::Scope,
    blob::{CONTENT_DIGEST, answered},
    http::{Ask, Send},
    reference,
};

/// Media types of manifests, and of what artifacts have in place of a config (image-spec, "Media types"; Docker's image manifest version 2).
pub mod media_type {
    /// An OCI image's or artifact's manifest.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI index: manifests by platform, or of anything.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// Docker's image manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker's list of manifests by platform.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// OCI's empty blob, [`crate::empty`]; no manifest.
    pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// All manifests.
    pub const ALL: &[&str] = &[MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST];
}

/// A manifest as the registry has it, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its media type: what the document says of itself, or else the registry.
    pub media_type: String,
    /// Its digest.
    pub digest: Sha256,
    /// The document.
    pub bytes: Vec<u8>,
}

/// What a registry says of a manifest without sending it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its media type, as the registry gives it.
    pub media_type: String,
    /// Its digest.
    pub digest: Sha256,
    /// Its size in bytes.
    pub size: u64,
}

impl Client {
    /// Reads a manifest; `None` where there is none. `accept` are the media types to choose from, by
    /// default [`media_type::ALL`] (an empty list). The document is held against the digest that was
    /// asked for, and against the one that the registry gives it.
    ///
    /// # Errors
    /// [`Error::Content`], [`Error::WrongDigest`], [`Error::TooLarge`] above [`MANIFEST_LIMIT`], and
    /// those of every call: see [`Error`].
    pub fn manifest<'a>(
        &self,
        repository: &Repository,
        by: impl Into<By<'a>>,
        accept: &[&str],
    ) -> Result<Option<Manifest>> {
        let by = by.into();
        let doing = format!("reading the manifest {}", written(repository, by));
        let host = self.host(repository);
        let ask = self.manifest_ask(Method::GET, repository, by, accept, &doing)?;
        let what = format!("the manifest {}", written(repository, by));
        let found = self.whole(&host, &ask, MANIFEST_LIMIT, &what)?;
        let Some((head, bytes)) = found else {
            return Ok(None);
        };
        let digest = store::sha256_of(&bytes);
        match by {
            By::Digest(asked) if asked != digest => {
                return Err(Error::Content {
                    what,
                    expected: asked.to_oci(),
                    found: digest.to_oci(),
                });
            }
            _ => {}
        }
        if let Some(given) = head.digest
            && given.starts_with("sha256:")
            && given != digest.to_oci()
        {
            return Err(Error::WrongDigest {
                doing,
                expected: digest.to_oci(),
                answered: given,
                tagged: true,
            });
        }
        Ok(Some(Manifest {
            media_type: own_media_type(&bytes)
                .or(head.media_type.map(bare))
                .unwrap_or_default(),
            digest,
            bytes,
        }))
    }

    /// Looks for a manifest; `None` where there is none. Should the registry not name its digest or
    /// size, it is read.
    ///
    /// # Errors
    /// [`Error::WrongDigest`], and those of every call: see [`Error`].
    pub fn head_manifest<'a>(
        &self,
        repository: &Repository,
        by: impl Into<By<'a>>,
    ) -> Result<Option<Found>> {
        let by = by.into();
        let doing = format!("looking for the manifest {}", written(repository, by));
        let host = self.host(repository);
        let ask = self.manifest_ask(Method::HEAD, repository, by, &[], &doing)?;
        let answer = self.ask(&host, &ask)?;
        match answer.status {
            200 => {}
            404 => return Ok(None),
            _ => return Err(answered(answer, &doing)),
        }
        let given = answer
            .header(CONTENT_DIGEST)
            .and_then(|text| text.strip_prefix("sha256:")?.parse().ok());
        let size = answer
            .header(header::CONTENT_LENGTH)
            .and_then(|text| text.parse().ok());
        let kind = answer
            .header(header::CONTENT_TYPE)
            .map(|text| bare(text.to_owned()));
        let (Some(digest), Some(size), Some(media_type)) = (given, size, kind) else {
            let found = self.manifest(repository, by, &[])?;
            return Ok(found.map(|manifest| Found {
                media_type: manifest.media_type,
                digest: manifest.digest,
                size: manifest.bytes.len() as u64,
            }));
        };
        match by {
            By::Digest(asked) if asked != digest => Err(Error::WrongDigest {
                doing,
                expected: asked.to_oci(),
                answered: digest.to_oci(),
                tagged: true,
            }),
            _ => Ok(Some(Found {
                media_type,
                digest,
                size,
            })),
        }
    }

    fn manifest_ask<'s>(
        &self,
        method: Method,
        repository: &'s Repository,
        by: By<'_>,
        accept: &[&str],
        doing: &'s str,
    ) -> Result<Ask<'s>> {
        let accept = if accept.is_empty() {
            media_type::ALL
        } else {
            accept
        };
        // One header line: some registries look at the first alone.
        let headers: Vec<(HeaderName, String)> = vec![(header::ACCEPT, accept.join(", "))];
        let host = self.host(repository);
        Ok(Ask {
            doing,
            method,
            url: self.url(&host, repository, &path(repository, by)?, doing)?,
            headers,
            send: Send::Nothing,
            repository,
            scopes: vec![Scope::pull(repository)],
            fresh: false,
        })
    }
}

/// A manifest's path in its repository.
pub(super) fn path(repository: &Repository, by: By<'_>) -> Result<String> {
    if let By::Tag(tag) = by {
        reference::check_tag(tag).map_err(|problem| Error::Reference {
            text: written(repository, by),
            problem,
        })?;
    }
    Ok(format!("manifests/{by}"))
}

/// A manifest as people write it.
pub(super) fn written(repository: &Repository, by: By<'_>) -> String {
    match by {
        By::Tag(tag) => format!("{repository}:{tag}"),
        By::Digest(digest) => format!("{repository}@{}", digest.to_oci()),
    }
}

/// A media type without its parameters.
fn bare(text: String) -> String {
    match text.split_once(';') {
        Some((bare, _)) => bare.trim().to_owned(),
        None => text,
    }
}

fn own_media_type(bytes: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        media_type: Option<String>,
    }
    let document: Document = serde_json::from_slice(bytes).ok()?;
    document.media_type.filter(|text| !text.is_empty())
}
