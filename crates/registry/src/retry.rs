//! How long to wait before the next try: as long as the server says (RFC 9110, 10.2.3), or longer
//! after each failure. Waits end at once where the caller wants to stop.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

use crate::Patience;

/// How often a waiting thread looks whether it should stop.
const LOOK: Duration = Duration::from_millis(25);

impl Patience {
    /// The wait after so many failures in a row.
    pub(crate) fn after(&self, failed: u32) -> Duration {
        let doublings = failed.saturating_sub(1).min(16);
        let wait = self.wait.saturating_mul(1 << doublings).min(self.longest);
        wait / 2 + wait.mul_f64(random() / 2.0)
    }
}

/// Failures in a row.
#[derive(Debug)]
pub(crate) struct Tries {
    patience: Patience,
    failed: u32,
}

/// What follows from a failure.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait for so long and try again.
    Wait(Duration),
    /// It failed often enough.
    Enough,
    /// The server asks for more patience than there is.
    TooLong(Duration),
}

impl Tries {
    pub(crate) fn new(patience: Patience) -> Self {
        Self {
            patience,
            failed: 0,
        }
    }

    /// Something was gained: the count begins anew.
    pub(crate) fn progressed(&mut self) {
        self.failed = 0;
    }

    /// How many failures there were in a row.
    pub(crate) fn failed(&self) -> u32 {
        self.failed
    }

    /// Counts a failure.
    pub(crate) fn next(&mut self, asked: Option<Duration>) -> Next {
        self.failed += 1;
        if self.failed >= self.patience.tries.max(1) {
            return Next::Enough;
        }
        match asked {
            Some(asked) if asked > self.patience.obeyed => Next::TooLong(asked),
            Some(asked) => Next::Wait(asked),
            None => Next::Wait(self.patience.after(self.failed)),
        }
    }
}

/// From 0 to 1; not for secrets.
fn random() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

/// Waits; whether it was to the end.
pub(crate) fn wait(time: Duration, stop: &AtomicBool) -> bool {
    let start = std::time::Instant::now();
    loop {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        match time.checked_sub(start.elapsed()) {
            Some(left) if !left.is_zero() => std::thread::sleep(left.min(LOOK)),
            _ => return true,
        }
    }
}

/// What `Retry-After` says: seconds, or a date of HTTP.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = Timestamp::try_from(now).ok()?;
    let then = DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(then.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let read = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(read("0"), Some(0));
        assert_eq!(read(" 17 "), Some(17));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:27 GMT"), Some(0));
        assert_eq!(read("soon"), None);
        assert_eq!(read("-1"), None);
    }

    #[test]
    fn waits_grow_and_end() {
        let ms = Duration::from_millis;
        let patience = Patience {
            tries: 5,
            wait: ms(100),
            longest: ms(300),
            obeyed: ms(900),
        };
        let mut tries = Tries::new(patience);
        for most in [100, 200, 300] {
            let Next::Wait(wait) = tries.next(None) else {
                panic!()
            };
            assert!(wait >= ms(most / 2) && wait <= ms(most), "{wait:?}");
        }
        assert_eq!(tries.next(Some(ms(900))), Next::Wait(ms(900)));
        assert_eq!(tries.next(None), Next::Enough);
        assert_eq!(tries.failed(), 5);
        tries.progressed();
        assert_eq!(tries.next(Some(ms(901))), Next::TooLong(ms(901)));
    }

    #[test]
    fn a_wait_stops() {
        assert!(wait(Duration::ZERO, &AtomicBool::new(false)));
        assert!(!wait(Duration::from_secs(60), &AtomicBool::new(true)));
    }
}
