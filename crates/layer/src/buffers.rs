//! Buffers for chunks and frames, used again: a build passes many gigabytes through them, and memory
//! that comes fresh from the system costs a fault for every page.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::slots::{Slot, Slots};

/// So many that nobody uses are kept at most; more are given back to the system.
const WAITING: usize = 16;

/// By what is in them: a buffer keeps the memory that it once had, and what is packed needs less.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    /// For the bytes of the tar. There are only so many: who wants one more waits.
    pub(crate) plain: Arc<Buffers>,
    /// For what is packed. Each belongs to a chunk, or to one of the frames that are under way.
    pub(crate) packed: Arc<Buffers>,
}

impl Pools {
    /// For so many chunks at once.
    pub(crate) fn new(chunks: usize) -> Self {
        let limited = Buffers {
            slots: Some(Slots::new(chunks)),
            ..Buffers::default()
        };
        Self {
            plain: Arc::new(limited),
            packed: Arc::default(),
        }
    }

    /// Gives the memory of those that nobody uses back to the system.
    pub(crate) fn release(&self) {
        for buffers in [&self.plain, &self.packed] {
            let waiting = std::mem::take(&mut *buffers.waiting());
            drop(waiting);
        }
    }
}

/// Those that nobody uses just now.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    waiting: Mutex<Vec<Vec<u8>>>,
    slots: Option<Arc<Slots>>,
}

impl Buffers {
    /// An empty buffer, which comes back when it is dropped. Waits while as many as may be are in use: so
    /// who takes one must not hold another that nobody else will return.
    pub(crate) fn take(home: &Arc<Self>) -> Buffer {
        let slot = home.slots.as_ref().map(Slots::take);
        Buffer {
            bytes: home.waiting().pop().unwrap_or_default(),
            home: Some(home.clone()),
            _slot: slot,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that return to [`Buffers`].
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// Nobody's, where it was not taken.
    home: Option<Arc<Buffers>>,
    _slot: Option<Slot>,
}

impl Buffer {
    /// Whether it has no memory, and never had.
    pub(crate) fn is_none(&self) -> bool {
        self.home.is_none()
    }
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
        let Some(home) = &self.home else { return };
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut waiting = home.waiting();
        if bytes.capacity() > 0 && waiting.len() < WAITING {
            waiting.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_nobody_uses_is_given_back() {
        let pools = Pools::new(2);
        let mut used = Buffers::take(&pools.plain);
        for buffers in [&pools.plain, &pools.packed] {
            Buffers::take(buffers).extend_from_slice(b"memory");
            assert_eq!(buffers.waiting().len(), 1);
        }
        used.extend_from_slice(b"kept");
        pools.release();
        assert!(pools.plain.waiting().is_empty() && pools.packed.waiting().is_empty());
        assert_eq!(used.as_slice(), b"kept");
    }

    #[test]
    fn the_next_waits_for_one_to_return() {
        let home = Pools::new(2).plain;
        let (mut first, second) = (Buffers::take(&home), Buffers::take(&home));
        first.extend_from_slice(b"first");
        let memory = first.as_ptr() as usize;
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| tell.send(Buffers::take(&home)));
            // In vain, however long one waits; a moment does, to see one that does not.
            assert!(told.recv_timeout(Duration::from_millis(50)).is_err());
            drop(first);
            let third = told.recv().unwrap();
            assert!(third.is_empty());
            assert_eq!(third.as_ptr() as usize, memory);
        });
        drop(second);
        // The second never had memory to be kept; both are free to be taken again.
        assert_eq!(home.waiting().len(), 1);
        let _both = (Buffers::take(&home), Buffers::take(&home));
    }
}
