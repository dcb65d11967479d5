//! What can go wrong between a build and its cache.

/// The result of asking or filling a cache.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a cache could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// What is to be put there could not be read from the store.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// An entry could not be written as JSON.
    #[error("cannot write a cache entry as JSON: {0}")]
    Json(#[from] serde_json::Error),
}
