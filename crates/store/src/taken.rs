//! Blobs that come from elsewhere: hashed while they are written, and placed when they are whole and right.

use std::io::{self, Read, Write};

use lock::Sha256;
use sha2::Digest as _;

use crate::{Error, Result, Store, error::io_at};

impl Store {
    /// Copies a blob of known digest and size (in bytes) into the store. `advance` hears of every stretch
    /// of bytes. What is not what the digest names is not kept.
    ///
    /// # Errors
    /// [`Error::BlobUnread`] for the reader's own, [`Error::OtherBlob`], and those of writing.
    pub fn take_blob(
        &self,
        (digest, size): (&Sha256, u64),
        reader: &mut dyn Read,
        advance: &dyn Fn(u64),
    ) -> Result<()> {
        let mut writer = self.blob_writer()?;
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
            let written = writer.write_all(bytes);
            written.map_err(io_at("write a blob into", self.root()))?;
            found += count as u64;
            advance(count as u64);
        }
        let is = Sha256(hasher.finalize().into());
        if found != size || is != *digest {
            return Err(Error::OtherBlob {
                expected: *digest,
                found: match found.cmp(&size) {
                    std::cmp::Ordering::Equal => is.to_oci(),
                    std::cmp::Ordering::Less => format!("{found} bytes of {size}"),
                    std::cmp::Ordering::Greater => format!("more than {size} bytes"),
                },
            });
        }
        writer.commit(digest)?;
        Ok(())
    }
}
