//! Buffers for chunks and frames, used again: a build passes many gigabytes through them, and memory
//! that comes fresh from the system costs a fault for every page.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

/// So many that nobody uses are kept at most; more are given back to the system.
const WAITING: usize = 16;

/// By what is in them: a buffer keeps the memory that it once had, and what is packed needs less.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    /// For the bytes of the tar. There are only so many: who wants one more waits.
    pub(crate) plain: Arc<Buffers>,
    /// For what is packed. Each belongs to a chunk, or to one of the frames that a part has under way.
    pub(crate) packed: Arc<Buffers>,
}

impl Pools {
    /// For so many threads that compress, and parts that are in work at once: of each a chunk is being filled,
    /// and one hashed.
    pub(crate) fn new(threads: usize, parts: usize) -> Self {
        Self {
            plain: Arc::new(Buffers::limited(threads + 2 * parts)),
            packed: Arc::new(Buffers::limited(usize::MAX)),
        }
    }
}

/// Those that nobody uses just now.
#[derive(Debug)]
pub(crate) struct Buffers {
    state: Mutex<State>,
    returned: Condvar,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Vec<u8>>,
    in_use: usize,
}

impl Buffers {
    fn limited(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            returned: Condvar::new(),
            limit,
        }
    }

    /// An empty buffer, which comes back when it is dropped. Waits while as many as may be are in use: so
    /// who takes one must not hold another that nobody else will return.
    pub(crate) fn take(home: &Arc<Self>) -> Buffer {
        let mut state = home
            .returned
            .wait_while(home.state(), |state| state.in_use >= home.limit)
            .unwrap_or_else(PoisonError::into_inner);
        state.in_use += 1;
        let bytes = state.waiting.pop().unwrap_or_default();
        let home = Some(home.clone());
        Buffer { bytes, home }
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut state = self.state();
        state.in_use -= 1;
        if bytes.capacity() > 0 && state.waiting.len() < WAITING {
            state.waiting.push(bytes);
        }
        self.returned.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that return to [`Buffers`].
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// Nobody's, where it was not taken.
    home: Option<Arc<Buffers>>,
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
        if let Some(home) = &self.home {
            home.give_back(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_next_waits_for_one_to_return() {
        let home = Arc::new(Buffers::limited(2));
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
        assert_eq!(home.state().in_use, 0);
    }
}
