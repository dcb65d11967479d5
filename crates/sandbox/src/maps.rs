//! What memory a process has, as `/proc/self/maps` tells it (proc_pid_maps(5)).

/// Reads lines of `/proc/self/maps` byte by byte, without allocating.
#[derive(Default)]
pub(crate) struct Lines {
    /// Where in the line: a field's number, from 0, and how far into it.
    field: usize,
    inside: usize,
    from: usize,
    to: usize,
    second: bool,
    /// Readable, writable, not executable, private.
    plain: bool,
    /// No file is mapped there.
    anonymous: bool,
}

impl Lines {
    /// Takes a byte; at the end of a line that is an anonymous mapping, gives its addresses.
    pub(crate) fn next(&mut self, byte: u8) -> Option<(usize, usize)> {
        match (byte, self.field) {
            (b'\n', _) => {
                let line = std::mem::take(self);
                // The kernel's own, such as [stack], have names; of those the heap may go.
                return (line.plain && line.anonymous && line.to > line.from)
                    .then_some((line.from, line.to));
            }
            (b' ', _) => {
                // The last field, a name, stands after many spaces.
                if self.inside > 0 {
                    self.field += 1;
                    self.inside = 0;
                }
                return None;
            }
            (b'-', 0) => self.second = true,
            (digit, 0) => {
                let value = (digit as char).to_digit(16).unwrap_or_default() as usize;
                let address = if self.second {
                    &mut self.to
                } else {
                    &mut self.from
                };
                *address = *address << 4 | value;
            }
            (letter, 1) => {
                self.plain =
                    b"rw-p".get(self.inside) == Some(&letter) && (self.inside == 0 || self.plain);
            }
            (digit, 4) => self.anonymous = self.inside == 0 && digit == b'0',
            (letter, 5) => {
                self.anonymous &= b"[heap]".get(self.inside) == Some(&letter);
            }
            _ => {}
        }
        self.inside += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_mappings_and_the_heap_are_found() {
        let maps = b"55d0c0a00000-55d0c0b00000 rw-p 00000000 08:01 1234    /usr/bin/program\n\
            55d0c1000000-55d0c1200000 rw-p 00000000 00:00 0      [heap]\n\
            7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n\
            7f0000100000-7f0000200000 ---p 00000000 00:00 0 \n\
            7f0000200000-7f0000300000 r-xp 00000000 00:00 0 \n\
            7f0000300000-7f0000400000 rw-s 00000000 00:01 9      /dev/zero (deleted)\n\
            7ffc00000000-7ffc00100000 rw-p 00000000 00:00 0      [stack]\n";
        let mut lines = Lines::default();
        let found: Vec<_> = maps.iter().filter_map(|byte| lines.next(*byte)).collect();
        assert_eq!(
            found,
            [
                (0x55d0_c100_0000, 0x55d0_c120_0000),
                (0x7f00_0000_0000, 0x7f00_0010_0000),
            ]
        );
    }
}
