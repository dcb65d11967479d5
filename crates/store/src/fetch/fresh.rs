//! Files at an address that no digest is known for yet: fetched into the store while they are hashed.
//! The digest goes into a lock, and from then on the file is an artifact like any other.

use std::io::{Read, Write};

use lock::Sha256;
use sha2::Digest;
use url::Url;

use super::{Failure, Fetcher, attempt};
use crate::{Error, ProgressTask, Result, Store, TaskKind, error::io_at, places::shown};

/// What came from an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// The file's name: the last part of the address.
    pub filename: String,
    /// In bytes.
    pub size: u64,
    /// Of the whole file.
    pub sha256: Sha256,
}

impl Fetcher {
    /// Fetches the file at an http, https or file address into the store's downloads and says what it
    /// is. `name` is what a person calls it.
    ///
    /// # Errors
    /// [`Error::Offline`]; [`Error::Place`] for what is no address; [`Error::Read`] when it cannot be
    /// had; [`Error::Io`] when the store cannot be written.
    pub fn fetch_fresh(&self, store: &Store, name: &str, address: &str) -> Result<Fresh> {
        let wrong = |problem: String| Error::Place {
            setting: name.to_owned(),
            value: address.rsplit('@').next().unwrap_or_default().to_owned(),
            problem,
        };
        let url = Url::parse(address).map_err(|error| wrong(error.to_string()))?;
        let last = url.path_segments().and_then(|mut path| path.next_back());
        let decoded = percent_encoding::percent_decode_str(last.unwrap_or_default());
        let filename = decoded.decode_utf8_lossy().into_owned();
        if filename.is_empty() || filename.contains('/') {
            return Err(wrong("its path does not end with a file's name".to_owned()));
        }
        if self.inner.offline && url.scheme() != "file" {
            return Err(Error::Offline {
                artifact: shown(&url),
                more: 0,
            });
        }
        let task = ProgressTask::start(self.inner.progress.clone(), TaskKind::Fetch, name, None);
        let found = self.patiently(|| self.receive_fresh(store, &url, &task));
        let (size, sha256) = found.map_err(|failure| match failure {
            Failed::Store(error) => error,
            Failed::Place(failure) => Error::Read {
                address: shown(&url),
                answer: failure.answer().to_owned(),
            },
        })?;
        task.done();
        Ok(Fresh {
            filename,
            size,
            sha256,
        })
    }

    fn receive_fresh(
        &self,
        store: &Store,
        url: &Url,
        task: &ProgressTask,
    ) -> Result<(u64, Sha256), Failed> {
        let broken = |error: std::io::Error| Failed::Place(Failure::Broken(error.to_string()));
        let mut announced = None;
        let mut content: Box<dyn Read> = match url.to_file_path() {
            Ok(path) if url.scheme() == "file" => {
                let file = std::fs::File::open(path);
                let refused = |error: std::io::Error| Failure::Refused(error.to_string());
                Box::new(file.map_err(refused).map_err(Failed::Place)?)
            }
            _ => {
                let response = self.inner.client.get(url, "*/*", 0);
                let response = response.map_err(Failed::Place)?;
                if response.status() != 200 {
                    return Err(Failed::Place(super::client::status(&response)));
                }
                announced = attempt::announced(&response);
                Box::new(response.into_body().into_reader())
            }
        };
        let scratch = store.scratch("fresh").map_err(Failed::Store)?;
        let path = scratch.path().join("file");
        let io = |what| {
            let at = io_at(what, &path);
            move |error| Failed::Store(at(error))
        };
        let mut file = std::fs::File::create(&path).map_err(io("make"))?;
        let mut hasher = sha2::Sha256::new();
        let mut buffer = vec![0; 128 << 10];
        let mut size = 0;
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(broken(error)),
            };
            file.write_all(&buffer[..count]).map_err(io("write"))?;
            hasher.update(&buffer[..count]);
            size += count as u64;
            task.advance(count as u64);
        }
        if let Some(expected) = announced.filter(|expected| *expected != size) {
            let answer = format!("broke off after {size} of {expected} bytes");
            return Err(Failed::Place(Failure::Broken(answer)));
        }
        let sha256 = Sha256(hasher.finalize().into());
        let target = store.download_path(&sha256);
        std::fs::rename(&path, &target)
            .map_err(io_at("put in place", &target))
            .map_err(Failed::Store)?;
        Ok((size, sha256))
    }
}

/// Why nothing came: the place, or our own disk.
enum Failed {
    Place(Failure),
    Store(Error),
}

impl super::read::Final for Failed {
    fn is_final(&self) -> bool {
        match self {
            Self::Place(failure) => failure.is_final(),
            Self::Store(_) => true,
        }
    }
}
