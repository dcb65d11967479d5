//! Where a part's tar is cut into chunks, each of which is compressed on its own.
//!
//! Cuts depend on the content alone. A file larger than [`GROUP`] starts a chunk of its own, with
//! its header, and is cut every [`PIECE`] bytes; smaller entries are grouped until a chunk has
//! [`GROUP`] bytes, and a chunk ends only where an entry ends.
//!
//! Files that lie deflated already can go into a chunk with their stream (see [`Stretch`]).

use std::{
    io::{self, Write},
    sync::mpsc::SyncSender,
};

use crate::{
    buffers::{Buffer, Buffers, Pools},
    gzip,
};

/// Small entries are grouped to about this many bytes.
pub(crate) const GROUP: usize = 1 << 20;
/// Large files are cut every so many bytes.
pub(crate) const PIECE: usize = 4 << 20;

/// A stretch of a tar, cut where its frame or members end.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// The bytes of the tar.
    pub(crate) plain: Buffer,
    /// What the stretches that are packed already are packed as, one after another.
    pub(crate) packed: Buffer,
    /// How `plain` divides. Empty where all of it is to be compressed.
    pub(crate) stretches: Vec<Stretch>,
}

/// A stretch of a chunk, with lengths in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// To be compressed.
    Plain(usize),
    /// So many bytes that are packed as so many already: gzip members, or a piece of a large one.
    Packed(usize, usize),
}

/// Cuts a stream of entries and sends the chunks on, in order. Blocks while the receiver is behind.
pub(crate) struct Cutter {
    chunk: Chunk,
    /// How much of the chunk its stretches cover: plain and packed bytes.
    covered: (usize, usize),
    in_member: bool,
    /// Whether the member that is being written began in an earlier chunk.
    cut_member: bool,
    buffers: Pools,
    out: SyncSender<Chunk>,
}

impl Cutter {
    pub(crate) fn new(buffers: Pools, out: SyncSender<Chunk>) -> Self {
        Self {
            chunk: Chunk::default(),
            covered: (0, 0),
            in_member: false,
            cut_member: false,
            buffers,
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
        if self.chunk.plain.len() >= GROUP {
            self.cut()
        } else {
            Ok(())
        }
    }

    /// What is written from here on comes with its deflate stream, by [`Cutter::stream`].
    pub(crate) fn begin_member(&mut self) {
        self.cover();
        self.in_member = true;
        self.cut_member = false;
        self.packed().extend_from_slice(&gzip::HEADER);
    }

    /// A piece of the deflate stream.
    pub(crate) fn stream(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.packed().extend_from_slice(bytes);
        // A stream may have more bytes than what it unpacks to.
        if self.chunk.packed.len() >= 2 * PIECE {
            self.cut()?;
        }
        Ok(())
    }

    /// The file and its stream are over.
    pub(crate) fn end_member(&mut self, crc32: u32, size: u64) -> io::Result<()> {
        self.packed().extend_from_slice(&gzip::trailer(crc32, size));
        self.cover();
        self.in_member = false;
        // Where a large member was cut says nothing about the entries after it.
        if self.cut_member { self.cut() } else { Ok(()) }
    }

    /// Sends what is left.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.cut()
    }

    /// The chunk's packed bytes; most chunks have none.
    fn packed(&mut self) -> &mut Buffer {
        if self.chunk.packed.is_none() {
            self.chunk.packed = Buffers::take(&self.buffers.packed);
        }
        &mut self.chunk.packed
    }

    /// Ends the stretch that is being written.
    fn cover(&mut self) {
        let now = (self.chunk.plain.len(), self.chunk.packed.len());
        let (plain, packed) = (now.0 - self.covered.0, now.1 - self.covered.1);
        if self.in_member {
            self.chunk.stretches.push(Stretch::Packed(plain, packed));
        } else if plain > 0 {
            self.chunk.stretches.push(Stretch::Plain(plain));
        }
        self.covered = now;
    }

    fn cut(&mut self) -> io::Result<()> {
        if self.chunk.plain.is_empty() && self.chunk.packed.is_empty() {
            return Ok(());
        }
        if self.in_member || !self.chunk.stretches.is_empty() {
            self.cover();
        }
        self.cut_member = self.in_member;
        self.covered = (0, 0);
        // The next one's buffers are taken when there is something to put into them: nothing is held here
        // while they are waited for.
        let chunk = std::mem::take(&mut self.chunk);
        // The receiver is gone when the part has failed elsewhere; its error is the one to tell.
        self.out
            .send(chunk)
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

impl Write for Cutter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.plain.is_none() {
            self.chunk.plain = Buffers::take(&self.buffers.plain);
        }
        let taken = bytes.len().min(PIECE - self.chunk.plain.len());
        self.chunk.plain.extend_from_slice(&bytes[..taken]);
        if self.chunk.plain.len() == PIECE {
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

    fn chunks(work: impl FnOnce(&mut Cutter)) -> Vec<Chunk> {
        let (out, chunks) = std::sync::mpsc::sync_channel(1024);
        let mut cutter = Cutter::new(Pools::new(1024), out);
        work(&mut cutter);
        cutter.finish().unwrap();
        chunks.into_iter().collect()
    }

    fn cut(entries: &[usize]) -> Vec<usize> {
        let chunks = chunks(|cutter| {
            for size in entries {
                cutter.begin_entry(*size as u64).unwrap();
                cutter.write_all(&vec![0; *size]).unwrap();
                cutter.end_entry().unwrap();
            }
        });
        assert!(chunks.iter().all(|chunk| chunk.stretches.is_empty()));
        chunks.iter().map(|chunk| chunk.plain.len()).collect()
    }

    #[test]
    fn small_entries_are_grouped_and_large_ones_cut() {
        let small = GROUP / 2;
        assert_eq!(cut(&[small, small, small]), [GROUP, small]);
        assert_eq!(cut(&[10, PIECE + 5, 10]), [10, PIECE, 15]);
        assert_eq!(cut(&[10, 2 * PIECE]), [10, PIECE, PIECE]);
        assert_eq!(cut(&[]), [0usize; 0]);
    }

    #[test]
    fn members_divide_a_chunk_and_a_large_one_ends_it() {
        let member = |cutter: &mut Cutter, size: usize| {
            cutter.begin_entry(size as u64).unwrap();
            cutter.write_all(&[0; 512]).unwrap();
            cutter.begin_member();
            for piece in vec![0; size].chunks(1 << 18) {
                cutter.write_all(piece).unwrap();
                cutter.stream(b"stream").unwrap();
            }
            cutter.end_member(0, size as u64).unwrap();
            cutter.write_all(&[0; 12]).unwrap();
            cutter.end_entry().unwrap();
        };
        let chunks = chunks(|cutter| {
            member(cutter, 100);
            member(cutter, PIECE);
        });
        let stretches: Vec<_> = chunks
            .iter()
            .map(|chunk| chunk.stretches.as_slice())
            .collect();
        use Stretch::{Packed, Plain};
        assert_eq!(
            stretches,
            [
                &[Plain(512), Packed(100, 10 + 6 + 8), Plain(12)] as &[_],
                &[Plain(512), Packed(PIECE - 512, 10 + 15 * 6)],
                &[Packed(512, 6 + 8)],
                &[],
            ]
        );
        assert_eq!(&chunks[3].plain[..], [0; 12]);
    }
}
