//! What a file holds: a stream of known length that can be read as often as needed.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
    sync::Arc,
};

/// An error of any kind, from whoever made the content.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The bytes of one file. They are produced anew for every reading and are never held whole in
/// memory by what reads them.
pub trait Content: Send + Sync + fmt::Debug {
    /// Length in bytes.
    fn size(&self) -> u64;

    /// Writes all the bytes, in order, verified as far as the source has a checksum for them.
    ///
    /// # Errors
    /// A source that cannot be read or is not what it claims; or an error of `out`.
    fn copy_to(&self, out: &mut dyn Write) -> Result<(), BoxError>;

    /// The same bytes as the deflate stream (RFC 1951) that they come of, where there is one.
    fn deflated(&self) -> Option<&dyn Deflated> {
        None
    }
}

/// A content that lies deflated already: a gzip layer takes the stream as it is.
pub trait Deflated {
    /// The CRC-32 of the bytes.
    fn crc32(&self) -> u32;

    /// Size of the stream in bytes.
    fn stream_size(&self) -> u64;

    /// Gives all the bytes and all of the stream, each in order, verified: size and CRC-32 of the
    /// bytes, and that the stream ends where its bytes end.
    ///
    /// # Errors
    /// As [`Content::copy_to`].
    fn copy(&self, out: &mut dyn DeflatedSink) -> Result<(), BoxError>;
}

/// Who takes a [`Deflated`] content.
pub trait DeflatedSink {
    /// Takes bytes of the content.
    ///
    /// # Errors
    /// Its own.
    fn plain(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Takes bytes of the stream.
    ///
    /// # Errors
    /// Its own.
    fn stream(&mut self, bytes: &[u8]) -> io::Result<()>;
}

impl Content for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn copy_to(&self, out: &mut dyn Write) -> Result<(), BoxError> {
        Ok(out.write_all(self)?)
    }
}

/// A file on disk, or a stretch of one.
#[derive(Debug, Clone)]
pub struct FileContent {
    file: Held,
    offset: u64,
    size: u64,
}

/// How a file is held between readings.
#[derive(Debug, Clone)]
enum Held {
    /// By its name: it is opened for every reading.
    Named(Arc<PathBuf>),
    /// Open, by all that read from it together: it may have no name any more.
    Open(Arc<File>),
}

impl FileContent {
    /// A whole file of `size` bytes.
    pub fn whole(path: impl Into<PathBuf>, size: u64) -> Self {
        Self {
            file: Held::Named(Arc::new(path.into())),
            offset: 0,
            size,
        }
    }

    /// `size` bytes from `offset` on; many stretches can share one path.
    pub fn stretch(path: Arc<PathBuf>, offset: u64, size: u64) -> Self {
        let file = Held::Named(path);
        Self { file, offset, size }
    }

    /// `size` bytes from `offset` on of an open file, which may have no name; many stretches can
    /// share it. It is closed with the last of them.
    pub fn of_open(file: Arc<File>, offset: u64, size: u64) -> Self {
        let file = Held::Open(file);
        Self { file, offset, size }
    }
}

impl Content for FileContent {
    fn size(&self) -> u64 {
        self.size
    }

    fn copy_to(&self, out: &mut dyn Write) -> Result<(), BoxError> {
        use std::os::unix::fs::FileExt;
        let named;
        let (file, path) = match &self.file {
            Held::Named(path) => {
                named = fs_err::File::open(path.as_path())?;
                (named.file(), path.display().to_string())
            }
            Held::Open(file) => (&**file, "a file without a name".to_owned()),
        };
        let mut buffer = vec![0; self.size.clamp(1, 256 * 1024) as usize];
        let mut done = 0;
        while done < self.size {
            let want = (self.size - done).min(buffer.len() as u64) as usize;
            let got = file.read_at(&mut buffer[..want], self.offset + done)?;
            if got == 0 {
                let message = format!("{path} ends {} bytes early", self.size - done);
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message).into());
            }
            out.write_all(&buffer[..got])?;
            done += got as u64;
        }
        Ok(())
    }
}

/// Reads a content whole into memory. For small files only: `limit` is in bytes.
///
/// # Errors
/// As [`Content::copy_to`]; a content larger than `limit`.
pub fn read_small(content: &dyn Content, limit: u64) -> Result<Vec<u8>, BoxError> {
    if content.size() > limit {
        let message = format!("{} bytes, at most {limit} expected", content.size());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message).into());
    }
    let mut bytes = Vec::with_capacity(content.size() as usize);
    content.copy_to(&mut bytes)?;
    Ok(bytes)
}

/// Copies a reader into `out` and insists on exactly `size` bytes.
///
/// # Errors
/// A reader that gives fewer or more bytes; errors of either side.
pub fn copy_exact(reader: &mut dyn Read, size: u64, out: &mut dyn Write) -> Result<(), BoxError> {
    let copied = io::copy(&mut reader.take(size + 1), out)?;
    if copied == size {
        return Ok(());
    }
    let found = if copied > size {
        "more".to_owned()
    } else {
        copied.to_string()
    };
    let message = format!("declared size is {size} bytes, found {found}");
    Err(io::Error::new(io::ErrorKind::InvalidData, message).into())
}
