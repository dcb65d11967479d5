//! An entry's bytes, and the deflate stream that they lie in: inflated as they are read, with size,
//! CRC-32 and the stream's end verified.

use std::{
    cell::RefCell,
    io::{self, Write},
    os::unix::fs::FileExt,
    sync::Arc,
};

use flate2::{Decompress, FlushDecompress, Status};
use layer::{BoxError, Content, Deflated, DeflatedSink};

use crate::{Error, Method, Result, ZipEntry, ZipFile, directory::Fields};

/// How much is read and inflated at a time, in bytes: more than a local header's largest name and
/// other fields, and little enough for a core's own cache.
const BUFFER: usize = 128 << 10;
/// Bytes read with a local header for its name and what else it has: nearly always enough.
const EXTRA: usize = 64;

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
        copy(self, entry, &mut Plain(&mut bytes)).map_err(|failure| match failure {
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

impl ZipContent {
    fn entry(&self) -> &ZipEntry {
        &self.zip.0.entries[self.index]
    }

    fn copy_into(&self, out: &mut dyn DeflatedSink) -> Result<(), BoxError> {
        copy(&self.zip, self.entry(), out).map_err(|failure| match failure {
            Failure::Zip(error) => error.into(),
            Failure::Out(error) => error.into(),
        })
    }
}

impl Content for ZipContent {
    fn size(&self) -> u64 {
        self.entry().size
    }

    fn copy_to(&self, out: &mut dyn Write) -> Result<(), BoxError> {
        self.copy_into(&mut Plain(out))
    }

    fn deflated(&self) -> Option<&dyn Deflated> {
        match self.entry().method {
            Method::Deflated => Some(self),
            Method::Stored => None,
        }
    }
}

impl Deflated for ZipContent {
    fn crc32(&self) -> u32 {
        self.entry().crc32
    }

    fn stream_size(&self) -> u64 {
        self.entry().compressed_size
    }

    fn copy(&self, out: &mut dyn DeflatedSink) -> Result<(), BoxError> {
        self.copy_into(out)
    }
}

/// Takes the bytes alone.
struct Plain<'w>(&'w mut dyn Write);

impl DeflatedSink for Plain<'_> {
    fn plain(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn stream(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
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

/// What is used again for one entry after another.
struct Workshop {
    inflate: Decompress,
    packed: Vec<u8>,
    plain: Vec<u8>,
}

impl Default for Workshop {
    fn default() -> Self {
        Self {
            inflate: Decompress::new(false),
            packed: Vec::new(),
            plain: vec![0; BUFFER],
        }
    }
}

thread_local! {
    static WORKSHOP: RefCell<Workshop> = RefCell::default();
}

fn copy(zip: &ZipFile, entry: &ZipEntry, out: &mut dyn DeflatedSink) -> Result<(), Failure> {
    WORKSHOP.with(|workshop| match workshop.try_borrow_mut() {
        Ok(mut workshop) => copy_with(&mut workshop, zip, entry, out),
        // `out` reads a zip itself.
        Err(_) => copy_with(&mut Workshop::default(), zip, entry, out),
    })
}

fn copy_with(
    workshop: &mut Workshop,
    zip: &ZipFile,
    entry: &ZipEntry,
    out: &mut dyn DeflatedSink,
) -> Result<(), Failure> {
    let Workshop {
        inflate,
        packed,
        plain,
    } = workshop;
    let mut source = Source::open(zip, entry, packed)?;
    let mut seen = Seen::default();
    match entry.method {
        Method::Stored => {
            while source.fill()? {
                seen.add(entry, source.unread())?;
                out.plain(source.unread()).map_err(Failure::Out)?;
                source.take(source.unread().len());
            }
        }
        Method::Deflated => {
            inflate.reset(false);
            let mut ended = false;
            while !ended {
                let more = source.fill()?;
                let before = (inflate.total_in(), inflate.total_out());
                let status = inflate
                    .decompress(source.unread(), plain, FlushDecompress::None)
                    .map_err(|error| broken(entry, error.to_string()))?;
                let read = (inflate.total_in() - before.0) as usize;
                let made = (inflate.total_out() - before.1) as usize;
                seen.add(entry, &plain[..made])?;
                out.plain(&plain[..made]).map_err(Failure::Out)?;
                out.stream(&source.unread()[..read]).map_err(Failure::Out)?;
                source.take(read);
                ended = status == Status::StreamEnd;
                if !ended && !more && read == 0 && made == 0 {
                    return Err(broken(entry, "it has no end".to_owned()).into());
                }
            }
            if inflate.total_in() != entry.compressed_size {
                let problem = format!(
                    "it ends after {} of {} bytes",
                    inflate.total_in(),
                    entry.compressed_size
                );
                return Err(broken(entry, problem).into());
            }
        }
    }
    Ok(seen.check(entry)?)
}

/// What has come of an entry.
#[derive(Default)]
struct Seen {
    size: u64,
    crc: crc32fast::Hasher,
}

impl Seen {
    fn add(&mut self, entry: &ZipEntry, bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        if self.size > entry.size {
            return Err(wrong_size(entry, "more".to_owned()));
        }
        self.crc.update(bytes);
        Ok(())
    }

    fn check(self, entry: &ZipEntry) -> Result<()> {
        if self.size != entry.size {
            return Err(wrong_size(entry, self.size.to_string()));
        }
        let (expected, found) = (entry.crc32, self.crc.finalize());
        if found != expected {
            return Err(Error::Crc {
                entry: entry.path.to_string(),
                expected,
                found,
            });
        }
        Ok(())
    }
}

fn wrong_size(entry: &ZipEntry, found: String) -> Error {
    Error::Size {
        entry: entry.path.to_string(),
        expected: entry.size,
        found,
    }
}

fn broken(entry: &ZipEntry, problem: String) -> Error {
    Error::Deflate {
        entry: entry.path.to_string(),
        problem,
    }
}

/// The packed bytes of an entry, a buffer at a time.
struct Source<'z> {
    zip: &'z ZipFile,
    buffer: &'z mut Vec<u8>,
    /// What of the buffer is not read yet.
    from: usize,
    to: usize,
    /// Where the file goes on, and where the entry ends in it.
    at: u64,
    end: u64,
}

impl<'z> Source<'z> {
    /// Begins after the local header, whose name must be the directory's. A small entry is there then.
    fn open(zip: &'z ZipFile, entry: &ZipEntry, buffer: &'z mut Vec<u8>) -> Result<Self> {
        let head = 30 + entry.raw_name.len() + EXTRA;
        let wanted = head + entry.compressed_size.min(BUFFER as u64) as usize;
        buffer.resize(wanted, 0);
        let found = read_some(zip, buffer, entry.header_offset)?;
        let disagrees = |expected: String, found: String| Error::Disagrees {
            entry: entry.path.to_string(),
            expected,
            found,
        };
        let header = &buffer[..found];
        if found < 30 || !header.starts_with(b"PK\x03\x04") {
            return Err(disagrees(
                "a local header here".to_owned(),
                "something else".to_owned(),
            ));
        }
        let mut fields = Fields(&header[26..]);
        let (name, extra) = match (fields.number(2), fields.number(2)) {
            (Some(name), Some(extra)) => (name as usize, extra as usize),
            _ => return Err(Error::NoEnd),
        };
        let shown = header.get(30..30 + name).unwrap_or(&header[30..]);
        if shown != entry.raw_name {
            let text = |bytes: &[u8]| format!("name {:?}", String::from_utf8_lossy(bytes));
            return Err(disagrees(text(&entry.raw_name), text(shown)));
        }
        let start = 30 + name + extra;
        let end = entry.header_offset + start as u64 + entry.compressed_size;
        let (from, to) = (start.min(found), found);
        // What was read may go on into what follows the entry.
        let inside = (end - entry.header_offset).min(to as u64) as usize;
        Ok(Self {
            zip,
            buffer,
            from,
            to: inside.max(from),
            at: entry.header_offset + start.max(inside) as u64,
            end,
        })
    }

    /// Reads on where all has been taken. Whether there is something.
    fn fill(&mut self) -> Result<bool> {
        if self.from == self.to {
            let want = (self.end - self.at).min(BUFFER as u64) as usize;
            if want == 0 {
                return Ok(false);
            }
            self.buffer.resize(want, 0);
            let found = read_some(self.zip, self.buffer, self.at)?;
            (self.from, self.to) = (0, found);
            self.at += found as u64;
        }
        Ok(self.from < self.to)
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    fn take(&mut self, count: usize) {
        self.from += count;
    }
}

/// Fills the buffer from a place in the file on, as far as the file goes.
fn read_some(zip: &ZipFile, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match zip
            .0
            .file
            .read_at(&mut buffer[done..], offset + done as u64)
        {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(Error::Io {
                    path: zip.path().to_owned(),
                    source,
                });
            }
        }
    }
    Ok(done)
}
