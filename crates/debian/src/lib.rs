//! Debian binary packages (deb(5), Debian Policy): unpacked by our own code in parallel, then
//! configured by dpkg and the maintainer scripts inside the sandbox. Which packages a layer has is
//! the layer crate's and the lock's business.

mod ar;
mod clean;
mod closure;
mod configure;
mod database;
mod error;
mod package;
mod resolve;
mod stage;
mod tree;
mod unpack;

pub use closure::{closure, unpack_closure};
pub use error::{Error, Result};
pub use package::Package;
pub use stage::{Stage, System};
