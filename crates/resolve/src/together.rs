//! Several questions to the network at a time.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use crate::Result;

/// How many are asked at a time.
const AT_ONCE: usize = 8;

/// The answers to all questions, in their order. After the first failure no other is asked.
///
/// # Errors
/// That failure.
pub(crate) fn each<Q: Sync, A: Send>(
    questions: &[Q],
    ask: impl Fn(&Q) -> Result<A> + Sync,
) -> Result<Vec<A>> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(questions.len()));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(question) = questions.get(at) else {
                return;
            };
            let answer = ask(question);
            if answer.is_err() {
                next.store(questions.len(), Ordering::Relaxed);
            }
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            answers.push((at, answer));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..questions.len().min(AT_ONCE) {
            scope.spawn(work);
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_until_one_fails() {
        let numbers: Vec<u32> = (0..100).collect();
        let doubled = each(&numbers, |number| Ok(number * 2)).unwrap();
        assert!(
            doubled
                .iter()
                .enumerate()
                .all(|(at, two)| at * 2 == *two as usize)
        );
        let failed = each(&numbers, |number| match number {
            50 => Err(crate::Error::Lost),
            _ => Ok(()),
        });
        assert!(matches!(failed, Err(crate::Error::Lost)));
    }
}
