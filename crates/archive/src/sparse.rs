//! Sparse files: which stretches of a file an archive stores. GNU's old form has the map in the
//! header and in blocks after it; the PAX forms 0.0, 0.1 and 1.0 have it in records or before the
//! data (GNU tar manual, "Storing Sparse Files").

use crate::pax::number;

/// More stretches than this are no honest file's.
pub(crate) const MOST: usize = 1 << 20;

/// A file with holes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Sparse {
    /// Size with the holes, in bytes.
    pub(crate) size: u64,
    /// Offset and length of what is stored, in order, in bytes.
    pub(crate) stretches: Vec<(u64, u64)>,
}

impl Sparse {
    /// Checks the map against itself and the number of bytes that the archive stores. The error
    /// is a sentence.
    pub(crate) fn check(&self, stored: u64) -> Result<(), String> {
        let (mut end, mut sum) = (0u64, 0u64);
        for (offset, length) in &self.stretches {
            // Each stretch begins with a block, so only the last one can end within a block.
            if *offset < end || (*length > 0 && sum % 512 != 0) {
                return Err(format!("its map of holes is out of order at byte {offset}"));
            }
            end = offset
                .checked_add(*length)
                .filter(|end| *end <= self.size)
                .ok_or_else(|| format!("its map of holes ends after its {} bytes", self.size))?;
            sum += length;
        }
        match sum == stored {
            true => Ok(()),
            false => Err(format!(
                "its map of holes has {sum} stored bytes, the header {stored}"
            )),
        }
    }
}

/// The map of PAX form 0.1: offsets and lengths, all with commas between them.
pub(crate) fn from_list(text: &[u8]) -> Option<Vec<(u64, u64)>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let numbers: Vec<u64> = text
        .split(|byte| *byte == b',')
        .map(number)
        .collect::<Option<_>>()?;
    let (pairs, rest) = numbers.as_chunks::<2>();
    rest.is_empty().then(|| {
        pairs
            .iter()
            .map(|[offset, length]| (*offset, *length))
            .collect()
    })
}

/// The map of PAX form 1.0, which stands before the data: a count, then offsets and lengths, each
/// on a line of its own.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    line: Vec<u8>,
    count: Option<usize>,
    numbers: Vec<u64>,
}

impl Lines {
    /// Takes one block; `None` where it is malformed, `Some(true)` where the map ends in it.
    pub(crate) fn block(&mut self, block: &[u8]) -> Option<bool> {
        for byte in block {
            if *byte != b'\n' {
                self.line.push(*byte);
                // A number of 64 bits has at most 20 digits.
                if self.line.len() > 20 {
                    return None;
                }
                continue;
            }
            let number = number(&self.line)?;
            self.line.clear();
            let count = match self.count {
                None => {
                    let count = usize::try_from(number)
                        .ok()
                        .filter(|count| *count <= MOST)?;
                    self.count = Some(count);
                    count
                }
                Some(count) => {
                    self.numbers.push(number);
                    count
                }
            };
            if self.numbers.len() == 2 * count {
                return Some(true);
            }
        }
        Some(false)
    }

    /// The stretches, once the map has ended.
    pub(crate) fn stretches(self) -> Vec<(u64, u64)> {
        let (pairs, _) = self.numbers.as_chunks::<2>();
        pairs
            .iter()
            .map(|[offset, length]| (*offset, *length))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sparse(size: u64, stretches: &[(u64, u64)]) -> Sparse {
        Sparse {
            size,
            stretches: stretches.to_vec(),
        }
    }

    #[test]
    fn honest_maps() {
        assert_eq!(sparse(0, &[]).check(0), Ok(()));
        assert_eq!(
            sparse(5000, &[(512, 1024), (4096, 9), (5000, 0)]).check(1033),
            Ok(())
        );
    }

    #[test]
    fn maps_that_lie() {
        for (map, stored, why) in [
            (sparse(10, &[(8, 4)]), 4, "ends after its 10 bytes"),
            (
                sparse(9000, &[(1024, 512), (512, 512)]),
                1024,
                "out of order at byte 512",
            ),
            (
                sparse(9000, &[(0, 9), (512, 9)]),
                18,
                "out of order at byte 512",
            ),
            (
                sparse(9000, &[(0, 512)]),
                1024,
                "has 512 stored bytes, the header 1024",
            ),
            (sparse(u64::MAX, &[(u64::MAX, 2)]), 2, "ends after"),
        ] {
            let error = map.check(stored).unwrap_err();
            assert!(error.contains(why), "{map:?}: {error}");
        }
    }

    #[test]
    fn both_texts_say_the_same() {
        let expected = vec![(0, 512), (2048, 7)];
        assert_eq!(from_list(b"0,512,2048,7"), Some(expected.clone()));
        assert_eq!((from_list(b"0,512,1"), from_list(b"0,,1,2")), (None, None));
        let mut lines = Lines::default();
        assert_eq!(lines.block(b"2\n0\n51"), Some(false));
        assert_eq!(lines.block(b"2\n2048\n7\n\0\0\0"), Some(true));
        assert_eq!(lines.stretches(), expected);
        assert_eq!(Lines::default().block(b"0\n\0\0"), Some(true));
        assert_eq!(Lines::default().block(b"\0\0\n"), None);
        assert_eq!(Lines::default().block(b"99999999999\n"), None);
    }
}
