//! Files whose bytes need not stay in the page cache: a blob may be as large as a machine's memory, is seldom
//! read more than once, and would push out what other programs have there.

use std::{
    io::{self, IoSlice, Write},
    os::fd::AsFd,
};

use rustix::io::{Errno, ReadWriteFlags, pwritev2};

/// `RWF_DONTCACHE`: the pages are given up once they are on the disk, which nobody waits for (Linux 6.14, on
/// file systems that can do it).
const DONT_CACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);
/// The offset that stands for the file's own position (pwritev2(2)).
const HERE: u64 = u64::MAX;

/// Whether what is written stays in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cached {
    Yes,
    /// Where the kernel and the file system can do it; elsewhere it stays.
    No,
}

/// Writes to a file at its position; its bytes pass through the page cache, or stay there.
#[derive(Debug)]
pub(crate) struct Passing<F> {
    file: F,
    cached: Cached,
}

impl<F> Passing<F> {
    pub(crate) fn new(file: F, cached: Cached) -> Self {
        Self { file, cached }
    }

    pub(crate) fn into_inner(self) -> F {
        self.file
    }
}

impl<F: Write + AsFd> Write for Passing<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cached == Cached::No {
            match pwritev2(&self.file, &[IoSlice::new(bytes)], HERE, DONT_CACHE) {
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => self.cached = Cached::Yes,
                written => return Ok(written?),
            }
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// The second has a file system that cannot do it, on most machines.
    #[test]
    fn bytes_come_in_order_whatever_the_file_system_can_do() {
        let places = [std::env::temp_dir(), "/dev/shm".into()];
        for place in places.iter().filter(|place| place.is_dir()) {
            let file = tempfile::NamedTempFile::new_in(place).unwrap();
            let path = file.path().to_owned();
            let mut passing = Passing::new(file, Cached::No);
            passing.write_all(b"first, ").unwrap();
            passing.write_all(&[b'a'; 100_000]).unwrap();
            passing.write_all(b" and last").unwrap();
            let expected = [b"first, ".as_slice(), &[b'a'; 100_000], b" and last"].concat();
            assert!(fs::read(path).unwrap() == expected, "{}", place.display());
        }
    }

    #[test]
    fn where_it_cannot_be_done_it_is_written_all_the_same() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut passing = Passing::new(writer, Cached::No);
        passing.write_all(b"into a pipe").unwrap();
        assert_eq!(passing.cached, Cached::Yes);
        drop(passing);
        assert_eq!(io::read_to_string(&mut reader).unwrap(), "into a pipe");
    }

    /// `/dev/full` has no room.
    #[test]
    fn a_full_disk_is_told() {
        if !Path::new("/dev/full").exists() {
            return;
        }
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut passing = Passing::new(full, Cached::No);
        let error = passing.write_all(b"bytes").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
