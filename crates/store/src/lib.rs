//! Strata's content-addressed store on disk: downloads, blobs and results; recipe keys; and how
//! artifacts come in from wherever the machine says they are. What is in an artifact, and what is
//! built from it, is the business of the crates above.

mod at_once;
mod error;
mod fetch;
mod hash;
mod key;
mod key_lock;
mod once_file;
mod passing;
pub mod places;
mod progress;
mod scratch;
mod store;
mod taken;
mod temp;
mod writer;

pub use at_once::at_once;
pub use error::{Error, Result, Tried};
pub use fetch::{Fetcher, Fresh, ProjectFile, agent};
pub use hash::{sha256, sha256_of};
pub use key::{Key, KeyBuilder, ParseKeyError};
pub use key_lock::KeyLock;
pub use once_file::{OnceFile, Rest};
pub use places::{Place, Places};
pub use progress::{Progress, ProgressTask, Silent, Task, TaskId, TaskKind};
pub use scratch::Scratch;
pub use store::Store;
pub use taken::TakeBlob;
/// Variables that hold secrets of ours: no program that is started for a build has them.
pub const SECRETS: [&str; 3] = [
    "STRATA_CACHE_SECRET",
    "STRATA_REGISTRY_PASSWORD",
    "STRATA_REGISTRY_USERNAME",
];
pub use writer::{BlobWriter, FileWriter};
