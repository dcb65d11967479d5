//! How many parts are in work at once, and chunks and frames of them: counting semaphores that all layers of a
//! build share, so that memory is bounded however many layers run.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

#[derive(Debug)]
pub(crate) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Slots {
    pub(crate) fn new(slots: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Mutex::new(slots.max(1)),
            freed: Condvar::new(),
        })
    }

    /// Waits for a slot and holds it.
    pub(crate) fn take(self: &Arc<Self>) -> Slot {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .freed
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Slot(self.clone())
    }
}

/// One of [`Slots`], until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Slots>);

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
