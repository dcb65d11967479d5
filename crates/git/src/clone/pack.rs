//! A pack of a commit's objects and its index, version 2 of both (gitformat-pack(5)). Objects are stored, not
//! compressed: so no codec shapes the bytes, and the layer's own compression finds them as they are.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    sync::Arc,
};

use lock::ObjectId;
use sha1_checked::{Digest, Sha1};
use store::Store;

use crate::{
    Commit, Error, Result,
    objects::Failed,
    walk::{Leaf, Walked},
};

/// The most that one stored block holds (RFC 1951).
const BLOCK: usize = 0xffff;

/// A pack, in a file of the store without a name.
pub(super) struct Pack {
    /// What its file is named by: the hash at its end.
    pub(super) name: ObjectId,
    pub(super) file: Arc<File>,
    pub(super) size: u64,
    /// The contents of its `.idx`.
    pub(super) index: Vec<u8>,
}

/// One object in it.
struct Packed {
    object: ObjectId,
    crc: u32,
    offset: u64,
}

pub(super) fn write(
    store: &Store,
    commit: &Commit,
    walked: &Walked,
    leaves: &[&Leaf],
) -> Result<Pack> {
    let objects = &commit.objects;
    let mut wanted = vec![(commit.id(), "commit", 1_u8)];
    wanted.extend(walked.trees.iter().map(|tree| (*tree, "tree", 2)));
    wanted.extend(leaves.iter().map(|leaf| (leaf.object, "blob", 3)));
    wanted.sort();
    wanted.dedup();
    let ids: Vec<ObjectId> = wanted.iter().map(|(object, ..)| *object).collect();
    let sizes = objects.sizes(&ids)?;
    let file = Arc::new(store.unnamed_file()?);
    let failed = |source| Error::Io {
        path: store.root().to_owned(),
        source,
    };
    let mut out = Counted::new(BufWriter::with_capacity(256 << 10, &*file));
    let count = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
    let head = [&b"PACK"[..], &2_u32.to_be_bytes(), &count.to_be_bytes()].concat();
    out.write_all(&head).map_err(failed)?;
    let mut packed = Vec::with_capacity(wanted.len());
    for ((object, kind, number), size) in wanted.into_iter().zip(sizes) {
        let offset = out.offset;
        out.crc = crc32fast::Hasher::new();
        out.write_all(&header(number, size)).map_err(failed)?;
        let mut stored = Stored::new(&mut out, size).map_err(failed)?;
        objects
            .copy(object, kind, Some(size), &mut stored)
            .map_err(|wrong| match wrong {
                Failed::Git(error) => error,
                Failed::Out(source) => failed(source),
            })?;
        stored.finish().map_err(failed)?;
        let crc = out.crc.clone().finalize();
        packed.push(Packed {
            object,
            crc,
            offset,
        });
    }
    let (name, size) = out.finish().map_err(failed)?;
    Ok(Pack {
        index: index(&packed, name),
        name,
        file,
        size,
    })
}

/// Kind and size: four bits of the size with the kind, then seven at a time, the lowest first.
fn header(kind: u8, size: u64) -> Vec<u8> {
    let mut bytes = vec![kind << 4 | (size & 15) as u8];
    let mut rest = size >> 4;
    while rest > 0 {
        if let Some(last) = bytes.last_mut() {
            *last |= 0x80;
        }
        bytes.push((rest & 0x7f) as u8);
        rest >>= 7;
    }
    bytes
}

/// The index of a pack whose objects are in the order of their names.
fn index(packed: &[Packed], pack: ObjectId) -> Vec<u8> {
    let mut out = [&b"\xfftOc"[..], &2_u32.to_be_bytes()].concat();
    for first in 0..=u8::MAX {
        let count = packed.partition_point(|one| one.object.0[0] <= first);
        out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
    }
    packed.iter().for_each(|one| out.extend(one.object.0));
    packed
        .iter()
        .for_each(|one| out.extend(one.crc.to_be_bytes()));
    // Offsets of 31 bits; larger ones stand in a table of their own.
    let mut large = Vec::new();
    for one in packed {
        let offset = match u32::try_from(one.offset) {
            Ok(offset) if offset < 1 << 31 => offset,
            _ => {
                large.push(one.offset);
                1 << 31 | (large.len() - 1) as u32
            }
        };
        out.extend(offset.to_be_bytes());
    }
    large
        .iter()
        .for_each(|offset| out.extend(offset.to_be_bytes()));
    out.extend(pack.0);
    let sum = Sha1::digest(&out);
    out.extend(sum);
    out
}

/// What is written, counted and hashed.
struct Counted<W: Write> {
    out: W,
    offset: u64,
    crc: crc32fast::Hasher,
    sha1: Sha1,
}

impl<W: Write> Counted<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            offset: 0,
            crc: crc32fast::Hasher::new(),
            sha1: Sha1::new(),
        }
    }

    /// Writes the hash of all, and gives it with the size of all.
    fn finish(mut self) -> io::Result<(ObjectId, u64)> {
        let sum: [u8; 20] = self.sha1.clone().finalize().into();
        self.write_all(&sum)?;
        self.out.flush()?;
        Ok((ObjectId(sum), self.offset))
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.offset += bytes.len() as u64;
        self.crc.update(bytes);
        self.sha1.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A zlib stream (RFC 1950) of stored blocks. Their lengths depend on the size alone, not on how the bytes
/// come.
struct Stored<'o, W: Write> {
    out: &'o mut W,
    sum: adler2::Adler32,
    /// What no block has yet, in bytes.
    left: u64,
    /// What is left of the block that is being written.
    block: usize,
}

impl<'o, W: Write> Stored<'o, W> {
    fn new(out: &'o mut W, size: u64) -> io::Result<Self> {
        out.write_all(&[0x78, 0x01])?;
        let mut stored = Self {
            out,
            sum: adler2::Adler32::new(),
            left: size,
            block: 0,
        };
        if size == 0 {
            stored.begin()?;
        }
        Ok(stored)
    }

    fn begin(&mut self) -> io::Result<()> {
        let length = self.left.min(BLOCK as u64) as u16;
        self.left -= u64::from(length);
        self.block = usize::from(length);
        self.out.write_all(&[u8::from(self.left == 0)])?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&(!length).to_le_bytes())
    }

    fn finish(self) -> io::Result<()> {
        self.out.write_all(&self.sum.checksum().to_be_bytes())
    }
}

impl<W: Write> Write for Stored<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.block == 0 {
            self.begin()?;
        }
        let some = &bytes[..bytes.len().min(self.block)];
        self.out.write_all(some)?;
        self.sum.write_slice(some);
        self.block -= some.len();
        Ok(some.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
