//! The same work for many things, on several threads.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Does `work` for all of `items`, at most `limit` of them at once, and gives what it gave in their order.
/// After a failure no more are begun; those under way come to their ends.
///
/// # Errors
/// The first failure, in the order of time.
pub fn at_once<T: Sync, R: Send, E: Send>(
    limit: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let done = Mutex::new(BTreeMap::new());
    let failed = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..items.len().min(limit) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { return };
                    match work(item) {
                        Ok(result) => {
                            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                            done.insert(at, result);
                        }
                        Err(error) => {
                            stop.store(true, Ordering::Relaxed);
                            let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                            failed.get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => {
            let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok(done.into_values().collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_and_ended_by_a_failure() {
        let items: Vec<usize> = (0..100).collect();
        let doubled = at_once(3, &items, |item| Ok::<_, ()>(item * 2)).unwrap();
        assert_eq!(doubled, (0..100).map(|item| item * 2).collect::<Vec<_>>());
        let begun = AtomicUsize::new(0);
        let failed = at_once(2, &items, |item| {
            begun.fetch_add(1, Ordering::Relaxed);
            if *item == 5 { Err("five") } else { Ok(()) }
        });
        assert_eq!(failed, Err("five"));
        assert!(begun.into_inner() <= 100);
        assert_eq!(at_once(4, &[0; 0], |_| Err::<(), _>(())), Ok(Vec::new()));
    }
}
