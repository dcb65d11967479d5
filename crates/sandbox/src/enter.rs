//! From a fork of ours to the program inside: guard, init, exec. The only file with unsafe code,
//! and the reason is one: after a fork of a process with threads, and until exec, code may make
//! system calls but not allocate, lock or panic. What the steps are is `action`'s and `plan`'s.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, Result};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, kill_process, pidfd_open, setsid,
    wait, waitpid,
};
use rustix::thread::UnshareFlags;

use crate::action::{Action, Slots};
use crate::maps::Lines;
use crate::plan::{Plan, STARTING};

/// The status of a guard or init that could not do its work; the report says why.
const BROKEN: i32 = 125;

/// The lifeline's and the pidfd's numbers in the guard, which has no other files.
const LIFELINE: RawFd = 0;

/// Makes `command` start inside.
pub(crate) fn arrange(command: &mut Command, mut plan: Plan) {
    // SAFETY: `enter` and what it calls make system calls on memory prepared before the fork.
    unsafe { command.pre_exec(move || enter(&mut plan).map_err(Into::into)) };
}

/// Runs in the child that `Command` forks, which becomes the guard. Returns in the program-to-be
/// alone.
fn enter(plan: &mut Plan) -> Result<()> {
    default_signals();
    // Away from the terminal's signals: the guard must outlive init.
    setsid()?;
    rustix::process::umask(rustix::fs::Mode::WGRP | rustix::fs::Mode::WOTH);

    let Plan {
        steps,
        slots,
        lifeline,
        report,
    } = plan;
    take(&steps.outer, 0, slots, report)?;

    let started = pidfd_open(getpid(), PidfdFlags::empty())
        .and_then(|guard| fork().map(|forked| (guard, forked)));
    match started {
        Err(errno) => Err(tell(report, STARTING, errno)),
        Ok((_, Some(init))) => guard(init, lifeline, report),
        Ok((guard, None)) => {
            let first = steps.outer.len();
            if take(&steps.inner, first, slots, report).is_err() {
                exit(BROKEN);
            }
            begin(&guard, report)
        }
    }
}

/// Takes steps in their order; the first one that fails is reported.
fn take(steps: &[Action], first: usize, slots: &mut Slots, report: &OwnedFd) -> Result<()> {
    for (number, step) in steps.iter().enumerate() {
        if let Err(errno) = step.perform(slots) {
            return Err(tell(report, (first + number) as u32, errno));
        }
    }
    Ok(())
}

/// The guard: waits until init ends or the parent wants it to, and leaves with the program's
/// status.
fn guard(init: Pid, lifeline: &OwnedFd, report: &OwnedFd) -> ! {
    let watched = pidfd_open(init, PidfdFlags::empty());
    if let Err(errno) = &watched {
        tell(report, STARTING, *errno);
        let _ = kill_process(init, Signal::KILL);
    }
    // SAFETY: plain system call. The program's stdin, which was 0, is init's and the program's now.
    let lifeline = unsafe { libc::dup2(lifeline.as_raw_fd(), LIFELINE) };
    let kept = watched.as_ref().map_or(LIFELINE, |fd| fd.as_raw_fd());
    forget_memory();
    // Everything else goes: std's exec pipe and the stdio pipes, so that the parent sees their
    // ends, and all lifelines, this sandbox's own writing end among them.
    close_range(LIFELINE + 1, kept - 1);
    close_range(kept.max(LIFELINE) + 1, RawFd::MAX);

    if let Ok(watched) = &watched
        && lifeline == LIFELINE
    {
        // SAFETY: open, as just made, for as long as this process lives.
        let lifeline = unsafe { std::os::fd::BorrowedFd::borrow_raw(LIFELINE) };
        loop {
            let mut events = [
                PollFd::from_borrowed_fd(lifeline, PollFlags::IN),
                PollFd::new(watched, PollFlags::IN),
            ];
            match poll(&mut events, None) {
                Err(Errno::INTR) => continue,
                Ok(_) if !events[1].revents().is_empty() => break,
                _ => {}
            }
            // The lifeline ended (or polling failed, and a sandbox without a guard must not be).
            let _ = kill_process(init, Signal::KILL);
            break;
        }
    } else {
        let _ = kill_process(init, Signal::KILL);
    }
    loop {
        match waitpid(Some(init), WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            Ok(Some((_, status))) => exit(code(status)),
            _ => exit(BROKEN),
        }
    }
}

/// Init, with the inside prepared: starts the program, then reaps until it ends.
fn begin(guard: &OwnedFd, report: &OwnedFd) -> Result<()> {
    // After the last change of ids, which would clear it. The guard has one thread, so this is
    // exact; and should it be gone already, its pidfd says so.
    let watched = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let mut events = [PollFd::new(guard, PollFlags::IN)];
    let gone = poll(
        &mut events,
        Some(&Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        }),
    );
    let forked = watched
        .and(gone)
        .and_then(|gone| if gone == 0 { fork() } else { Err(Errno::SRCH) });
    match forked {
        Err(errno) => {
            tell(report, STARTING, errno);
            exit(BROKEN);
        }
        Ok(Some(program)) => {
            forget_memory();
            close_range(0, RawFd::MAX);
            loop {
                match wait(WaitOptions::empty()) {
                    Ok(Some((pid, status))) if pid == program => exit(code(status)),
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(_) => exit(BROKEN),
                }
            }
        }
        Ok(None) => {
            setsid()?;
            // SAFETY: plain system call; marks all but stdio to be closed by exec.
            let marked = unsafe {
                libc::syscall(
                    libc::SYS_close_range,
                    3 as libc::c_uint,
                    libc::c_uint::MAX,
                    libc::CLOSE_RANGE_CLOEXEC,
                )
            };
            if marked == 0 {
                Ok(())
            } else {
                Err(last_error())
            }
        }
    }
}

/// Leaves the host's mounts, processes, network, IPC and host name.
pub(crate) fn leave_host() -> Result<()> {
    let spaces = UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS;
    // SAFETY: no file descriptor table is unshared, which is what could break Rust's ownership of
    // them.
    unsafe { rustix::thread::unshare_unsafe(spaces) }
}

/// Makes a user namespace of our own, in which no id is mapped yet.
pub(crate) fn new_user_namespace() -> Result<()> {
    // SAFETY: as in `leave_host`.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER) }
}

/// Makes the mount at `path` from `at` read-only (`c""`: the mount that `at` is), and leaves its
/// other flags, some of which a user namespace may not change.
pub(crate) fn make_read_only(at: impl AsFd, path: &CStr, recursive: bool) -> Result<()> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let mut flags = libc::AT_EMPTY_PATH;
    if recursive {
        flags |= libc::AT_RECURSIVE;
    }
    // SAFETY: path and attributes outlive the call, and the size given is theirs.
    let made = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            at.as_fd().as_raw_fd(),
            path.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if made == 0 { Ok(()) } else { Err(last_error()) }
}

/// Puts a seccomp filter on this process and all that come of it.
pub(crate) fn filter_calls(filter: &[libc::sock_filter]) -> Result<()> {
    let program = libc::sock_fprog {
        len: filter.len() as libc::c_ushort,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: program and filter outlive the call, which copies them and does not write.
    let made = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0 as libc::c_ulong,
            &raw const program,
        )
    };
    if made == 0 { Ok(()) } else { Err(last_error()) }
}

/// A forked process that has done one thing and waits, so that what it did can be looked at.
/// Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// Its number.
    pub(crate) pid: Pid,
    /// It ends when this does.
    release: Option<OwnedFd>,
}

impl Waiting {
    /// Forks; the child does `task`, which must make system calls only.
    pub(crate) fn new(task: impl FnOnce() -> Result<()>) -> io::Result<Self> {
        let (done, done_end) = pipe_with(PipeFlags::CLOEXEC)?;
        let (released, release) = pipe_with(PipeFlags::CLOEXEC)?;
        match fork()? {
            None => {
                default_signals();
                drop(release);
                let errno = task().err().map_or(0, Errno::raw_os_error);
                let _ = rustix::io::write(&done_end, &errno.to_ne_bytes());
                let mut byte = [0];
                while rustix::io::read(&released, &mut byte) == Err(Errno::INTR) {}
                exit(0)
            }
            Some(pid) => {
                drop(done_end);
                let waiting = Self {
                    pid,
                    release: Some(release),
                };
                let mut errno = [0; 4];
                io::Read::read_exact(&mut std::fs::File::from(done), &mut errno)?;
                match i32::from_ne_bytes(errno) {
                    0 => Ok(waiting),
                    errno => Err(io::Error::from_raw_os_error(errno)),
                }
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.release = None;
        while matches!(
            waitpid(Some(self.pid), WaitOptions::empty()),
            Err(Errno::INTR)
        ) {}
    }
}

/// Forks: the child's number, or none in the child.
fn fork() -> Result<Option<Pid>> {
    // SAFETY: both sides keep to system calls where this process had threads, as the module says.
    match unsafe { libc::fork() } {
        -1 => Err(last_error()),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Writes which step failed, and returns why.
fn tell(report: &OwnedFd, step: u32, errno: Errno) -> Errno {
    let [a, b, c, d] = step.to_ne_bytes();
    let [e, f, g, h] = errno.raw_os_error().to_ne_bytes();
    // Eight bytes are written whole or not at all, and there is nobody else to tell.
    let _ = rustix::io::write(report, &[a, b, c, d, e, f, g, h]);
    errno
}

/// Forgets handlers, which are code of ours, and what was ignored or blocked.
fn default_signals() {
    // The kernel's sigaction with all of it zero: the default, no flags, nothing masked. By system
    // call, since libc keeps 32 and 33 for itself, and a parent may have ignored those as well.
    let default = [0_u64; 4];
    for signal in 1..=64 {
        // SAFETY: the structure is no longer than given and outlives the call; 8 is the size of the
        // kernel's signal set. KILL and STOP are refused, which is right.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal as libc::c_int,
                default.as_ptr(),
                std::ptr::null_mut::<u64>(),
                8_usize,
            )
        };
    }
    // SAFETY: the set is initialised by sigemptyset, and outlives the call.
    unsafe {
        let mut none = std::mem::zeroed::<libc::sigset_t>();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Gives back what a fork shares of our memory and does not need: as long as it shares a page, one that
/// we change is there twice. Large anonymous mappings go, the heap among them; the stack stays, and with
/// it all that a guard or init still has to know.
fn forget_memory() {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    let Ok(maps) = rustix::fs::open(c"/proc/self/maps", flags, rustix::fs::Mode::empty()) else {
        return;
    };
    let mut lines = Lines::default();
    let here = (&raw const lines).addr();
    let mut block = [0; 4096];
    while let Ok(read @ 1..) = rustix::io::read(&maps, &mut block) {
        for byte in &block[..read] {
            let Some((from, to)) = lines.next(*byte) else {
                continue;
            };
            if to - from >= LARGE && !(from..to).contains(&here) {
                // SAFETY: from here on this process makes system calls on what lies on its stack.
                unsafe {
                    libc::madvise(
                        std::ptr::with_exposed_provenance_mut(from),
                        to - from,
                        libc::MADV_DONTNEED,
                    )
                };
            }
        }
    }
}

/// Smaller mappings are left: thread-local data of the main thread is in one.
const LARGE: usize = 1 << 20;

/// Closes all files from `first` to `last`, both included; none where `last` is smaller.
fn close_range(first: RawFd, last: RawFd) {
    if last >= first {
        // SAFETY: used in processes that return to no Rust code which owns one of these.
        unsafe {
            libc::syscall(
                libc::SYS_close_range,
                first as libc::c_uint,
                last as libc::c_uint,
                0,
            )
        };
    }
}

/// A status as shells give it.
fn code(status: WaitStatus) -> i32 {
    status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|n| 128 + n))
        .unwrap_or(BROKEN)
}

/// Ends a process that shares our memory, without running what Rust or libc do at exit.
fn exit(status: i32) -> ! {
    // SAFETY: always sound.
    unsafe { libc::_exit(status) }
}

fn last_error() -> Errno {
    // SAFETY: libc's pointer to this thread's errno is always valid.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}
