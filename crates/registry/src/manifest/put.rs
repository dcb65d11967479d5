//! Pushing a manifest, which is what makes an image visible: all that it names should be there before.

use lock::Sha256;
use ureq::http::{Method, header};

use super::{MANIFEST_LIMIT, get};
use crate::{
    By, Client, Error, Patience, Repository, Result,
    auth::Scope,
    blob::{answered, check_digest_of},
    http::{Ask, Failure, Send},
    retry::Tries,
};

/// What a registry says of a manifest that names a blob which it does not see: `BLOB_UNKNOWN` or
/// `MANIFEST_BLOB_UNKNOWN`. Those who push have put it there; but a registry may need a moment to see it, and
/// the distribution project's own does not while another client puts the same blob there.
const UNKNOWN: &str = "BLOB_UNKNOWN";
/// How often it is believed.
const UNSEEN: u32 = 5;

impl Client {
    /// Pushes a manifest by a tag, or by its digest alone, and gives its digest. Where it refers to a
    /// subject and the registry has no API for that, the subject's list of referrers is kept under its
    /// tag, as the specification says ("Pushing Manifests with Subject").
    ///
    /// # Errors
    /// [`Error::Content`]: `by` is another document's digest. [`Error::WrongDigest`]: the registry
    /// stored something else. [`Error::TooLarge`] above [`MANIFEST_LIMIT`]. Those of every call: see
    /// [`Error`].
    pub fn push_manifest<'a>(
        &self,
        repository: &Repository,
        by: impl Into<By<'a>>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Sha256> {
        let by = by.into();
        let digest = self.put_manifest(repository, by, media_type, bytes)?;
        let (digest, has_api) = digest;
        if !has_api && let Some(subject) = subject(bytes) {
            self.add_referrer(repository, &subject, media_type, &digest, bytes)?;
        }
        Ok(digest)
    }

    /// Pushes a manifest; its digest, and whether the registry looks after referrers by itself.
    pub(super) fn put_manifest(
        &self,
        repository: &Repository,
        by: By<'_>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(Sha256, bool)> {
        let what = get::written(repository, by);
        let doing = format!("pushing the manifest {what}");
        if bytes.len() as u64 > MANIFEST_LIMIT {
            return Err(Error::TooLarge {
                what: format!("the manifest {what}"),
                limit: MANIFEST_LIMIT,
            });
        }
        let digest = store::sha256_of(bytes);
        match by {
            By::Digest(given) if given != digest => {
                return Err(Error::Content {
                    what: format!("the manifest {what}"),
                    expected: given.to_oci(),
                    found: digest.to_oci(),
                });
            }
            _ => {}
        }
        let host = self.host(repository);
        let ask = Ask {
            doing: &doing,
            method: Method::PUT,
            url: self.url(&host, repository, &get::path(repository, by)?, &doing)?,
            headers: vec![(header::CONTENT_TYPE, media_type.to_owned())],
            send: Send::Bytes(bytes),
            repository,
            scopes: vec![Scope::push(repository)],
            fresh: false,
        };
        let mut tries = Tries::new(Patience {
            tries: self.patience.tries.min(UNSEEN),
            ..self.patience
        });
        loop {
            let answer = self.ask(&host, &ask)?;
            let status = answer.status;
            if answer.is_success() {
                check_digest_of(&answer, &digest.to_oci(), &doing, true)?;
                return Ok((digest, answer.header("oci-subject").is_some()));
            }
            match answered(answer, &doing) {
                Error::Answered { said, .. } if said.contains(UNKNOWN) => {
                    let after = None;
                    let failure = Failure::Busy {
                        status,
                        said,
                        after,
                    };
                    self.pause(&mut tries, failure, &doing, &host.registry)?;
                }
                error => return Err(error),
            }
        }
    }
}

/// The digest of what a manifest refers to.
fn subject(bytes: &[u8]) -> Option<Sha256> {
    #[derive(serde::Deserialize)]
    struct Document {
        subject: Option<Subject>,
    }
    #[derive(serde::Deserialize)]
    struct Subject {
        digest: String,
    }
    let document: Document = serde_json::from_slice(bytes).ok()?;
    document
        .subject?
        .digest
        .strip_prefix("sha256:")?
        .parse()
        .ok()
}
