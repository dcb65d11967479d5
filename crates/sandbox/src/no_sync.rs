//! A seccomp filter under which nothing waits for the disk: the calls that would are said to have
//! succeeded. A root is thrown away when anything fails, so nothing in it needs to be on the disk;
//! and `sync` would wait for all that the host is writing.

use libc::{
    BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO,
    sock_filter,
};

/// linux/audit.h: `AUDIT_ARCH_*`, which libc does not have.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Calls that write out what is in memory, and change nothing else.
const CALLS: [libc::c_long; 6] = [
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync,
    libc::SYS_syncfs,
    libc::SYS_sync_file_range,
    libc::SYS_msync,
];

/// Offsets in `struct seccomp_data`, in bytes.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;

/// The filter. Programs of another architecture are let through.
pub(crate) fn filter() -> Vec<sock_filter> {
    let load = |offset| instruction(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
    let give = |value| instruction(BPF_RET | BPF_K, value, 0, 0);
    // Jumps count from the next instruction; the last two are "allowed" and "done".
    let calls = CALLS.len() as u8;
    let mut filter = vec![
        load(ARCH),
        instruction(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, calls + 1),
        load(NUMBER),
    ];
    for (at, call) in (0..calls).zip(CALLS) {
        let done = calls - at;
        filter.push(instruction(BPF_JMP | BPF_JEQ | BPF_K, call as u32, done, 0));
    }
    filter.push(give(SECCOMP_RET_ALLOW));
    // No error: the call returns 0.
    filter.push(give(SECCOMP_RET_ERRNO));
    filter
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    let code = code as u16;
    sock_filter { code, jt, jf, k }
}
