//! The steps that turn a fresh process into the inside of the sandbox. Each is prepared before the
//! fork, paths as C strings included, so that taking it is a system call or two and allocates
//! nothing.

use std::ffi::{CStr, CString};
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags,
};
use rustix::thread::CapabilitySet;

use crate::enter;

/// The name of every sandbox's host.
const HOSTNAME: &[u8] = b"strata";

/// What package scripts need as root. Without `SYS_ADMIN` a read-only root stays read-only, without
/// `MKNOD` the host's disks stay out of reach; a user namespace would refuse the latter anyway.
const CAPABILITIES: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::AUDIT_WRITE);

/// Mounts taken from the host before its root is gone, by number.
pub(crate) type Slots = [Option<OwnedFd>];

/// One step. `Display` continues the sentence "cannot …".
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Join a user namespace in which we are root.
    JoinUser(Arc<OwnedFd>),
    /// Leave the host's namespaces, users apart.
    Unshare,
    /// Keep later mounts from reaching the host.
    Private,
    /// Take a mount from the host, with what is mounted below it.
    Take {
        source: CString,
        slot: usize,
        read_only: bool,
    },
    /// Make a file system of this process namespace's processes. In a user namespace the kernel
    /// allows it only while another whole one is in sight, which is the host's.
    Processes { slot: usize },
    /// Make a folder the root, and drop the host's.
    Enter(CString),
    /// Make a folder, unless something is there.
    Folder(CString),
    /// Make an empty file, unless something is there.
    File(CString),
    /// Mount a new file system.
    Mount {
        kind: &'static CStr,
        target: &'static CStr,
        data: &'static CStr,
        no_exec: bool,
    },
    /// Show a mount that was taken.
    Show { slot: usize, target: CString },
    /// Make a symbolic link.
    Link {
        to: &'static CStr,
        at: &'static CStr,
    },
    /// Make the root itself read-only, mounts on it apart.
    Freeze,
    /// Name the host.
    Hostname,
    /// Become user and group 0, in no other group.
    Identity,
    /// Give up all capabilities but those of package scripts.
    Limit,
    /// Let nothing wait for the disk.
    NoSync(Vec<libc::sock_filter>),
}

impl Action {
    /// Takes the step.
    pub(crate) fn perform(&self, slots: &mut Slots) -> Result<()> {
        match self {
            Self::JoinUser(namespace) => rustix::thread::move_into_link_name_space(
                namespace.as_fd(),
                Some(rustix::thread::LinkNameSpaceType::User),
            ),
            Self::Unshare => enter::leave_host(),
            Self::Private => rustix::mount::mount_change(
                c"/",
                MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
            ),
            Self::Take {
                source,
                slot,
                read_only,
            } => {
                let mount = rustix::mount::open_tree(
                    CWD,
                    source.as_c_str(),
                    OpenTreeFlags::OPEN_TREE_CLONE
                        | OpenTreeFlags::OPEN_TREE_CLOEXEC
                        | OpenTreeFlags::AT_RECURSIVE,
                )?;
                if *read_only {
                    enter::make_read_only(mount.as_fd(), c"", true)?;
                }
                slots[*slot] = Some(mount);
                Ok(())
            }
            Self::Processes { slot } => {
                let context = rustix::mount::fsopen(c"proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
                rustix::mount::fsconfig_create(context.as_fd())?;
                let mount = rustix::mount::fsmount(
                    context.as_fd(),
                    FsMountFlags::FSMOUNT_CLOEXEC,
                    MountAttrFlags::MOUNT_ATTR_NOSUID
                        | MountAttrFlags::MOUNT_ATTR_NODEV
                        | MountAttrFlags::MOUNT_ATTR_NOEXEC,
                )?;
                slots[*slot] = Some(mount);
                Ok(())
            }
            Self::Enter(root) => make_root(root),
            Self::Folder(path) => absent_is_made(rustix::fs::mkdir(
                path.as_c_str(),
                Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH,
            )),
            Self::File(path) => absent_is_made(
                rustix::fs::open(
                    path.as_c_str(),
                    OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC,
                    Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH,
                )
                .map(drop),
            ),
            Self::Mount {
                kind,
                target,
                data,
                no_exec,
            } => {
                let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
                if *no_exec {
                    flags |= MountFlags::NOEXEC;
                }
                rustix::mount::mount(*kind, *target, *kind, flags, *data)
            }
            Self::Show { slot, target } => {
                let mount = slots[*slot].take().ok_or(Errno::BADF)?;
                rustix::mount::move_mount(
                    mount.as_fd(),
                    c"",
                    CWD,
                    target.as_c_str(),
                    MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS,
                )
            }
            Self::Link { to, at } => rustix::fs::symlink(*to, *at),
            Self::Freeze => enter::make_read_only(CWD, c"/", false),
            Self::Hostname => rustix::system::sethostname(HOSTNAME),
            Self::Identity => become_root(),
            Self::Limit => limit_capabilities(),
            Self::NoSync(filter) => enter::filter_calls(filter),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JoinUser(_) => write!(f, "join the user namespace"),
            Self::Unshare => write!(f, "leave the namespaces of the host"),
            Self::Private => write!(f, "keep mounts from reaching the host"),
            Self::Take { source, .. } => {
                write!(f, "take {} from the host", source.to_string_lossy())
            }
            Self::Processes { .. } => {
                write!(
                    f,
                    "make a new /proc (where we are in a container, its own must not be masked)"
                )
            }
            Self::Enter(root) => write!(f, "make {} the root", root.to_string_lossy()),
            Self::Folder(path) => write!(f, "make the folder {} inside", path.to_string_lossy()),
            Self::File(path) => write!(f, "make the file {} inside", path.to_string_lossy()),
            Self::Mount { kind, target, .. } => {
                write!(
                    f,
                    "mount {} at {}",
                    kind.to_string_lossy(),
                    target.to_string_lossy()
                )
            }
            Self::Show { target, .. } => {
                write!(f, "mount what was prepared at {}", target.to_string_lossy())
            }
            Self::Link { at, .. } => write!(f, "make the link {}", at.to_string_lossy()),
            Self::Freeze => write!(f, "make the root read-only (this needs Linux 5.12)"),
            Self::Hostname => write!(f, "name the host"),
            Self::Identity => write!(f, "become user 0 and group 0"),
            Self::Limit => write!(f, "give up capabilities"),
            Self::NoSync(_) => write!(f, "filter system calls (this needs seccomp)"),
        }
    }
}

/// A folder or file that is there already is as good as made.
fn absent_is_made(made: Result<()>) -> Result<()> {
    match made {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

/// pivot_root(2), section "pivot_root(".", ".")": the old root is stacked on the new one, and taken
/// off. All later paths are resolved inside, so a symbolic link of the image leads nowhere else.
fn make_root(root: &CStr) -> Result<()> {
    rustix::mount::mount_bind(root, root)?;
    rustix::process::chdir(root)?;
    rustix::process::pivot_root(c".", c".")?;
    rustix::mount::unmount(c".", UnmountFlags::DETACH)?;
    rustix::process::chdir(c"/")
}

fn become_root() -> Result<()> {
    use rustix::process::{Gid, Uid};
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)
}

fn limit_capabilities() -> Result<()> {
    rustix::thread::clear_ambient_capability_set()?;
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if CAPABILITIES.contains(capability) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // The first number that this kernel does not know.
            Err(Errno::INVAL) => break,
            other => other?,
        }
    }
    Ok(())
}
