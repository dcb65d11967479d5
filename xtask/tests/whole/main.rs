//! The whole program on a small real image: Debian's essential packages, the interpreter and a few
//! wheels of the starter edition's lock, from a server of the test's own. One lock gives one digest
//! whatever else differs; what goes wrong from outside gives one clear error or heals, and the store
//! still makes the right image.
//!
//! Where the packages can be had from nowhere, the tests say so and do nothing (see `small_image`).
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod check;
mod determinism;
mod downloads;
mod edition;
mod forecast;
mod full_disk;
mod kills;
mod offline;
#[allow(dead_code)]
#[path = "../small_image/mod.rs"]
mod small_image;
mod together;
mod user;
mod workers;
#[path = "../../../crates/zip/tests/making/mod.rs"]
mod zips;

use small_image::{mirror, program, skipped, small_lock, stores};
