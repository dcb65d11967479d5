//! How an upload goes on when something breaks: from where it was, anew in smaller requests, or in one
//! request. It is given up only when it gets no further.

use std::sync::Arc;

use super::{
    BlobSource, Upload, find,
    session::{self, Session},
};
use crate::{
    Client, Error, Repository, Result,
    http::{Answer, Failure, Host, Learned, Send, Stream, Telling},
    retry::Tries,
    said,
};

/// Up to this size, a blob goes in one PUT from the start.
const SMALL: u64 = 4 << 20;
/// The size of a request where one for the whole blob is too large for the registry.
const CHUNK: u64 = 32 << 20;
/// The smallest size that a request is cut to.
const LEAST: u64 = 64 << 10;

/// A blob on its way.
pub(super) struct Uploading<'a> {
    client: &'a Client,
    host: Arc<Host>,
    repository: &'a Repository,
    blob: &'a dyn BlobSource,
    telling: &'a Telling<'a>,
    doing: &'a str,
    /// Failures since the registry last took something.
    tries: Tries,
    /// Uploads that were lost, as a whole or from some byte on, since the registry last had more than
    /// ever before.
    lost: u32,
    /// The most that the registry ever said it has.
    high: u64,
    way: Learned,
    /// This blob goes in a single PUT, which need not be so for others.
    whole: bool,
    /// All that was sent.
    bytes: u64,
}

/// How an upload ended that the registry had begun.
enum End {
    Done,
    /// The registry knows it no more: begin anew.
    Lost(Failure),
}

impl<'a> Uploading<'a> {
    pub(super) fn new(
        client: &'a Client,
        repository: &'a Repository,
        blob: &'a dyn BlobSource,
        telling: &'a Telling<'a>,
        doing: &'a str,
    ) -> Self {
        let host = client.host(repository);
        let options = client.options();
        let mut way = host.learned();
        way.chunk = way.chunk.or(options.chunk);
        Self {
            client,
            repository,
            blob,
            telling,
            doing,
            tries: Tries::new(client.patience),
            lost: 0,
            high: 0,
            way,
            whole: false,
            bytes: 0,
            host,
        }
    }

    /// Uploads the blob; how much was sent for it.
    pub(super) fn run(mut self, mut begun: Option<Upload>) -> Result<u64> {
        let host = self.host.clone();
        let mut small = self.blob.size() <= SMALL.min(self.way.chunk.unwrap_or(SMALL));
        loop {
            let session = Session {
                client: self.client,
                host: &host,
                repository: self.repository,
                doing: self.doing,
                fresh: self.way.fresh,
            };
            let mut upload = match begun.take() {
                Some(upload) => upload,
                None => session.begin()?,
            };
            let end = if small || self.whole() {
                self.in_one(&session, &upload)
            } else {
                self.in_parts(&session, &mut upload)
            };
            let why = match end {
                Ok(End::Done) => return Ok(self.bytes),
                Ok(End::Lost(why)) => why,
                Err(error) => {
                    // The registry can hear it, and need not keep what came so far.
                    if !matches!(error, Error::Unreachable { .. } | Error::Stopped(_)) {
                        self.client.cancel(self.repository, &upload, self.doing);
                    }
                    return Err(error);
                }
            };
            small = false;
            self.lose(&why)?;
            // For the next blob as well, and beside what others have learned meanwhile.
            self.way = host.learn(self.way);
        }
    }

    /// Whether nothing but a single PUT is left to try.
    fn whole(&self) -> bool {
        self.whole || self.way.whole
    }

    /// Counts that the registry lost something which it had.
    fn lose(&mut self, why: &Failure) -> Result<()> {
        self.lost += 1;
        if self.lost > 2 * self.client.patience.tries {
            let why = why.to_keep();
            return Err(why.into_error(self.doing, &self.host.registry, self.lost));
        }
        Ok(())
    }

    /// The whole blob in one PUT.
    fn in_one(&mut self, session: &Session<'_>, upload: &Upload) -> Result<End> {
        let body = self.part(0, self.blob.size());
        let sent = session.put(upload, &self.blob.digest(), Send::Stream(&body));
        self.count(&body)?;
        let failure = match sent {
            Ok(answer) if answer.is_success() => return self.stored(&answer),
            Ok(answer) if matches!(answer.status, 400 | 404 | 416) => self.doubted(answer)?,
            Ok(answer) if matches!(answer.status, 405 | 413 | 501) && !self.whole() => {
                refusal(answer)
            }
            Ok(answer) => return Err(find::answered(answer, self.doing)),
            Err(failure) => failure,
        };
        let why = self.pause(failure)?;
        // The blob may have arrived, and only the answer have been lost.
        match self
            .client
            .has_blob(self.repository, &self.blob.digest(), self.doing)?
        {
            true => Ok(End::Done),
            false => Ok(End::Lost(why)),
        }
    }

    /// One PATCH after another, and a PUT without a body.
    fn in_parts(&mut self, session: &Session<'_>, upload: &mut Upload) -> Result<End> {
        let size = self.blob.size();
        let mut offset = 0;
        while offset < size {
            let least = upload.least.max(1);
            let length = self.way.chunk.unwrap_or(size).max(least).min(size - offset);
            let part = self.part(offset, length);
            let sent = session.patch(upload, offset, length == size, &part);
            self.count(&part)?;
            let (failure, broke) = match sent {
                Ok(answer) if answer.is_success() => {
                    session.moved(upload, &answer)?;
                    let end = offset + length;
                    let range = answer.header(ureq::http::header::RANGE);
                    // One that says nothing, or nonsense, took what it was sent: the digest tells.
                    let taken = range.and_then(session::received);
                    offset = taken
                        .filter(|taken| *taken > offset && *taken < end)
                        .unwrap_or(end);
                    self.arrived(offset);
                    continue;
                }
                Ok(answer) => match answer.status {
                    413 => {
                        let half = length / 2;
                        if half < LEAST.max(upload.least) {
                            return Err(find::answered(answer, self.doing));
                        }
                        self.way.chunk = Some(half.min(CHUNK));
                        (refusal(answer), false)
                    }
                    400 | 405 | 411 | 415 | 501 => {
                        let status = answer.status;
                        let body = answer.refusal();
                        let known = ["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN"];
                        let forgot = known.iter().any(|code| said::has_code(&body, code));
                        // 400 may be about this request alone; the others are about PATCH.
                        self.way.whole |= status != 400;
                        self.whole |= status == 400 && !forgot;
                        if self.whole() {
                            let (client, repository) = (self.client, self.repository);
                            client.cancel(repository, upload, self.doing);
                        }
                        let said = said::said(&body);
                        let failure = Failure::Busy {
                            status,
                            said,
                            after: None,
                        };
                        return Ok(End::Lost(self.pause(failure)?));
                    }
                    404 => return Ok(End::Lost(self.pause(refusal(answer))?)),
                    416 => (refusal(answer), false),
                    _ => return Err(find::answered(answer, self.doing)),
                },
                Err(failure) => (failure, true),
            };
            let out_of_range = matches!(failure, Failure::Busy { status: 416, .. });
            let why = self.pause(failure)?;
            match session.status(upload)? {
                Some(found) if out_of_range && found == offset => {
                    // It has what we think it has, and still does not want what follows.
                    self.whole = true;
                    self.client.cancel(self.repository, upload, self.doing);
                    return Ok(End::Lost(why));
                }
                Some(found) if found <= size => {
                    if found < offset {
                        self.lose(&why)?;
                    }
                    self.arrived(found);
                    offset = found;
                }
                _ => {
                    if broke {
                        self.cut(part.taken(), upload.least);
                    }
                    return Ok(End::Lost(why));
                }
            }
        }
        self.close(session, upload)
    }

    /// The PUT without a body.
    fn close(&mut self, session: &Session<'_>, upload: &mut Upload) -> Result<End> {
        let (digest, size) = (self.blob.digest(), self.blob.size());
        loop {
            let why = match session.put(upload, &digest, Send::Bytes(&[])) {
                Ok(answer) if answer.is_success() => return self.stored(&answer),
                Ok(answer) if matches!(answer.status, 400 | 404 | 416) => {
                    let failure = self.doubted(answer)?;
                    return Ok(End::Lost(self.pause(failure)?));
                }
                Ok(answer) => return Err(find::answered(answer, self.doing)),
                Err(failure) => self.pause(failure)?,
            };
            if self.client.has_blob(self.repository, &digest, self.doing)? {
                return Ok(End::Done);
            }
            match session.status(upload)? {
                Some(found) if found == size => {}
                _ => return Ok(End::Lost(why)),
            }
        }
    }

    /// The registry says that it has the blob.
    fn stored(&mut self, answer: &Answer) -> Result<End> {
        find::check_digest(answer, &self.blob.digest().to_oci(), self.doing)?;
        self.telling.reached(self.blob.size());
        Ok(End::Done)
    }

    /// The registry says that the blob is wrong. If it is, that is the end; otherwise the upload went
    /// wrong.
    fn doubted(&self, answer: Answer) -> Result<Failure> {
        let status = answer.status;
        let body = answer.refusal();
        let codes = ["DIGEST_INVALID", "SIZE_INVALID"];
        if codes.iter().any(|code| said::has_code(&body, code)) {
            let expected = self.blob.digest();
            let failed = |source| Error::Source {
                digest: expected,
                source,
            };
            let mut reader = self.blob.open_at(0).map_err(failed)?;
            let (_, found) = store::sha256(&mut reader).map_err(failed)?;
            if found != expected {
                return Err(Error::Changed { expected, found });
            }
        }
        let said = said::said(&body);
        Ok(Failure::Busy {
            status,
            said,
            after: None,
        })
    }

    /// A part of the blob as a body.
    fn part(&self, offset: u64, length: u64) -> Stream<'a> {
        Stream::new(self.blob, offset, length, self.telling)
    }

    /// Counts what was sent, and tells whether the blob could be read.
    fn count(&mut self, part: &Stream<'_>) -> Result<()> {
        self.bytes += part.taken();
        match part.failure() {
            Some(source) => Err(Error::Source {
                digest: self.blob.digest(),
                source,
            }),
            None => Ok(()),
        }
    }

    /// The registry has this much.
    fn arrived(&mut self, offset: u64) {
        // What it had before and lost is no progress.
        if offset > self.high {
            self.tries.progressed();
            self.high = offset;
            self.lost = 0;
        }
    }

    /// What got through at once is less than what was sent when it broke: half of that is tried next,
    /// each time over a new connection, in case it is the connection that has a limit.
    fn cut(&mut self, taken: u64, least: u64) {
        self.way.fresh = true;
        if taken > 0 {
            self.way.chunk = Some((taken / 2).max(LEAST).max(least));
        }
    }

    /// Waits after a failure. It is kept, for the case that it was the last.
    fn pause(&mut self, failure: Failure) -> Result<Failure> {
        let why = failure.to_keep();
        let registry = &self.host.registry;
        self.client
            .pause(&mut self.tries, failure, self.doing, registry)?;
        Ok(why)
    }
}

fn refusal(answer: Answer) -> Failure {
    Failure::Busy {
        status: answer.status,
        said: answer.said(),
        after: None,
    }
}
