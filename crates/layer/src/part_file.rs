//! A part's blob, read from any byte on and as often as it takes, wherever the part is.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Part, Result};

/// A part's blob. That of a part which is elsewhere is brought at the first reading, once.
#[derive(Debug)]
pub struct PartFile<'p> {
    part: &'p Part,
    file: Mutex<Option<Arc<File>>>,
}

impl<'p> PartFile<'p> {
    /// The blob of a part. Nothing is opened yet.
    pub fn new(part: &'p Part) -> Self {
        Self {
            part,
            file: Mutex::default(),
        }
    }

    /// The part.
    pub fn part(&self) -> &'p Part {
        self.part
    }

    /// Its bytes from `offset` on.
    ///
    /// # Errors
    /// As of [`Part::file`].
    pub fn open_at(&self, offset: u64) -> Result<Box<dyn Read + Send>> {
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &*held {
            Some(file) => file.clone(),
            None => held.insert(Arc::new(self.part.file()?)).clone(),
        };
        Ok(Box::new(From { file, offset }))
    }
}

/// A file from a byte on, whoever else reads it.
struct From {
    file: Arc<File>,
    offset: u64,
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}
