//! A file that is opened when it is first read, and then read from any byte on by whoever wants to.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, PoisonError},
};

/// A file that may not be wanted at all, or several times.
#[derive(Debug, Default)]
pub struct OnceFile(Mutex<Option<Arc<File>>>);

impl OnceFile {
    /// The bytes from `offset` on, of the file that `open` gives the first time.
    ///
    /// # Errors
    /// Those of `open`; it is asked again the next time.
    pub fn open_at<E>(
        &self,
        offset: u64,
        open: impl FnOnce() -> Result<File, E>,
    ) -> Result<Rest, E> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &*held {
            Some(file) => file.clone(),
            None => held.insert(Arc::new(open()?)).clone(),
        };
        Ok(Rest { file, offset })
    }
}

/// A file from a byte on, whoever else reads it.
#[derive(Debug)]
pub struct Rest {
    file: Arc<File>,
    offset: u64,
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn opened_once_and_read_from_anywhere() {
        let once = OnceFile::default();
        let failed = once.open_at(0, || Err::<File, _>("not now"));
        assert_eq!(failed.err(), Some("not now"));
        let mut opened = 0;
        for (offset, expected) in [(0, "some bytes"), (5, "bytes"), (10, "")] {
            let mut rest = once
                .open_at(offset, || {
                    opened += 1;
                    let mut file = tempfile::tempfile()?;
                    file.write_all(b"some bytes")?;
                    Ok::<_, io::Error>(file)
                })
                .unwrap();
            let mut text = String::new();
            rest.read_to_string(&mut text).unwrap();
            assert_eq!(text, expected);
        }
        assert_eq!(opened, 1);
    }
}
