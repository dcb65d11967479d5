//! The client against real registries and misbehaving ones. Debian's `docker-registry` is started on a
//! port of this machine; where a program is missing, a test says "skipped: …" and passes.

// In helpers outside of #[test] functions.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod access;
mod auth;
mod faults;
mod images;
mod limits;
mod lists;
mod resume;
#[allow(dead_code)]
#[path = "../servers/mod.rs"]
mod servers;
mod support;
mod tls;
mod uploads;
