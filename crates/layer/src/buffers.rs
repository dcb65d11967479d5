//! Buffers for chunks and frames, used again: a build passes many gigabytes through them, and memory
//! that comes fresh from the system costs a fault for every page.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

/// So many wait at most; more are given back to the system.
const WAITING: usize = 16;

/// By what is in them: a buffer keeps the memory that it once had, and what is packed needs less.
#[derive(Debug, Default, Clone)]
pub(crate) struct Pools {
    pub(crate) plain: Arc<Buffers>,
    pub(crate) packed: Arc<Buffers>,
}

/// Those that nobody uses just now.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer, which comes back when it is dropped.
    pub(crate) fn take(home: &Arc<Self>) -> Buffer {
        let bytes = home.waiting().pop().unwrap_or_default();
        Buffer {
            bytes,
            home: home.clone(),
        }
    }

    /// An empty buffer without memory.
    pub(crate) fn none(home: &Arc<Self>) -> Buffer {
        Buffer {
            bytes: Vec::new(),
            home: home.clone(),
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that return to [`Buffers`].
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    home: Arc<Buffers>,
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() == 0 {
            return;
        }
        bytes.clear();
        let mut waiting = self.home.waiting();
        if waiting.len() < WAITING {
            waiting.push(bytes);
        }
    }
}
