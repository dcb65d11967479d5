//! The client against real registries and misbehaving ones. Debian's `docker-registry` is started on a
//! port of this machine; where a program is missing, a test says "skipped: …" and passes.

mod auth;
mod faults;
mod images;
mod limits;
mod resume;
mod support;
mod tls;
