//! Where a part's tar is cut into chunks, each of which is compressed on its own.
//!
//! Cuts depend on the content alone. A file larger than [`GROUP`] starts a chunk of its own, with
//! its header, and is cut every [`PIECE`] bytes; smaller entries are grouped until a chunk has
//! [`GROUP`] bytes, and a chunk ends only where an entry ends.

use std::{
    io::{self, Write},
    sync::mpsc::SyncSender,
};

/// Small entries are grouped to about this many bytes.
pub(crate) const GROUP: usize = 1 << 20;
/// Large files are cut every so many bytes.
pub(crate) const PIECE: usize = 4 << 20;

/// Cuts a stream of entries and sends the chunks on, in order. Blocks while the receiver is behind.
pub(crate) struct Cutter {
    chunk: Vec<u8>,
    out: SyncSender<Vec<u8>>,
}

impl Cutter {
    pub(crate) fn new(out: SyncSender<Vec<u8>>) -> Self {
        Self {
            chunk: Vec::new(),
            out,
        }
    }

    /// An entry with `size` bytes of content begins.
    pub(crate) fn begin_entry(&mut self, size: u64) -> io::Result<()> {
        if size > GROUP as u64 {
            self.cut()
        } else {
            Ok(())
        }
    }

    /// The entry, padding included, is written.
    pub(crate) fn end_entry(&mut self) -> io::Result<()> {
        if self.chunk.len() >= GROUP {
            self.cut()
        } else {
            Ok(())
        }
    }

    /// Sends what is left.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.cut()
    }

    fn cut(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.chunk);
        // The receiver is gone when the part has failed elsewhere; its error is the one to tell.
        self.out
            .send(chunk)
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

impl Write for Cutter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == PIECE {
            self.cut()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(entries: &[usize]) -> Vec<usize> {
        let (out, chunks) = std::sync::mpsc::sync_channel(1024);
        let mut cutter = Cutter::new(out);
        for size in entries {
            cutter.begin_entry(*size as u64).unwrap();
            cutter.write_all(&vec![0; *size]).unwrap();
            cutter.end_entry().unwrap();
        }
        cutter.finish().unwrap();
        chunks
            .into_iter()
            .map(|chunk: Vec<u8>| chunk.len())
            .collect()
    }

    #[test]
    fn small_entries_are_grouped_and_large_ones_cut() {
        let small = GROUP / 2;
        assert_eq!(cut(&[small, small, small]), [GROUP, small]);
        assert_eq!(cut(&[10, PIECE + 5, 10]), [10, PIECE, 15]);
        assert_eq!(cut(&[10, 2 * PIECE]), [10, PIECE, PIECE]);
        assert_eq!(cut(&[]), [0usize; 0]);
    }
}
