//! Options that all verbs share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lock::LayerName;

use crate::{caches::CacheOptions, registries::RegistryOptions};

/// Which edition, and how it is built.
#[derive(Debug, Clone, Args)]
pub struct BuildOptions {
    /// How parts are compressed [default: zstd; for `archive`: gzip].
    #[arg(long, value_enum)]
    pub compression: Option<Codec>,
    /// How hard: 1 to 19 for zstd (default 3), 1 to 12 for gzip (default 6).
    #[arg(long)]
    pub level: Option<i32>,
    /// Fail rather than renew the lock when an artifact has vanished from every mirror.
    #[arg(long)]
    pub locked: bool,
    /// Use the store alone: fetch nothing.
    #[arg(long)]
    pub offline: bool,
    /// Make everything anew from the downloads.
    #[arg(long)]
    pub no_reuse: bool,
    /// The store's folder [default: STRATA_STORE, else the user's cache folder].
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Write what took how long, as JSON, to this file.
    #[arg(long, value_name = "FILE")]
    pub timings: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten, next_help_heading = "Caches in a registry")]
    pub cache: CacheOptions,
    #[command(flatten, next_help_heading = "Registries")]
    pub registry: RegistryOptions,
}

/// The name of a compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Codec {
    Zstd,
    Gzip,
}

/// Parses a layer's name for clap.
pub fn layer_name(text: &str) -> Result<LayerName, String> {
    text.parse()
        .map_err(|error: lock::UnknownLayer| error.to_string())
}

/// Parses a registry's repository for clap.
pub fn repository(text: &str) -> Result<registry::Repository, String> {
    text.parse()
        .map_err(|error: registry::Error| error.to_string())
}

impl BuildOptions {
    /// Refuses the caches' options for a verb that has no use for them.
    ///
    /// # Errors
    /// One of them is set.
    pub fn without_caches(&self, verb: &str) -> anyhow::Result<()> {
        if self.cache.cache_from.is_empty() && self.cache.cache_to.is_empty() {
            return Ok(());
        }
        anyhow::bail!("`{verb}` uses no cache: leave --cache-from and --cache-to out")
    }
}
