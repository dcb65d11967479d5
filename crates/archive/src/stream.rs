//! An archive as a stream of bytes: decompressed, counted and limited. What is told of its errors
//! names the entry that was being read.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use decode::Encoding;

use crate::{Error, Result, tree::io as io_error};

/// How much is read at a time, in bytes.
pub(crate) const BUFFER: usize = 128 << 10;
/// An archive may always unpack to this many bytes, and to so many times its own size.
const LIMIT: u64 = 1 << 30;
const RATIO: u64 = 256;

pub(crate) struct Stream {
    from: Box<dyn Read>,
    encoding: Encoding,
    archive_size: u64,
    limit: u64,
    /// Decompressed bytes read so far.
    at: u64,
    /// The name of the entry that is being read.
    pub(crate) shown: Option<String>,
}

impl Stream {
    /// Opens an archive; its compression is told by its first bytes.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(io_error(path))?;
        let archive_size = file.metadata().map_err(io_error(path))?.len();
        let mut raw = BufReader::with_capacity(BUFFER, file);
        let head = raw.fill_buf().map_err(io_error(path))?;
        let encoding = Encoding::of_magic(head);
        let found = match head {
            [] => Some("an empty file"),
            [b'P', b'K', 3, 4, ..] => Some("a zip"),
            [b'B', b'Z', b'h', ..] => Some("bzip2"),
            _ => None,
        };
        if let Some(found) = found {
            let found = found.to_owned();
            return Err(Error::NotTar { found });
        }
        Ok(Self {
            from: encoding.reader(raw).map_err(io_error(path))?,
            encoding,
            archive_size,
            limit: LIMIT.max(archive_size.saturating_mul(RATIO)),
            at: 0,
            shown: None,
        })
    }

    /// How many bytes were read so far, decompressed.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Which member is being read, for messages.
    pub(crate) fn place(&self) -> String {
        match &self.shown {
            Some(shown) => format!("entry {shown:?}"),
            None => "its beginning".to_owned(),
        }
    }

    /// Fails where `size` bytes are more than all that may be unpacked.
    pub(crate) fn allow(&self, size: u64) -> Result<()> {
        if size <= self.limit {
            return Ok(());
        }
        Err(Error::TooLarge {
            place: self.place(),
            limit: self.limit,
            size: self.archive_size,
        })
    }

    /// After the first block of zeros: nothing but zeros, to the end of the stream.
    pub(crate) fn end(&mut self, buffer: &mut [u8]) -> Result<()> {
        loop {
            let offset = self.at;
            match self.read(buffer)? {
                0 => break,
                read if buffer[..read].iter().any(|byte| *byte != 0) => {
                    let problem = "the archive goes on after the zeros that end it";
                    return Err(self.no_header(offset, problem));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Fills `buffer`; an end before that is an error.
    pub(crate) fn exact(&mut self, buffer: &mut [u8]) -> Result<()> {
        let mut done = 0;
        while done < buffer.len() {
            match self.read(&mut buffer[done..])? {
                0 => return Err(self.cut_short()),
                read => done += read,
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.from.read(buffer) {
                Ok(read) => {
                    self.at += read as u64;
                    return self.allow(self.at).map(|()| read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(self.cut_short());
                }
                Err(source) => {
                    return Err(Error::Stream {
                        encoding: self.encoding.word(),
                        place: self.place(),
                        source,
                    });
                }
            }
        }
    }

    fn cut_short(&self) -> Error {
        Error::CutShort {
            place: self.place(),
            size: self.at,
        }
    }

    /// The error for a header that is none.
    pub(crate) fn no_header(&self, offset: u64, problem: &str) -> Error {
        let place = match &self.shown {
            Some(shown) => format!("after entry {shown:?}"),
            None => "at its beginning".to_owned(),
        };
        Error::Header {
            offset,
            place,
            problem: problem.to_owned(),
        }
    }
}
