//! A small real image and the real program on it: Debian's essential packages, the interpreter and a few
//! wheels of the starter edition's lock, from a server of the test's own.
//!
//! The packages come from the user's store, or are fetched once from the ordinary registries; where neither
//! has them the tests say so and do nothing.

pub mod mirror;
pub mod program;
#[path = "../../../crates/store/tests/server/mod.rs"]
mod server;
pub mod small_lock;
pub mod stores;

use std::io::Write;

/// Says why a test does nothing, past the test harness, which keeps what passing tests print.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "\nskipped: {why}");
}
