//! Runs programs of an unpacked root folder: offline, isolated, with a fixed environment. What is
//! in the folder, and why a program is run, is the business of `debian` and `python` above.
//!
//! ```no_run
//! # fn main() -> strata_sandbox::Result<()> {
//! use strata_sandbox::Sandbox;
//!
//! let root = Sandbox::new("/var/tmp/root").bind_read_only("/srv/debs", "/tmp/debs");
//! root.run("/usr/bin/dpkg", ["--configure", "-a"], b"")?;
//! for file in strata_sandbox::list(&root)? {
//!     println!("{:o} {}:{}", file.mode, file.uid, file.gid);
//! }
//! strata_sandbox::flatten(&root)
//! # }
//! ```
//!
//! # What the program sees
//!
//! - The folder as `/`; a new `/proc`; a `/dev` with `null`, `zero`, `full`, `random`, `urandom`
//!   and `tty` alone; empty `/tmp`, `/run` and `/dev/shm` in memory. No `/sys`, nothing else of the
//!   host.
//! - No network: there is one interface, `lo`, and it is down.
//! - Process ids of its own, with a small init of ours as 1, which reaps orphans. The program is
//!   not number 1, because the kernel drops every signal whose default would end number 1,
//!   `SIGPIPE` too.
//! - Host name `strata`, umask 022, signals at their defaults, no file descriptors but the three,
//!   no controlling terminal, and the environment of [`Sandbox`].
//! - User and group 0 without further groups, and the capabilities that chowning, setuid and
//!   package scripts need; not those that mount, make device nodes or configure the machine. They
//!   are the same in both [`Mode`]s.
//! - Calls that write out to the disk (`fsync`, `sync` and their kin) succeed at once and do nothing:
//!   a root is whole or is thrown away, and `sync` would wait for all that the host writes.
//!
//! # What ends with what
//!
//! Between us and init stands a guard process. It holds the reading end of a pipe, the lifeline,
//! whose writing end only [`Child`] holds: when that is dropped, or our process dies in whatever
//! way, the guard kills init, and the kernel then kills all that init stands over. A parent death
//! signal would not do there, since it fires when the *thread* that forked ends; it serves between
//! init and the guard, which has one thread. When [`Child::wait`] or the drop returns, nothing runs
//! any more.
//!
//! The guard and init are forks without exec. They give back what they share of our memory, so a
//! long-lived worker does not keep a second copy of it.
//!
//! Needs Linux 5.12 (`mount_setattr`), with seccomp.

#[cfg(not(target_os = "linux"))]
compile_error!("the sandbox is made of Linux namespaces");

mod action;
mod child;
mod enter;
mod environment;
mod error;
mod host;
mod ids;
mod listing;
mod maps;
mod no_sync;
mod plan;
mod root;
mod tail;

pub use child::{Child, Output};
pub use error::{Error, Result};
pub use host::{Mode, mode};
pub use listing::{Listed, flatten, list};
pub use root::Sandbox;
