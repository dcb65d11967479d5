//! How the C library's allocator keeps memory.

/// Keeps all threads to two arenas. By default each gets its own, as far as eight for each core go, and
/// what a thread has freed stays with it: twice the memory for nothing, as large buffers are used again
/// by `layer`. What is large goes back to the system at once: by default the bound for that moves up to the
/// largest that was ever freed, and holes stay.
#[cfg(target_env = "gnu")]
pub fn bound() {
    // SAFETY: options of malloc(3) with valid values, before any other thread is started.
    #[expect(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 512 << 10);
    }
}

#[cfg(not(target_env = "gnu"))]
pub fn bound() {}
