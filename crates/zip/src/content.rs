//! An entry's bytes: inflated as they are read, with size and CRC-32 verified.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    sync::Arc,
};

use layer::{BoxError, Content};

use crate::{Error, Method, Result, ZipEntry, ZipFile, directory::Fields};

/// Up to this size an entry is inflated in one go; above it, streamed.
const WHOLE: u64 = 1 << 20;
const BUFFER: usize = 256 << 10;

impl ZipFile {
    /// The content of the entry at `index` of [`ZipFile::entries`].
    pub fn content(&self, index: usize) -> Arc<dyn Content> {
        Arc::new(ZipContent {
            zip: self.clone(),
            index,
        })
    }

    /// Reads the entry at `index` into memory, verified.
    ///
    /// # Errors
    /// [`Error::TooLarge`] over `limit` bytes; see [`Error`].
    pub fn read(&self, index: usize, limit: u64) -> Result<Vec<u8>> {
        let entry = &self.0.entries[index];
        if entry.size > limit {
            let entry_name = entry.path.to_string();
            return Err(Error::TooLarge {
                entry: entry_name,
                size: entry.size,
                limit,
            });
        }
        let mut bytes = Vec::with_capacity(entry.size as usize);
        copy(self, entry, &mut bytes).map_err(|failure| match failure {
            Failure::Zip(error) => error,
            Failure::Out(source) => Error::Io {
                path: self.path().to_owned(),
                source,
            },
        })?;
        Ok(bytes)
    }
}

#[derive(Debug)]
struct ZipContent {
    zip: ZipFile,
    index: usize,
}

impl Content for ZipContent {
    fn size(&self) -> u64 {
        self.zip.0.entries[self.index].size
    }

    fn copy_to(&self, out: &mut dyn Write) -> Result<(), BoxError> {
        copy(&self.zip, &self.zip.0.entries[self.index], out).map_err(|failure| match failure {
            Failure::Zip(error) => error.into(),
            Failure::Out(error) => error.into(),
        })
    }
}

/// Whose fault it was.
enum Failure {
    Zip(Error),
    Out(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Zip(error)
    }
}

fn copy(zip: &ZipFile, entry: &ZipEntry, out: &mut dyn Write) -> Result<(), Failure> {
    let start = data_offset(zip, entry)?;
    if entry.size <= WHOLE && entry.compressed_size <= 2 * WHOLE {
        let bytes = whole(zip, entry, start)?;
        check(entry, bytes.len() as u64, crc32fast::hash(&bytes))?;
        return out.write_all(&bytes).map_err(Failure::Out);
    }
    let raw = Stretch {
        zip,
        at: start,
        end: start + entry.compressed_size,
    };
    let raw = io::BufReader::with_capacity(BUFFER, raw);
    let mut reader: Box<dyn Read> = match entry.method {
        Method::Stored => Box::new(raw),
        Method::Deflated => Box::new(flate2::bufread::DeflateDecoder::new(raw)),
    };
    let mut buffer = vec![0; BUFFER];
    let mut crc = crc32fast::Hasher::new();
    let mut size = 0;
    loop {
        let read = reader.read(&mut buffer).map_err(|error| Error::Deflate {
            entry: entry.path.to_string(),
            problem: error.to_string(),
        })?;
        if read == 0 {
            break;
        }
        size += read as u64;
        if size > entry.size {
            return Err(wrong_size(entry, "more".to_owned()).into());
        }
        crc.update(&buffer[..read]);
        out.write_all(&buffer[..read]).map_err(Failure::Out)?;
    }
    Ok(check(entry, size, crc.finalize())?)
}

fn wrong_size(entry: &ZipEntry, found: String) -> Error {
    Error::Size {
        entry: entry.path.to_string(),
        expected: entry.size,
        found,
    }
}

fn check(entry: &ZipEntry, size: u64, crc: u32) -> Result<()> {
    if size != entry.size {
        return Err(wrong_size(entry, size.to_string()));
    }
    if crc != entry.crc32 {
        let (expected, found) = (entry.crc32, crc);
        return Err(Error::Crc {
            entry: entry.path.to_string(),
            expected,
            found,
        });
    }
    Ok(())
}

fn read_at(zip: &ZipFile, offset: u64, size: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    let io = |source| Error::Io {
        path: zip.path().to_owned(),
        source,
    };
    zip.0.file.read_exact_at(&mut bytes, offset).map_err(io)?;
    Ok(bytes)
}

/// Where the packed bytes begin: after the local header, whose name must be the directory's.
fn data_offset(zip: &ZipFile, entry: &ZipEntry) -> Result<u64> {
    let header = read_at(zip, entry.header_offset, 30)?;
    let disagrees = |expected: String, found: String| Error::Disagrees {
        entry: entry.path.to_string(),
        expected,
        found,
    };
    if !header.starts_with(b"PK\x03\x04") {
        return Err(disagrees(
            "a local header here".to_owned(),
            "something else".to_owned(),
        ));
    }
    let mut fields = Fields(&header[26..]);
    let (name, extra) = match (fields.number(2), fields.number(2)) {
        (Some(name), Some(extra)) => (name, extra),
        _ => return Err(Error::NoEnd),
    };
    let found = read_at(zip, entry.header_offset + 30, name as usize)?;
    if found != entry.raw_name {
        let text = |bytes: &[u8]| format!("name {:?}", String::from_utf8_lossy(bytes));
        return Err(disagrees(text(&entry.raw_name), text(&found)));
    }
    Ok(entry.header_offset + 30 + name + extra)
}

thread_local! {
    static INFLATE: RefCell<libdeflater::Decompressor> =
        RefCell::new(libdeflater::Decompressor::new());
}

fn whole(zip: &ZipFile, entry: &ZipEntry, start: u64) -> Result<Vec<u8>> {
    let packed = read_at(zip, start, entry.compressed_size as usize)?;
    if entry.method == Method::Stored {
        return Ok(packed);
    }
    let mut bytes = vec![0; entry.size as usize];
    let found = INFLATE.with_borrow_mut(|inflate| inflate.deflate_decompress(&packed, &mut bytes));
    match found {
        Ok(found) => {
            bytes.truncate(found);
            Ok(bytes)
        }
        Err(libdeflater::DecompressionError::InsufficientSpace) => {
            Err(wrong_size(entry, "more".to_owned()))
        }
        Err(libdeflater::DecompressionError::BadData) => Err(Error::Deflate {
            entry: entry.path.to_string(),
            problem: "bad data".to_owned(),
        }),
    }
}

struct Stretch<'z> {
    zip: &'z ZipFile,
    at: u64,
    end: u64,
}

impl Read for Stretch<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = (self.end - self.at).min(buffer.len() as u64) as usize;
        let read = self.zip.0.file.read_at(&mut buffer[..want], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
