//! Files whose bytes need not stay in the page cache: an image's blobs may be as large as a machine's memory,
//! are seldom read soon after they are made, and would push out what other programs have there.

use std::{
    io::{self, IoSlice, Write},
    os::fd::AsFd,
};

use rustix::io::{Errno, ReadWriteFlags, pwritev2};

/// `RWF_DONTCACHE`: writing to the disk begins at once, and the pages are given up when they are there. The
/// flag is of Linux 6.14; file systems took it up one after the other, later.
const DONT_CACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);
/// The offset that stands for the file's own position (pwritev2(2)).
const HERE: u64 = u64::MAX;

/// Whether what is written stays in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cached {
    /// As any file's does.
    Yes,
    /// Where the kernel and the file system can do it; elsewhere it stays.
    No,
}

/// Writes to a file at its position.
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
                // EPERM: a filter of system calls that does not know this one. Where it is the file that may not
                // be written to, `write` says so too.
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM) => {
                    self.cached = Cached::Yes;
                }
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

    /// ext4 (and what its driver takes for its own) can do it since Linux 6.17.
    #[test]
    fn where_it_can_be_done_it_is() {
        let file = tempfile::tempfile().unwrap();
        let ext4 = rustix::fs::fstatfs(&file).unwrap().f_type == 0xef53;
        let system = rustix::system::uname();
        let release = system.release().to_str().unwrap();
        let mut numbers = release
            .split(['.', '-'])
            .map_while(|part| part.parse().ok());
        let version: (u32, u32) = (numbers.next().unwrap(), numbers.next().unwrap());
        if !ext4 || version < (6, 17) {
            eprintln!("skipped: needs ext4 and Linux 6.17; this is {release}, ext4: {ext4}");
            return;
        }
        let mut passing = Passing::new(file, Cached::No);
        passing.write_all(&[b'a'; 100_000]).unwrap();
        assert_eq!(passing.cached, Cached::No);
    }

    #[test]
    fn an_error_is_told_and_not_taken_for_what_cannot_be_done() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut passing = Passing::new(fs::File::open(file.path()).unwrap(), Cached::No);
        let error = passing.write_all(b"into a file that is read").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::BADF.raw_os_error()));
        assert_eq!(passing.cached, Cached::No);
    }

    /// `/dev/full` has no room, and cannot do it.
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
