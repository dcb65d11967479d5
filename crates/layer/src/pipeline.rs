//! From a tree to a blob: entries are read in order on one thread, chunks are compressed on the
//! context's pool, and a third thread hashes both sides in order and writes the blob once.
//!
//! Memory is bounded by a window of chunks, whatever the size of the part.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use lock::Sha256;
use sha2::Digest;

use crate::{
    BoxError, Context, Entry, Error, FileRecord, Kind, Result,
    frames::Cutter,
    index,
    tar_form::{END, content_size, padding, write_header},
};

/// Chunks that may be under way at once for one part: read ahead, and compressed ahead.
const READ_AHEAD: usize = 2;

/// What became of a part's entries.
pub(crate) struct Written {
    pub(crate) digest: Sha256,
    pub(crate) diff_id: Sha256,
    pub(crate) size: u64,
    pub(crate) diff_size: u64,
    pub(crate) files: Vec<FileRecord>,
}

/// Writes entries, in the order given, as one blob into the store.
pub(crate) fn write_part(
    cx: &Context,
    entries: &[Entry],
    advance: &dyn Fn(u64),
) -> Result<Written> {
    let (send, chunks) = sync_channel(READ_AHEAD);
    thread::scope(|scope| {
        let reader = scope.spawn(move || read_entries(entries, send));
        let written = compress_and_write(cx, chunks, advance);
        let files = reader
            .join()
            .map_err(|_| Error::Worker("reading a part's entries".to_owned()))?;
        // When the writer fails the reader sees a closed channel: the writer's error is the cause.
        // When the reader fails the writer sees an early end: only now is the blob known whole.
        let (blob, diff_id, diff_size) = written?;
        let files = files?;
        let digest = Sha256(blob.hash.finalize().into());
        blob.file.commit(&digest)?;
        Ok(Written {
            digest,
            diff_id,
            size: blob.size,
            diff_size,
            files,
        })
    })
}

fn read_entries(entries: &[Entry], out: SyncSender<Vec<u8>>) -> Result<Vec<FileRecord>> {
    let mut cutter = Cutter::new(out);
    let mut files = Vec::with_capacity(entries.len());
    for entry in entries {
        let stopped = |error: io::Error| content_error(entry, error.into());
        let size = content_size(entry);
        cutter.begin_entry(size).map_err(stopped)?;
        write_header(entry, &mut cutter).map_err(stopped)?;
        let mut hash = None;
        if let Kind::File(content) = &entry.kind {
            let mut counting = Counting {
                out: &mut cutter,
                count: 0,
                hash: blake3::Hasher::new(),
            };
            content
                .copy_to(&mut counting)
                .map_err(|source| content_error(entry, source))?;
            if counting.count != size {
                let path = entry.path.to_string();
                return Err(Error::ContentSize {
                    path,
                    expected: size,
                    found: counting.count,
                });
            }
            hash = Some(counting.hash.finalize());
            cutter.write_all(padding(size)).map_err(stopped)?;
        }
        files.push(index::record(entry, hash));
        cutter.end_entry().map_err(stopped)?;
    }
    let ended = |source: io::Error| Error::Content {
        path: "the end of the archive".to_owned(),
        source: source.into(),
    };
    cutter.write_all(&END).map_err(ended)?;
    cutter.finish().map_err(ended)?;
    Ok(files)
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
    hash: blake3::Hasher,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.hash.update(&bytes[..taken]);
        self.count += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn compress_and_write(
    cx: &Context,
    chunks: Receiver<Vec<u8>>,
    advance: &dyn Fn(u64),
) -> Result<(BlobOut, Sha256, u64)> {
    let window = cx.threads() + 1;
    let mut waiting: VecDeque<Receiver<Result<Vec<u8>>>> = VecDeque::new();
    let mut blob = BlobOut {
        file: cx.store.blob_writer()?,
        hash: sha2::Sha256::new(),
        size: 0,
    };
    let mut diff = sha2::Sha256::new();
    let mut diff_size = 0;
    for chunk in chunks {
        let chunk = Arc::new(chunk);
        let (done, compressed) = sync_channel(1);
        let (work, compression) = (chunk.clone(), cx.compression);
        cx.pool.spawn(move || {
            let frame = compression.compress(&work);
            drop(work);
            // The receiver is gone only when the part has failed already.
            let _ = done.send(frame);
        });
        waiting.push_back(compressed);
        diff.update(chunk.as_slice());
        diff_size += chunk.len() as u64;
        advance(chunk.len() as u64);
        drop(chunk);
        if waiting.len() >= window
            && let Some(next) = waiting.pop_front()
        {
            blob.frame(&next)?;
        }
    }
    for next in waiting {
        blob.frame(&next)?;
    }
    Ok((blob, Sha256(diff.finalize().into()), diff_size))
}

struct BlobOut {
    file: store::BlobWriter,
    hash: sha2::Sha256,
    size: u64,
}

impl BlobOut {
    fn frame(&mut self, frame: &Receiver<Result<Vec<u8>>>) -> Result<()> {
        let frame = frame
            .recv()
            .map_err(|_| Error::Worker("compressing a part".to_owned()))??;
        self.hash.update(&frame);
        self.size += frame.len() as u64;
        self.file.write_all(&frame).map_err(|source| Error::Io {
            path: "the store's blobs".into(),
            source,
        })
    }
}
