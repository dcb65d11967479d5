//! From an edition to its lock: every artifact that the edition comes to, chosen and named.
//!
//! Debian packages are chosen by `debian-archive`, Python packages by uv, a program that is fetched and
//! pinned like any artifact. What an earlier lock has and the edition still allows is kept.

mod below;
mod debian;
mod direct;
mod error;
mod from_git;
mod git;
mod interpreter;
mod kept;
mod newest;
mod outdated;
mod project;
mod pylock;
mod python;
mod resolve;
mod sdist;
mod settled;
mod snapshot;
mod sources;
mod summary;
mod tags;
mod target;
mod together;
mod tools;
mod uv;

pub use below::FROM;
pub use error::{Error, Result};
pub use kept::Kept;
pub use outdated::{Newer, outdated};
pub use resolve::{Options, Update, resolve};
pub use settled::{is_settled, settle, settled_key};
pub use snapshot::with_snapshot;
pub use summary::{Change, Setting, Summary, summary};
pub use uv::uv;
