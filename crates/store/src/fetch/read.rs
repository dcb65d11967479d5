//! Files that no digest is known for yet: the entry of a chain of trust, such as the signed index
//! of a Debian suite. They are read into memory and not kept; whoever reads one verifies it.

use std::{
    io::{self, Read},
    sync::{Arc, atomic::AtomicBool},
};

use super::{Failure, Fetcher, Inner, Pages, ProjectFile};
use crate::{Error, Place, Places, Result, places::shown};

impl Fetcher {
    /// Reads the file at `path` below `place`, of at most `limit` bytes. It is unverified.
    ///
    /// # Errors
    /// [`Error::Offline`] where fetching is off, and [`Error::Read`] when the place has no such
    /// file, gives no answer, or too large a file.
    pub fn read(&self, place: &Place, path: &str, limit: u64) -> Result<Vec<u8>> {
        let url = place.below(path);
        if self.inner.offline {
            return Err(Error::Offline {
                artifact: shown(&url),
                more: 0,
            });
        }
        let failed = |answer: &str| Error::Read {
            address: shown(&url),
            answer: answer.to_owned(),
        };
        if let Ok(file) = url.to_file_path()
            && url.scheme() == "file"
        {
            return read_file(&file, limit).map_err(|error| failed(&error.to_string()));
        }
        let page = self.patiently(|| self.inner.client.page(&url, "*/*", limit));
        let (bytes, _, _) = page.map_err(|failure| failed(failure.answer()))?;
        Ok(bytes)
    }

    /// Asks again as long as the answer may be another the next time.
    pub(super) fn patiently<T, E: Final>(&self, ask: impl Fn() -> Result<T, E>) -> Result<T, E> {
        let mut patience = self.inner.patience;
        loop {
            match ask() {
                Err(failure) if !failure.is_final() && patience.tries > 1 => {
                    std::thread::sleep(patience.wait);
                }
                answer => return answer,
            }
            patience.tries -= 1;
            patience.wait = patience.wait.saturating_mul(2);
        }
    }

    /// All files that the Python indexes list for a project and that were not withdrawn.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::NoPythonIndex`]; [`Error::Read`] when no index has the project or
    /// one fails.
    pub fn project_files(&self, project: &str) -> Result<Vec<ProjectFile>> {
        if self.inner.offline {
            return Err(Error::Offline {
                artifact: format!("the files of {project}"),
                more: 0,
            });
        }
        let (client, pages) = (&self.inner.client, &self.inner.pages);
        let mut files = Vec::new();
        let mut last = None;
        for place in self.inner.places.python()? {
            match self.patiently(|| pages.files(client, &place, project)) {
                Ok(found) => files.extend(found),
                Err(failure) => {
                    last = Some(Error::Read {
                        address: format!("{place}{project}/"),
                        answer: failure.answer().to_owned(),
                    });
                }
            }
        }
        match last {
            Some(error) if files.is_empty() => Err(error),
            _ => Ok(files),
        }
    }

    /// The same fetcher for other places. Connections are shared.
    pub fn with_places(&self, places: Places) -> Self {
        Self {
            stop: self.stop.clone(),
            inner: Arc::new(Inner {
                places,
                progress: self.inner.progress.clone(),
                offline: self.inner.offline,
                client: self.inner.client.clone(),
                pages: Pages::default(),
                patience: self.inner.patience,
                found_absent: AtomicBool::default(),
            }),
        }
    }
}

/// A failure that says whether there is use in asking again.
pub(super) trait Final {
    fn is_final(&self) -> bool;
}

impl Final for Failure {
    fn is_final(&self) -> bool {
        Self::is_final(self)
    }
}

fn read_file(path: &std::path::Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = fs_err::File::open(path)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("has more than {limit} bytes")));
    }
    Ok(bytes)
}
