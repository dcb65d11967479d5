//! `push`, `--cache-to` and `--cache-from` by the real program, with a small real image and Debian's
//! `docker-registry` on a port of this machine: what goes over the line is read in the registry's own access
//! log, and what it has is looked at with skopeo, podman and docker where they are there.
//!
//! Where a program or the image's packages are missing, a test says "skipped: …" and passes.
#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

mod cache;
mod case;
mod credentials;
mod engines;
mod entries;
mod faults;
mod kills;
mod poison;
mod push;
#[allow(dead_code)]
#[path = "../../../crates/registry/tests/servers/mod.rs"]
mod servers;
#[allow(dead_code)]
#[path = "../small_image/mod.rs"]
mod small_image;
