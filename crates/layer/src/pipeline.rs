//! From a tree to a blob, everything at once: one thread reads the entries in order and cuts them into
//! chunks, the context's pool compresses chunks, a second thread hashes the tar, a third takes the
//! frames in order, hashes the blob and writes it once.
//!
//! Memory is bounded by a window of chunks, whatever the size of the part.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use lock::Sha256;
use serde::{Deserialize, Serialize};
use sha2::Digest;
use twox_hash::XxHash3_128;

use crate::{
    BoxError, Content, Context, Deflated, DeflatedSink, Entry, Error, FileRecord, Kind, Result,
    buffers::{Buffer, Buffers},
    frames::{Chunk, Cutter, Stretch},
    gzip, index,
    slots::Slot,
    tar_form::{END, content_size, padding, write_header},
};

/// Chunks that are read ahead of the hash.
const READ_AHEAD: usize = 1;

/// A tar, by what it holds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Tar {
    pub(crate) diff_id: Sha256,
    pub(crate) size: u64,
}

/// What became of a part's entries.
pub(crate) struct Written {
    pub(crate) digest: Sha256,
    pub(crate) size: u64,
    pub(crate) tar: Tar,
    /// The entries, with a hash of each file; `None` where the tar was known.
    pub(crate) files: Option<Vec<FileRecord>>,
}

/// Writes entries, in the order given, as one blob into the store. Where the tar is `known`, since only
/// its compression is new, it is not hashed again.
pub(crate) fn write_part(
    cx: &Context,
    entries: &[Entry],
    known: Option<Tar>,
    advance: &dyn Fn(u64),
) -> Result<Written> {
    let (send, chunks) = sync_channel(READ_AHEAD);
    // So many frames wait for the writer, beside the one that it is at and one that wants to wait: with
    // them the pool has one for each of its threads. All parts together have no more than `cx.frames`.
    let waiting = cx.threads().saturating_sub(1).max(1);
    let (send_frames, frames) = sync_channel(waiting);
    thread::scope(|scope| {
        let reading = Reading {
            deflated: cx.compression.takes_deflated(),
            hashed: known.is_none(),
        };
        let reader = scope.spawn(move || reading.entries(cx, entries, send));
        let writer = scope.spawn(move || write_frames(cx, frames));
        let tar = hash_and_compress(cx, chunks, send_frames, known, advance);
        let joined = |what: &str| Error::Worker(what.to_owned());
        let read = reader
            .join()
            .map_err(|_| joined("reading a part's entries"))?;
        let blob = writer.join().map_err(|_| joined("writing a part"))?;
        // When the writer fails the others see closed channels: the writer's error is the cause. When
        // the reader fails the writer sees an early end: only now is the blob known whole.
        let blob = blob?;
        let files = read?;
        if let Some(known) = known
            && known.size != tar.size
        {
            return Err(Error::Worker(format!(
                "a tar of {} bytes, which had {} before",
                tar.size, known.size
            )));
        }
        let digest = Sha256(blob.hash.finalize().into());
        blob.file.commit(&digest)?;
        Ok(Written {
            digest,
            size: blob.size,
            tar,
            files,
        })
    })
}

/// What is wanted of the entries.
#[derive(Clone, Copy)]
struct Reading {
    /// Deflate streams as they lie.
    deflated: bool,
    /// A hash of each file.
    hashed: bool,
}

impl Reading {
    fn entries(
        self,
        cx: &Context,
        entries: &[Entry],
        out: SyncSender<Chunk>,
    ) -> Result<Option<Vec<FileRecord>>> {
        let mut cutter = Cutter::new(cx.buffers.clone(), out);
        let mut files = Vec::with_capacity(if self.hashed { entries.len() } else { 0 });
        for entry in entries {
            let hash = self.entry(entry, &mut cutter)?;
            if self.hashed {
                files.push(index::record(entry, hash));
            }
        }
        let ended = |source: io::Error| Error::Content {
            path: "the end of the archive".to_owned(),
            source: source.into(),
        };
        cutter.write_all(&END).map_err(ended)?;
        cutter.finish().map_err(ended)?;
        Ok(self.hashed.then_some(files))
    }

    fn entry(self, entry: &Entry, cutter: &mut Cutter) -> Result<Option<u128>> {
        let stopped = |error: io::Error| content_error(entry, error.into());
        let size = content_size(entry);
        cutter.begin_entry(size).map_err(stopped)?;
        write_header(entry, cutter).map_err(stopped)?;
        let mut hash = None;
        if let Kind::File(content) = &entry.kind {
            hash = self.content(entry, content.as_ref(), cutter)?;
            cutter.write_all(padding(size)).map_err(stopped)?;
        }
        cutter.end_entry().map_err(stopped)?;
        Ok(hash)
    }

    fn content(
        self,
        entry: &Entry,
        content: &dyn Content,
        cutter: &mut Cutter,
    ) -> Result<Option<u128>> {
        let failed = |source| content_error(entry, source);
        let size = content.size();
        let worth_it = |deflated: &&dyn Deflated| deflated.stream_size() > gzip::SMALL_STREAM;
        let deflated = content.deflated().filter(|_| self.deflated);
        let deflated = deflated.filter(worth_it);
        if deflated.is_some() {
            cutter.begin_member();
        }
        let mut counting = Counting {
            out: cutter,
            count: 0,
            hash: self.hashed.then(XxHash3_128::new),
        };
        match deflated {
            Some(deflated) => deflated.copy(&mut counting),
            None => content.copy_to(&mut counting),
        }
        .map_err(failed)?;
        let (found, hash) = (counting.count, counting.hash);
        if found != size {
            return Err(Error::ContentSize {
                path: entry.path.to_string(),
                expected: size,
                found,
            });
        }
        if let Some(deflated) = deflated {
            let ended = cutter.end_member(deflated.crc32(), size);
            ended.map_err(|error| failed(error.into()))?;
        }
        Ok(hash.map(|hash| hash.finish_128()))
    }
}

fn content_error(entry: &Entry, source: BoxError) -> Error {
    Error::Content {
        path: entry.path.to_string(),
        source,
    }
}

struct Counting<'c> {
    out: &'c mut Cutter,
    count: u64,
    hash: Option<XxHash3_128>,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        if let Some(hash) = &mut self.hash {
            hash.write(&bytes[..taken]);
        }
        self.count += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DeflatedSink for Counting<'_> {
    fn plain(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn stream(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.stream(bytes)
    }
}

/// A frame that the pool is at, and its place among those that there may be at once. Places are taken in the
/// order of frames, so the one that a writer waits for has its own.
type Frame = (Receiver<Result<Buffer>>, Slot);

/// Gives chunks to the pool and hashes them, in order. Ends early where the writer does.
fn hash_and_compress(
    cx: &Context,
    chunks: Receiver<Chunk>,
    out: SyncSender<Frame>,
    known: Option<Tar>,
    advance: &dyn Fn(u64),
) -> Tar {
    let mut diff = sha2::Sha256::new();
    let mut size = 0;
    for chunk in chunks {
        let Chunk {
            plain,
            packed,
            stretches,
        } = chunk;
        let plain = Arc::new(plain);
        let slot = cx.frames.take();
        let (done, frame) = sync_channel(1);
        // The receiver of what is sent is gone only when the part has failed already.
        if let [Stretch::Packed(..)] = stretches.as_slice() {
            let _ = done.send(Ok(packed));
        } else {
            let (plain, compression) = (plain.clone(), cx.compression);
            let buffers = cx.buffers.packed.clone();
            cx.pool.spawn(move || {
                let mut out = Buffers::take(&buffers);
                let made = compression.compress(&plain, &packed, &stretches, &mut out);
                drop((plain, packed));
                let _ = done.send(made.map(|()| out));
            });
        }
        if known.is_none() {
            diff.update(plain.as_slice());
        }
        size += plain.len() as u64;
        advance(plain.len() as u64);
        drop(plain);
        if out.send((frame, slot)).is_err() {
            break;
        }
    }
    let diff_id = match known {
        Some(known) => known.diff_id,
        None => Sha256(diff.finalize().into()),
    };
    Tar { diff_id, size }
}

struct BlobOut {
    file: store::BlobWriter,
    hash: sha2::Sha256,
    size: u64,
}

fn write_frames(cx: &Context, frames: Receiver<Frame>) -> Result<BlobOut> {
    let mut blob = BlobOut {
        file: cx.store.blob_writer()?,
        hash: sha2::Sha256::new(),
        size: 0,
    };
    for (frame, _slot) in frames {
        let frame = frame
            .recv()
            .map_err(|_| Error::Worker("compressing a part".to_owned()))??;
        blob.hash.update(frame.as_slice());
        blob.size += frame.len() as u64;
        blob.file.write_all(&frame).map_err(|source| Error::Io {
            path: "the store's blobs".into(),
            source,
        })?;
    }
    Ok(blob)
}
