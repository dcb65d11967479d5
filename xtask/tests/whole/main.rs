//! The whole program on a small real image: Debian's essential packages, the interpreter and a few
//! wheels of the starter edition's lock, from a server of the test's own. One lock gives one digest
//! whatever else differs; what goes wrong from outside gives one clear error or heals, and the store
//! still makes the right image.
//!
//! The packages come from the user's store, or are fetched once from the ordinary registries; where
//! neither has them the tests say so and do nothing.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod check;
mod determinism;
mod downloads;
mod edition;
mod forecast;
mod full_disk;
mod kills;
mod mirror;
mod offline;
mod program;
#[allow(dead_code)]
#[path = "../../../crates/store/tests/server/mod.rs"]
mod server;
mod small_lock;
mod stores;
mod together;
mod user;
#[path = "../../../crates/zip/tests/making/mod.rs"]
mod zips;

use std::io::Write;

/// Says why a test does nothing, past the test harness, which keeps what passing tests print.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "\nskipped: {why}");
}
