//! Debian archives, as far as a lock needs them: which packages a suite has, verified from its
//! signed InRelease file down, and which of them a request comes to, chosen as apt chooses for an
//! empty system. What is in a package is the business of `debian`.

mod archive;
mod error;
mod keyring;
mod mark;
mod names;
mod packages;
mod release;
mod request;
mod resolve;
#[cfg(test)]
mod resolve_tests;
mod solver;
mod stanza;
mod verify;

pub use archive::{Archive, Opening, Snapshot};
pub use error::{Conflict, Error, Result};
pub use keyring::{KEYRING_VARIABLE, Keyring};
pub use packages::Packages;
pub use release::Release;
pub use request::{ParseWantedError, Request, Wanted};
pub use resolve::{Chosen, Resolution, resolve};
pub use verify::{Signed, verify};
