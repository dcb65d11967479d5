//! The end of a stream that may be long: kept for messages, bounded in memory.

/// How much of a program's standard error is kept, in bytes.
pub(crate) const KEPT: usize = 1 << 20;

/// The last [`KEPT`] bytes of what was pushed.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// Adds what was read next.
    pub(crate) fn push(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
        // Cut only when twice as long, so that each byte is moved once at most.
        if self.bytes.len() > 2 * KEPT {
            self.bytes.drain(..self.bytes.len() - KEPT);
        }
    }

    /// The kept bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.bytes.len().saturating_sub(KEPT)..]
    }

    /// The last `limit` bytes as text, from the start of a line where that is near.
    pub(crate) fn text(&self, limit: usize) -> String {
        let start = self.bytes.len().saturating_sub(limit);
        let mut end = &self.bytes[start..];
        if start > 0
            && let Some(line) = end.iter().take(limit / 4).position(|&byte| byte == b'\n')
        {
            end = &end[line + 1..];
        }
        String::from_utf8_lossy(end).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_bytes_however_they_arrive() {
        for step in [1000, KEPT / 3, 5 * KEPT] {
            let all: Vec<u8> = (0..5 * KEPT as u64)
                .map(|n| (n.wrapping_mul(31) >> 3) as u8)
                .collect();
            let mut tail = Tail::default();
            for piece in all.chunks(step) {
                tail.push(piece);
                assert!(tail.bytes.len() <= 2 * KEPT.max(step));
            }
            assert_eq!(tail.bytes(), &all[4 * KEPT..]);
        }
    }

    #[test]
    fn short_text_is_whole_and_long_text_starts_with_a_line() {
        let mut tail = Tail::default();
        tail.push(b"one\ntwo\xff\n");
        assert_eq!(tail.text(100), "one\ntwo\u{fffd}");
        tail.push(b"three 3 four 4 five 5\n");
        assert_eq!(tail.text(24), "three 3 four 4 five 5");
    }
}
