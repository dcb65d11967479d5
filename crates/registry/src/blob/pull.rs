//! Reading a blob back: verified at its end, and gone on with where the line breaks.

use std::{
    io::{self, Read},
    sync::Arc,
};

use lock::Sha256;
use sha2::Digest as _;
use ureq::http::{Method, header};

use super::find;
use crate::{
    Client, Error, Repository, Result,
    auth::Scope,
    http::{Answer, Ask, BodyReader, Failure, Host, Send},
    retry::Tries,
};

/// A blob that is being read. Its end is reached only if size and sha256 are right: until then, what
/// was read is unverified. What goes wrong comes as an [`io::Error`] that holds an [`Error`], which
/// [`BlobReader::error`] takes out.
pub struct BlobReader {
    client: Client,
    host: Arc<Host>,
    repository: Repository,
    digest: Sha256,
    size: u64,
    doing: String,
    offset: u64,
    hasher: sha2::Sha256,
    body: Option<BodyReader>,
    tries: Tries,
    verified: bool,
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobReader")
            .field("repository", &self.repository)
            .field("digest", &self.digest)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Reads a blob of known size. The first request is made here, so that one that is not there is
    /// told at once.
    ///
    /// # Errors
    /// [`Error::Answered`] with status 404 where it is not there, and those of every call: see
    /// [`Error`].
    pub fn pull_blob(
        &self,
        repository: &Repository,
        digest: &Sha256,
        size: u64,
    ) -> Result<BlobReader> {
        let mut reader = BlobReader {
            client: self.clone(),
            host: self.host(repository),
            repository: repository.clone(),
            digest: *digest,
            size,
            doing: format!("reading blob {} of {repository}", digest.to_oci()),
            offset: 0,
            hasher: sha2::Sha256::new(),
            body: None,
            tries: Tries::new(self.patience),
            verified: false,
        };
        reader.open()?;
        Ok(reader)
    }

    /// A whole blob of at most `limit` bytes, verified; `None` where it is not there.
    ///
    /// # Errors
    /// [`Error::Content`], [`Error::TooLarge`], and those of every call: see [`Error`].
    pub fn blob_bytes(
        &self,
        repository: &Repository,
        digest: &Sha256,
        limit: u64,
    ) -> Result<Option<Vec<u8>>> {
        let doing = format!("reading blob {} of {repository}", digest.to_oci());
        let host = self.host(repository);
        let url = self.url(
            &host,
            repository,
            &format!("blobs/{}", digest.to_oci()),
            &doing,
        )?;
        let ask = Ask {
            doing: &doing,
            method: Method::GET,
            url,
            headers: Vec::new(),
            send: Send::Nothing,
            repository,
            scopes: vec![Scope::pull(repository)],
            fresh: false,
        };
        let what = || format!("blob {} of {repository}", digest.to_oci());
        let found = self.whole(&host, &ask, limit, &what())?;
        let Some((_, bytes)) = found else {
            return Ok(None);
        };
        let found = store::sha256_of(&bytes);
        if found != *digest {
            return Err(Error::Content {
                what: what(),
                expected: digest.to_oci(),
                found: found.to_oci(),
            });
        }
        Ok(Some(bytes))
    }

    /// An answer's headers (as an answer without a body) and its whole body; a body that breaks off is
    /// asked for again. `None` for a 404.
    pub(crate) fn whole(
        &self,
        host: &Host,
        ask: &Ask<'_>,
        limit: u64,
        what: &str,
    ) -> Result<Option<(Head, Vec<u8>)>> {
        let mut tries = Tries::new(self.patience);
        loop {
            let failure = match self.once(host, ask) {
                Ok(answer) if answer.status == 404 => return Ok(None),
                Ok(answer) if answer.status != 200 => {
                    return Err(find::answered(answer, ask.doing));
                }
                Ok(answer) => {
                    let head = Head::of(&answer);
                    match answer.bytes(limit) {
                        Ok(Some(bytes))
                            if head
                                .length
                                .is_none_or(|length| length == bytes.len() as u64) =>
                        {
                            return Ok(Some((head, bytes)));
                        }
                        Ok(Some(_)) => Failure::Broken("the answer broke off".to_owned()),
                        Ok(None) => {
                            return Err(Error::TooLarge {
                                what: what.to_owned(),
                                limit,
                            });
                        }
                        Err(error) => Failure::Broken(error.to_string()),
                    }
                }
                Err(failure) => failure,
            };
            self.pause(&mut tries, failure, ask.doing, &host.registry)?;
        }
    }
}

/// What is kept of an answer whose body was read.
pub(crate) struct Head {
    pub(crate) media_type: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) link: Vec<String>,
    pub(crate) url: url::Url,
    length: Option<u64>,
}

impl Head {
    fn of(answer: &Answer) -> Self {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Self {
            media_type: text(answer.header(header::CONTENT_TYPE)),
            digest: text(answer.header(find::CONTENT_DIGEST)),
            link: answer.lines(header::LINK).map(str::to_owned).collect(),
            url: answer.url.clone(),
            length: answer
                .header(header::CONTENT_LENGTH)
                .and_then(|text| text.parse().ok()),
        }
    }
}

impl BlobReader {
    /// The error in one that reading gave, if it is one of ours.
    ///
    /// # Errors
    /// The [`io::Error`] itself where it holds no error of ours.
    pub fn error(error: io::Error) -> Result<Error, io::Error> {
        error.downcast::<Error>()
    }

    /// Asks for what is still to come.
    fn open(&mut self) -> Result<()> {
        let path = format!("blobs/{}", self.digest.to_oci());
        let url = self
            .client
            .url(&self.host, &self.repository, &path, &self.doing)?;
        let mut headers = Vec::new();
        if self.offset > 0 {
            headers.push((header::RANGE, format!("bytes={}-", self.offset)));
        }
        let ask = Ask {
            doing: &self.doing,
            method: Method::GET,
            url,
            headers,
            send: Send::Nothing,
            repository: &self.repository,
            scopes: vec![Scope::pull(&self.repository)],
            fresh: false,
        };
        let answer = self.client.ask(&self.host, &ask)?;
        match answer.status {
            206 if self.offset > 0 => {
                let range = answer.header(header::CONTENT_RANGE).unwrap_or_default();
                let start = range
                    .strip_prefix("bytes ")
                    .and_then(|range| range.split_once('-'));
                let start: Option<u64> = start.and_then(|(start, _)| start.trim().parse().ok());
                if start != Some(self.offset) {
                    return Err(self.odd(format!(
                        "it was asked for bytes from {} on and answered range {range:?}",
                        self.offset
                    )));
                }
                self.body = Some(answer.reader());
                Ok(())
            }
            200 => {
                find::check_digest(&answer, &self.digest.to_oci(), &self.doing)?;
                let announced: Option<u64> = answer
                    .header(header::CONTENT_LENGTH)
                    .and_then(|text| text.parse().ok());
                if let Some(announced) = announced
                    && announced != self.size
                {
                    return Err(
                        self.content(format!("{} bytes", self.size), format!("{announced} bytes"))
                    );
                }
                let mut body = answer.reader();
                // A registry that knows no ranges sends all again.
                let skip = self.offset;
                let skipped = io::copy(&mut (&mut body).take(skip), &mut io::sink());
                // If that breaks, so does the next read, and it is asked for again.
                if skipped.is_ok_and(|skipped| skipped == skip) {
                    self.body = Some(body);
                }
                Ok(())
            }
            _ => Err(find::answered(answer, &self.doing)),
        }
    }

    fn odd(&self, problem: String) -> Error {
        Error::Odd {
            doing: self.doing.clone(),
            problem,
        }
    }

    fn content(&self, expected: String, found: String) -> Error {
        Error::Content {
            what: format!("blob {} of {}", self.digest.to_oci(), self.repository),
            expected,
            found,
        }
    }

    fn finish(&mut self) -> Result<()> {
        let found = Sha256(self.hasher.clone().finalize().into());
        if found != self.digest {
            return Err(self.content(self.digest.to_oci(), found.to_oci()));
        }
        self.verified = true;
        Ok(())
    }

    /// Reads what there is, or finds out why there is nothing.
    fn some(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let left = self.size - self.offset;
            if left == 0 {
                let more = self.body.as_mut().map(|body| body.read(&mut [0]));
                if matches!(more, Some(Ok(1))) {
                    let expected = format!("{} bytes", self.size);
                    return Err(self.content(expected, "more".to_owned()));
                }
                self.finish()?;
                return Ok(0);
            }
            let broke = match &mut self.body {
                None => "broke off".to_owned(),
                Some(body) => {
                    let most = buffer
                        .len()
                        .min(usize::try_from(left).unwrap_or(usize::MAX));
                    match body.read(&mut buffer[..most]) {
                        Ok(0) => "broke off".to_owned(),
                        Ok(count) => {
                            self.hasher.update(&buffer[..count]);
                            self.offset += count as u64;
                            self.tries.progressed();
                            return Ok(count);
                        }
                        Err(error) => error.to_string(),
                    }
                }
            };
            self.body = None;
            let failure = Failure::Broken(format!(
                "{broke} after {} of {} bytes",
                self.offset, self.size
            ));
            self.client
                .pause(&mut self.tries, failure, &self.doing, &self.host.registry)?;
            self.open()?;
        }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.verified {
            return Ok(0);
        }
        self.some(buffer).map_err(io::Error::other)
    }
}
