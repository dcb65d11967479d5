//! What can go wrong between a layer's recipe and its blob.

use std::path::{Path, PathBuf};

use crate::BoxError;

/// The result of building a layer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a layer could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two entries want the same path.
    #[error("the path {path} stands twice")]
    DuplicatePath {
        /// The path in the image.
        path: String,
    },
    /// An entry lies below something that is not a folder.
    #[error("{path} lies below {parent}, which is a {kind}")]
    NotAFolder {
        /// The entry's path.
        path: String,
        /// The parent's path.
        parent: String,
        /// What the parent is.
        kind: &'static str,
    },
    /// An artifact is not what it should be.
    #[error("{artifact}: {source}")]
    Artifact {
        /// The artifact, as a person calls it.
        artifact: String,
        /// What its format's crate said.
        source: BoxError,
    },
    /// A file's bytes could not be had while the layer was written.
    #[error("{path}: {source}")]
    Content {
        /// The path in the image.
        path: String,
        /// What the content's maker said.
        source: BoxError,
    },
    /// Content gave another number of bytes than it had announced.
    #[error("{path}: announced {expected} bytes, gave {found}")]
    ContentSize {
        /// The path in the image.
        path: String,
        /// Announced size, in bytes.
        expected: u64,
        /// What came, in bytes.
        found: u64,
    },
    /// A step of a layer's recipe failed.
    #[error("{step}: {source}")]
    Step {
        /// What was being done.
        step: String,
        /// Why it failed.
        source: BoxError,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The lock is not usable.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// What a cache says of a part is wrong, or its blob cannot be had.
    #[error("{part}, from the cache {cache}: {source}\nhint: without --cache-from it is made here")]
    Elsewhere {
        /// The part.
        part: String,
        /// The cache.
        cache: String,
        /// The recipe key that it stands under there.
        key: store::Key,
        /// What is wrong.
        source: BoxError,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A codec refused.
    #[error("cannot compress a layer with {codec}: {message}")]
    Codec {
        /// The codec, with version and settings.
        codec: String,
        /// What it said.
        message: String,
    },
    /// A level that the codec does not have.
    #[error("{codec} has no level {level} (levels {lowest} to {highest})")]
    Level {
        /// `zstd` or `gzip`.
        codec: &'static str,
        /// What was asked for.
        level: i32,
        /// The lowest that there is.
        lowest: i32,
        /// The highest that there is.
        highest: i32,
    },
    /// It was not finished, since something else had failed before; that is told elsewhere.
    #[error("{what} was given up, since something else failed")]
    GivenUp {
        /// What was to be made.
        what: String,
    },
    /// A thread of the build ended without a result.
    #[error("a worker thread ended without a result while {0}")]
    Worker(String),
}

/// What the system says of a full disk or quota, and what the image's programs, which speak English
/// in the sandbox, pass on.
const FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// How the store begins when it tells of it.
const TOLD: &str = "no space left on the disk that holds";

impl Error {
    /// Names the store where a full disk is the reason, unless the error does so already.
    pub(crate) fn if_full(self, store: &Path) -> Self {
        // The text, since a program's last words are no more than that.
        let text = self.to_string();
        if text.contains(TOLD) || !FULL.iter().any(|said| text.contains(said)) {
            return self;
        }
        Self::Store(store::Error::DiskFull {
            path: store.to_owned(),
            source: std::io::Error::other(self),
        })
    }

    /// An error about an artifact, from its format's crate.
    pub fn artifact(
        artifact: impl std::fmt::Display,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Artifact {
            artifact: artifact.to_string(),
            source: Box::new(source),
        }
    }

    /// An error in a step of a recipe.
    pub fn step(
        step: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Step {
            step: step.into(),
            source: Box::new(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_full_disk_is_named_once() {
        let store = Path::new("/cache/strata");
        let full = || io::Error::from_raw_os_error(28);
        let error = Error::step("the Debian system", full()).if_full(store);
        let text = error.to_string();
        assert!(
            text.starts_with("no space left on the disk that holds /cache/strata: the Debian"),
            "{text}"
        );
        assert!(text.contains("hint: "), "{text}");
        assert_eq!(error.if_full(store).to_string(), text);

        let source = full();
        let path = store.to_owned();
        let told = Error::from(store::Error::DiskFull { path, source });
        assert!(matches!(told.if_full(store), Error::Store(_)));
        let other = Error::step("x", io::Error::from_raw_os_error(13));
        assert!(matches!(other.if_full(store), Error::Step { .. }));
    }
}
