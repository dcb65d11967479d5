//! Python wheels (PyPA "Binary distribution format", PEP 427): bytes in, installed file entries
//! out, as pip would leave them (PyPA "Recording installed projects", "Entry points").
//!
//! Nothing is unpacked: a wheel's zip directory becomes a plan, the plan a [`layer::Tree`] whose
//! contents are inflated when the layer is written. Bytecode is given from outside.

mod entry_points;
mod error;
mod install;
mod metadata;
mod open;
mod record;
mod scheme;

pub use error::{Error, Result};
pub use install::{Install, Installed, resolve_shared};
pub use open::Wheel;
pub use scheme::Scheme;
