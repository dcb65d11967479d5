//! Blobs that come from elsewhere: hashed while they are written, and kept when they are whole and right.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
};

use lock::Sha256;
use sha2::Digest as _;

use crate::{BlobWriter, Error, Result, Store, error::io_at, passing::Cached};

/// Either of [`Store::take_blob`] and [`Store::take_unnamed`]: the blob's digest and its size in bytes, where it
/// is read from, and who hears of every stretch of bytes.
pub type TakeBlob<T> = fn(&Store, (&Sha256, u64), &mut dyn Read, &dyn Fn(u64)) -> Result<T>;

impl Store {
    /// Copies a blob of known digest and size (in bytes) into the store. `advance` hears of every stretch
    /// of bytes. What is not what the digest names is not kept.
    ///
    /// # Errors
    /// [`Error::BlobUnread`] for the reader's own, [`Error::OtherBlob`], and those of writing.
    pub fn take_blob(
        &self,
        blob: (&Sha256, u64),
        reader: &mut dyn Read,
        advance: &dyn Fn(u64),
    ) -> Result<()> {
        // Who takes a blob reads it at once, to see what is in it.
        let mut writer = BlobWriter::new(self, Cached::Yes)?;
        self.copy(blob, reader, &mut writer, advance)?;
        writer.commit(blob.0)?;
        Ok(())
    }

    /// The same into a file without a name on the store's disk, to be read from its beginning. It is gone
    /// when it is closed.
    ///
    /// # Errors
    /// As of [`Store::take_blob`].
    pub fn take_unnamed(
        &self,
        blob: (&Sha256, u64),
        reader: &mut dyn Read,
        advance: &dyn Fn(u64),
    ) -> Result<File> {
        let mut file = self.unnamed_file()?;
        self.copy(blob, reader, &mut file, advance)?;
        file.rewind()
            .map_err(io_at("rewind a file in", self.root()))?;
        Ok(file)
    }

    fn copy(
        &self,
        (digest, size): (&Sha256, u64),
        reader: &mut dyn Read,
        out: &mut dyn Write,
        advance: &dyn Fn(u64),
    ) -> Result<()> {
        let mut hasher = sha2::Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        // One byte more than there should be, to see that there is no more.
        let mut reader = reader.take(size.saturating_add(1));
        let mut found = 0;
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(Error::BlobUnread {
                        digest: *digest,
                        source,
                    });
                }
            };
            let bytes = &buffer[..count];
            hasher.update(bytes);
            out.write_all(bytes)
                .map_err(io_at("write a blob into", self.root()))?;
            found += count as u64;
            advance(count as u64);
        }
        let is = Sha256(hasher.finalize().into());
        if found == size && is == *digest {
            return Ok(());
        }
        Err(Error::OtherBlob {
            expected: *digest,
            found: match found.cmp(&size) {
                std::cmp::Ordering::Equal => is.to_oci(),
                std::cmp::Ordering::Less => format!("{found} bytes of {size}"),
                std::cmp::Ordering::Greater => format!("more than {size} bytes"),
            },
        })
    }
}
