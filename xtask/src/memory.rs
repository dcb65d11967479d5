//! How the C library's allocator keeps memory.

/// Keeps all threads to two arenas. By default each gets its own, as far as eight for each core go, and
/// what a thread has freed stays with it: twice the memory for nothing, as large buffers are used again
/// by `layer`.
#[cfg(target_env = "gnu")]
pub fn bound() {
    // SAFETY: an option of malloc(3) with a valid value, before any other thread is started.
    #[expect(unsafe_code)]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}

#[cfg(not(target_env = "gnu"))]
pub fn bound() {}
