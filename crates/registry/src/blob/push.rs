//! Getting a blob into a repository by the cheapest way there is: it is there, it is mounted, or it is
//! uploaded.

use lock::Sha256;
use store::{ProgressTask, TaskKind};
use ureq::http::Method;

use super::{BlobSource, Mount, Upload, upload::Uploading};
use crate::{
    Client, Error, Repository, Result,
    auth::Scope,
    http::{Ask, Send, Telling},
};

/// How a blob came to be in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    Present,
    /// It was brought from a repository beside.
    Mounted,
    /// It was uploaded.
    Uploaded {
        /// How many bytes went over the line for it, those that were sent again included.
        bytes: u64,
    },
}

impl Client {
    /// Sees to it that a blob is in a repository: looks for it, tries to mount it from each of
    /// `mount_from` (those at other registries are passed over), and uploads it if need be.
    ///
    /// A blob of up to 4 MiB goes in one PUT. A larger one goes in one PATCH, streamed; where that
    /// breaks, the registry is asked how much it has, and the rest follows. Where it cannot say (the
    /// distribution project's own registry forgets an upload that broke), the upload begins anew in
    /// requests of half of what got through, each over a connection of its own. Where it refuses a
    /// PATCH, all goes in one PUT. What one blob has taught is kept for the next.
    ///
    /// # Errors
    /// [`Error::Source`], [`Error::Changed`], [`Error::WrongDigest`], and those of every call: see
    /// [`Error`].
    pub fn push_blob(
        &self,
        repository: &Repository,
        blob: &dyn BlobSource,
        mount_from: &[Repository],
    ) -> Result<Pushed> {
        let (digest, size) = (blob.digest(), blob.size());
        let doing = format!("pushing blob {} to {repository}", digest.to_oci());
        // With the scope of the upload that may follow: one token does for both.
        match self.find_blob(repository, &digest, Scope::push(repository), &doing)? {
            Some(Some(other)) if other != size => {
                return Err(Error::Content {
                    what: format!(
                        "blob {} is in {repository} already, with another size",
                        digest.to_oci()
                    ),
                    expected: format!("{size} bytes"),
                    found: format!("{other} bytes"),
                });
            }
            Some(_) => return Ok(Pushed::Present),
            None => {}
        }
        let mut begun = None;
        for from in mount_from {
            if from.registry() != repository.registry() || from == repository {
                continue;
            }
            match self.mount_blob(repository, &digest, from) {
                Ok(Mount::Mounted) => return Ok(Pushed::Mounted),
                Ok(Mount::UploadAt(upload)) => {
                    if let Some(unused) = begun.replace(upload) {
                        self.cancel(repository, &unused, &doing);
                    }
                }
                // A mount only saves work: what forbids one does not forbid an upload. A token server
                // may refuse a token for two repositories and give one for the first.
                Err(
                    Error::Answered { .. }
                    | Error::Denied { .. }
                    | Error::WrongCredentials { .. }
                    | Error::NoCredentials { .. },
                ) => {}
                Err(error) => return Err(error),
            }
        }
        let task = ProgressTask::start(
            self.inner.options.progress.clone(),
            TaskKind::Push,
            blob.name(),
            Some(size),
        );
        let telling = Telling::new(&task);
        let uploading = Uploading::new(self, repository, blob, &telling, &doing);
        let bytes = uploading.run(begun)?;
        task.done();
        Ok(Pushed::Uploaded { bytes })
    }

    /// Whether a blob is there, with the scope of a push.
    pub(super) fn has_blob(
        &self,
        repository: &Repository,
        digest: &Sha256,
        doing: &str,
    ) -> Result<bool> {
        let found = self.find_blob(repository, digest, Scope::push(repository), doing)?;
        Ok(found.is_some())
    }

    /// Tells the registry that an upload will not go on. It forgets it by itself in time, so nothing
    /// hangs on the answer.
    pub(super) fn cancel(&self, repository: &Repository, upload: &Upload, doing: &str) {
        let host = self.host(repository);
        let ask = Ask {
            doing,
            method: Method::DELETE,
            url: upload.location.clone(),
            headers: Vec::new(),
            send: Send::Nothing,
            repository,
            scopes: vec![Scope::push(repository)],
            fresh: false,
        };
        let _ = self.once(&host, &ask);
    }
}
