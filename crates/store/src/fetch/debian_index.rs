//! Small files of a Debian archive whose content is not known beforehand: a suite's InRelease. They
//! are given as they come; whoever asks has to verify them.

use std::time::Duration;

use super::{Failure, Fetcher};
use crate::{Error, Result, error::Tried, places::shown};

/// A file of an archive, and the address that gave it (without credentials).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Where it came from.
    pub place: String,
}

impl Fetcher {
    /// The file at `path` below the archive's root, from the first Debian place that has it; at
    /// most `limit` bytes. Not verified.
    ///
    /// # Errors
    /// [`Error::Page`] when no place has it, or nothing may be fetched.
    pub fn debian_page(&self, path: &str, limit: u64) -> Result<Page> {
        let mut tried: Vec<Tried> = Vec::new();
        if self.0.offline {
            return Err(Error::Page {
                path: path.to_owned(),
                tried,
                hint: "without --offline it is fetched".to_owned(),
            });
        }
        for place in self.0.places.debian() {
            let url = place.below(path);
            let mut wait = self.0.patience.wait;
            for round in 0..self.0.patience.tries {
                if round > 0 {
                    std::thread::sleep(wait.min(Duration::from_secs(10)));
                    wait = wait.saturating_mul(2);
                }
                let found = match url.to_file_path() {
                    Ok(file) if url.scheme() == "file" => {
                        std::fs::read(&file).map_err(|error| Failure::Refused(error.to_string()))
                    }
                    _ => self
                        .0
                        .client
                        .page(&url, "*/*", limit)
                        .map(|(bytes, ..)| bytes),
                };
                match found {
                    Ok(bytes) => {
                        return Ok(Page {
                            bytes,
                            place: shown(&url),
                        });
                    }
                    Err(failure) => {
                        let answer = failure.answer().to_owned();
                        let last = matches!(failure, Failure::Refused(_));
                        if last || round + 1 == self.0.patience.tries {
                            tried.push(Tried {
                                place: shown(&url),
                                answer,
                            });
                        }
                        if last {
                            break;
                        }
                    }
                }
            }
        }
        Err(Error::Page {
            path: path.to_owned(),
            tried,
            hint: format!(
                "set {} to the root of an archive that has it",
                crate::places::DEBIAN_VARIABLE
            ),
        })
    }
}
