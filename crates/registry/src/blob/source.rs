//! What a blob is pushed from.

use std::{
    io::{self, Cursor, Read, Seek, SeekFrom},
    path::PathBuf,
};

use lock::Sha256;

/// A blob that can be read from any byte on, as often as it takes.
pub trait BlobSource: Sync {
    /// Its digest.
    fn digest(&self) -> Sha256;

    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Its bytes from `offset` on.
    ///
    /// # Errors
    /// Whatever the system says.
    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>>;

    /// What a person calls it, for progress.
    fn name(&self) -> String {
        self.digest().to_oci()
    }
}

/// A blob in a file, such as one of the store.
#[derive(Debug, Clone)]
pub struct File {
    digest: Sha256,
    size: u64,
    path: PathBuf,
    name: Option<String>,
}

impl File {
    /// The blob `digest`, whose `size` bytes are in the file at `path`.
    pub fn new(digest: Sha256, size: u64, path: impl Into<PathBuf>) -> Self {
        Self {
            digest,
            size,
            path: path.into(),
            name: None,
        }
    }

    /// The same, by a name for people.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

impl BlobSource for File {
    fn digest(&self) -> Sha256 {
        self.digest
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let mut file = fs_err::File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Box::new(file))
    }

    fn name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.digest.to_oci())
    }
}

/// A blob in memory, such as an image's config.
#[derive(Debug, Clone)]
pub struct Bytes {
    digest: Sha256,
    bytes: Vec<u8>,
}

impl Bytes {
    /// The blob of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self {
            digest: store::sha256_of(&bytes),
            bytes,
        }
    }
}

/// OCI's empty blob, which artifacts have where an image has a config, or layers (image-spec, "Guidance
/// for an Empty Descriptor"). Its media type is [`crate::media_type::EMPTY`].
pub fn empty() -> Bytes {
    Bytes::new(&b"{}"[..])
}

impl BlobSource for Bytes {
    fn digest(&self) -> Sha256 {
        self.digest
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let mut cursor = Cursor::new(&self.bytes[..]);
        cursor.set_position(offset);
        Ok(Box::new(cursor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_blob_of_the_specification() {
        let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(
            (empty().digest().to_oci().as_str(), empty().size()),
            (digest, 2)
        );
    }
}
