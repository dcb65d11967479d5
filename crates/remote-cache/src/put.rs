//! Filling a cache: blobs first, then the entry that names them.

use std::{
    io::{self, Read},
    sync::PoisonError,
};

use layer::{Part, PartCache, packed_index};
use lock::Sha256;
use registry::{BlobSource, Bytes, Pushed, Repository, media_type};
use store::{Key, OnceFile, Store};

use crate::{
    Cache, Result,
    entry::{About, Descriptor, Entry, INDEX, owned},
};

/// What came of putting something there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It stood there.
    Known,
    /// It stands there now.
    Added {
        /// How many bytes of blobs were uploaded for it.
        bytes: u64,
    },
}

impl Cache {
    /// Puts the parts of one recipe there, unless they are. Blobs are mounted from `mount_from` where
    /// the registry does that.
    ///
    /// # Errors
    /// See [`crate::Error`]. An entry is there only when its blobs are.
    pub fn put(&self, store: &Store, parts: &[&Part], mount_from: &[Repository]) -> Result<Put> {
        let Some(key) = parts.first().map(|part| part.key) else {
            return Ok(Put::Known);
        };
        // What was taken from here stands here: nothing has to be brought to see it.
        let is_own = |part: &&Part| {
            let elsewhere = part.elsewhere.as_ref();
            elsewhere.is_some_and(|elsewhere| elsewhere.cache().name() == self.name())
        };
        // What a cache said that this command does not name is nothing to put a seal under.
        let is_hearsay = |part: &&Part| part.cached.is_some() && part.elsewhere.is_none();
        if parts.iter().all(is_own) || parts.iter().any(is_hearsay) {
            return Ok(Put::Known);
        }
        let mut indexes = Vec::with_capacity(parts.len());
        for part in parts {
            indexes.push(Bytes::new(packed_index(store, part)?));
        }
        let entry = Entry {
            parts: parts.iter().map(|part| said(part)).collect(),
            indexes: indexes
                .iter()
                .map(|index| Descriptor::new(INDEX, &index.digest(), index.size()))
                .collect(),
        };
        let document = entry.write(&key, &self.secret)?;
        let mut bytes = 0;
        let mut push = |blob: &dyn BlobSource| -> Result<()> {
            let pushed = self.client.push_blob(&self.repository, blob, mount_from)?;
            if let Pushed::Uploaded { bytes: more } = pushed {
                bytes += more;
            }
            Ok(())
        };
        // One that was refused may stand there without its blobs.
        if !self.is_distrusted(&key) && self.stands(About::Parts, &key, &document)? {
            return Ok(Put::Known);
        }
        for part in parts {
            push(&PartBlob {
                part,
                file: OnceFile::default(),
            })?;
        }
        for index in &indexes {
            push(index)?;
        }
        self.push_empty()?;
        self.tag(About::Parts, &key, &document)?;
        Ok(Put::Added { bytes })
    }

    /// Notes that the parts which this key stands for do not hide each other's files.
    ///
    /// # Errors
    /// See [`crate::Error`].
    pub fn put_owned(&self, key: &Key) -> Result<Put> {
        let document = owned(key, &self.secret)?;
        if self.stands(About::Owned, key, &document)? {
            return Ok(Put::Known);
        }
        self.push_empty()?;
        self.tag(About::Owned, key, &document)?;
        Ok(Put::Added { bytes: 0 })
    }

    /// Puts OCI's empty blob there, once: a registry may lose sight of a blob for a moment while it is put
    /// there again.
    fn push_empty(&self) -> Result<()> {
        let mut has = self
            .has_empty
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !*has {
            self.client
                .push_blob(&self.repository, &registry::empty(), &[])?;
            *has = true;
        }
        Ok(())
    }

    fn stands(&self, about: About, key: &Key, document: &[u8]) -> Result<bool> {
        let tag = about.tag(key);
        let found = self.asking.head_manifest(&self.repository, tag.as_str())?;
        Ok(found.is_some_and(|found| found.digest == Bytes::new(document).digest()))
    }

    fn tag(&self, about: About, key: &Key, document: &[u8]) -> Result<()> {
        let tag = about.tag(key);
        self.client.push_manifest(
            &self.repository,
            tag.as_str(),
            media_type::MANIFEST,
            document,
        )?;
        Ok(())
    }
}

/// A part as an entry tells of it.
fn said(part: &Part) -> Part {
    Part {
        cached: None,
        ..part.clone()
    }
}

/// A part's blob, wherever it is.
#[derive(Debug)]
struct PartBlob<'p> {
    part: &'p Part,
    file: OnceFile,
}

impl BlobSource for PartBlob<'_> {
    fn digest(&self) -> Sha256 {
        self.part.digest
    }

    fn size(&self) -> u64 {
        self.part.size
    }

    fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + '_>> {
        let rest = self.file.open_at(offset, || self.part.file());
        Ok(Box::new(rest.map_err(io::Error::other)?))
    }

    fn name(&self) -> String {
        self.part.name.clone()
    }
}
