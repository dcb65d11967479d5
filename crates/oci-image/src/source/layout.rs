//! An OCI image layout as a folder.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use lock::Sha256;

use super::{Place, named::named, read_file};
use crate::{Error, Result};

#[derive(Debug)]
pub(crate) struct Layout {
    image: String,
    folder: PathBuf,
    tag: Option<String>,
}

impl Layout {
    pub(crate) fn open(image: &str, folder: &Path, tag: Option<String>) -> Result<Self> {
        if !folder.join("index.json").is_file() {
            return Err(Error::Source {
                image: image.to_owned(),
                problem: format!(
                    "there is no OCI layout at {} (it would have an index.json)",
                    folder.display()
                ),
                hint: "build it first, as with `cargo xtask image`; the path is relative to the edition's file",
            });
        }
        Ok(Self {
            image: image.to_owned(),
            folder: folder.to_owned(),
            tag,
        })
    }

    fn path(&self, digest: &Sha256) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest.to_string())
    }

    fn gone(&self, what: &'static str, digest: &Sha256, error: std::io::Error) -> Error {
        match error.kind() {
            std::io::ErrorKind::NotFound => Error::Gone {
                image: self.image.clone(),
                what,
                digest: *digest,
            },
            _ => Error::Io {
                image: self.image.clone(),
                path: self.path(digest),
                source: error,
            },
        }
    }
}

impl Place for Layout {
    fn named(&self, platform: &str) -> Result<(Vec<u8>, Option<Sha256>)> {
        let index = read_file(&self.image, "index.json", &self.folder.join("index.json"))?;
        let digest = named(&self.image, &index, self.tag.as_deref(), platform)?;
        Ok((self.manifest(&digest)?, Some(digest)))
    }

    fn manifest(&self, digest: &Sha256) -> Result<Vec<u8>> {
        let path = self.path(digest);
        match std::fs::metadata(&path) {
            Ok(_) => read_file(&self.image, "its manifest", &path),
            Err(error) => Err(self.gone("manifest", digest, error)),
        }
    }

    fn blob(&self, what: &'static str, digest: &Sha256, _: u64) -> Result<Box<dyn Read + Send>> {
        match File::open(self.path(digest)) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => Err(self.gone(what, digest, error)),
        }
    }
}
