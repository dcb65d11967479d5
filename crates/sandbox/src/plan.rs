//! All that the processes between us and the program need, made before the fork: the steps in their
//! order, and the pipes.

use std::ffi::CString;
use std::fs::Metadata;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use crate::action::Action;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::no_sync;
use crate::root::{Bind, Sandbox};

/// The devices shown, all harmless, with their numbers on every Linux.
const DEVICES: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// Says in a report that no step failed but starting a process did.
pub(crate) const STARTING: u32 = u32::MAX;

/// The steps of one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    /// Taken by the guard.
    pub(crate) outer: Vec<Action>,
    /// Taken by init, which is in the new process namespace.
    pub(crate) inner: Vec<Action>,
    /// How many mounts are taken from the host.
    pub(crate) slots: usize,
}

/// The steps, and what the forked processes hold.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What to do.
    pub(crate) steps: Steps,
    /// Room for `steps.slots` mounts.
    pub(crate) slots: Vec<Option<OwnedFd>>,
    /// Ends with the parent, or when it wants the sandbox to end.
    pub(crate) lifeline: OwnedFd,
    /// Where a failing step is written: its number and the errno, 32 bits each, in native order.
    pub(crate) report: OwnedFd,
}

impl Steps {
    /// Writes down how to make `sandbox` on `host`.
    pub(crate) fn new(sandbox: &Sandbox, host: &Host) -> Result<Self> {
        let root = fs_err::canonicalize(&sandbox.root)
            .and_then(|path| {
                if path.is_dir() {
                    Ok(path)
                } else {
                    Err(std::io::ErrorKind::NotADirectory.into())
                }
            })
            .map_err(|source| Error::Root {
                path: sandbox.root.clone(),
                source,
            })?;

        let outer = host
            .user_namespace()
            .map(Action::JoinUser)
            .into_iter()
            .chain([Action::Unshare]);
        let mut steps = Self {
            outer: outer.collect(),
            inner: vec![Action::Private],
            slots: 0,
        };
        let mut shown = Vec::new();
        if !sandbox.bare {
            steps.system(&mut shown)?;
            for bind in &sandbox.binds {
                steps.bind(bind, &mut shown)?;
            }
        }
        steps.inner.push(Action::Enter(c_string(&root)?));
        steps.inner.append(&mut shown);
        if !sandbox.writable {
            steps.inner.push(Action::Freeze);
        }
        steps
            .inner
            .extend([Action::Hostname, Action::Identity, Action::Limit]);
        // While we may still do so without giving up setuid programs inside: before exec.
        steps.inner.push(Action::NoSync(no_sync::filter()));
        Ok(steps)
    }

    /// What the step of that number would have done.
    pub(crate) fn describe(&self, number: u32) -> String {
        let found = usize::try_from(number)
            .ok()
            .and_then(|number| self.outer.iter().chain(&self.inner).nth(number));
        found.map_or_else(
            || "start the first process inside".to_owned(),
            ToString::to_string,
        )
    }

    /// The mounts that every program expects.
    fn system(&mut self, shown: &mut Vec<Action>) -> Result<()> {
        shown.extend([
            Action::Folder(c"/proc".into()),
            Action::Show {
                slot: self.slots,
                target: c"/proc".into(),
            },
            Action::Folder(c"/dev".into()),
            Action::Mount {
                kind: c"tmpfs",
                target: c"/dev",
                data: c"mode=755",
                no_exec: true,
            },
            Action::Folder(c"/dev/shm".into()),
            Action::Mount {
                kind: c"tmpfs",
                target: c"/dev/shm",
                data: c"mode=1777",
                no_exec: false,
            },
            Action::Link {
                to: c"/proc/self/fd",
                at: c"/dev/fd",
            },
            Action::Link {
                to: c"/proc/self/fd/0",
                at: c"/dev/stdin",
            },
            Action::Link {
                to: c"/proc/self/fd/1",
                at: c"/dev/stdout",
            },
            Action::Link {
                to: c"/proc/self/fd/2",
                at: c"/dev/stderr",
            },
            Action::Folder(c"/tmp".into()),
            Action::Mount {
                kind: c"tmpfs",
                target: c"/tmp",
                data: c"mode=1777",
                no_exec: false,
            },
            Action::Folder(c"/run".into()),
            Action::Mount {
                kind: c"tmpfs",
                target: c"/run",
                data: c"mode=755",
                no_exec: false,
            },
        ]);
        self.inner.push(Action::Processes { slot: self.slots });
        self.slots += 1;
        for (path, major, minor) in DEVICES {
            let device = Path::new(path);
            // Some containers have no terminal.
            if path == "/dev/tty" && !device.exists() {
                continue;
            }
            let found = fs_err::metadata(device);
            if !found
                .as_ref()
                .is_ok_and(|found| is_device(found, major, minor))
            {
                let found = match found {
                    Ok(other) => describe(&other),
                    Err(error) => error.to_string(),
                };
                return Err(Error::Device {
                    path: path.to_owned(),
                    major,
                    minor,
                    found,
                });
            }
            shown.push(Action::File(c_string(device)?));
            self.show(device, device, false, shown)?;
        }
        Ok(())
    }

    /// A path of the host that the caller wants inside.
    fn bind(&mut self, bind: &Bind, shown: &mut Vec<Action>) -> Result<()> {
        let wrong = |problem: String| Error::Bind {
            host: bind.host.clone(),
            guest: bind.guest.clone(),
            problem,
        };
        let host = fs_err::canonicalize(&bind.host).map_err(|source| wrong(source.to_string()))?;
        let mut guest = PathBuf::from("/");
        let mut parts = bind.guest.components();
        if parts.next() != Some(Component::RootDir) {
            return Err(wrong(
                "the path inside is relative, expected an absolute one".to_owned(),
            ));
        }
        let mut folders = Vec::new();
        for part in parts {
            let Component::Normal(name) = part else {
                return Err(wrong("the path inside holds `..`".to_owned()));
            };
            guest.push(name);
            folders.push(Action::Folder(c_string(&guest)?));
        }
        if folders.is_empty() {
            return Err(wrong("nothing can be shown at the root itself".to_owned()));
        }
        if !host.is_dir() {
            folders.pop();
            folders.push(Action::File(c_string(&guest)?));
        }
        shown.append(&mut folders);
        self.show(&host, &guest, bind.read_only, shown)
    }

    /// Takes `host` while the host is in sight, and shows it as `guest` later.
    fn show(
        &mut self,
        host: &Path,
        guest: &Path,
        read_only: bool,
        shown: &mut Vec<Action>,
    ) -> Result<()> {
        let slot = self.slots;
        self.slots += 1;
        self.inner.push(Action::Take {
            source: c_string(host)?,
            slot,
            read_only,
        });
        shown.push(Action::Show {
            slot,
            target: c_string(guest)?,
        });
        Ok(())
    }
}

impl Plan {
    /// Adds the pipes to the steps.
    pub(crate) fn new(steps: Steps, lifeline: OwnedFd, report: OwnedFd) -> Self {
        let slots = std::iter::repeat_with(|| None).take(steps.slots).collect();
        Self {
            steps,
            slots,
            lifeline,
            report,
        }
    }
}

/// Whether a file is the character device of these numbers. A broken host may have an ordinary file
/// in place of `/dev/null`.
fn is_device(file: &Metadata, major: u32, minor: u32) -> bool {
    let numbers = (
        rustix::fs::major(file.rdev()),
        rustix::fs::minor(file.rdev()),
    );
    file.file_type().is_char_device() && numbers == (major, minor)
}

fn describe(file: &Metadata) -> String {
    let kind = file.file_type();
    if kind.is_char_device() {
        let (major, minor) = (
            rustix::fs::major(file.rdev()),
            rustix::fs::minor(file.rdev()),
        );
        format!("character device {major}:{minor}")
    } else if kind.is_file() {
        format!("a file of {} bytes", file.len())
    } else {
        "no character device".to_owned()
    }
}

fn c_string(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::Nul {
        text: path.display().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_file_is_no_device() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let found = fs_err::metadata(file.path()).unwrap();
        assert!(!is_device(&found, 1, 3));
        assert_eq!(describe(&found), "a file of 0 bytes");
        let zero = fs_err::metadata("/dev/zero").unwrap();
        assert!(is_device(&zero, 1, 5));
        assert!(!is_device(&zero, 1, 3));
        assert_eq!(describe(&zero), "character device 1:5");
    }
}
