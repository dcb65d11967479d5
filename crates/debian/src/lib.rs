//! Debian binary packages (deb(5), Debian Policy): unpacked by our own code in parallel, then
//! configured by dpkg and the maintainer scripts inside the sandbox. Which packages a layer has is
//! the layer crate's and the lock's business.

mod ahead;
mod ar;
mod claims;
mod clean;
mod closure;
mod configure;
mod database;
mod depends;
mod error;
mod fixup;
mod members;
mod package;
mod record;
pub mod relation;
mod resolve;
mod rounds;
mod stage;
mod system;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod trial;
mod triggers;
mod unpack;
#[cfg(test)]
mod unpack_tests;

pub use closure::{closure, unpack_closure};
pub use error::{Error, Result};
pub use package::Package;
pub use stage::Stage;
pub use system::System;
