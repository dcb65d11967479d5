//! What is asked of a registry.

use std::{
    cell::{Cell, RefCell},
    io::{self, Read},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use store::ProgressTask;
use ureq::http::{HeaderName, Method};
use url::Url;

use crate::{BlobSource, Repository, auth::Scope};

/// A request.
pub(crate) struct Ask<'a> {
    /// What it is for, in an error's words.
    pub(crate) doing: &'a str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) send: Send<'a>,
    /// Whose credentials are shown.
    pub(crate) repository: &'a Repository,
    /// What a token has to allow.
    pub(crate) scopes: Vec<Scope>,
    /// Over a connection that nothing went over before.
    pub(crate) fresh: bool,
}

/// A request's body.
#[derive(Clone, Copy)]
pub(crate) enum Send<'a> {
    /// None, as with GET.
    Nothing,
    /// These bytes; none of them is a body as well.
    Bytes(&'a [u8]),
    /// A part of a blob.
    Stream(&'a Stream<'a>),
}

impl Send<'_> {
    /// Sends the body at once from now on; whether that is a change.
    pub(crate) fn expect_nothing(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.expect.replace(false),
            Self::Nothing | Self::Bytes(_) => false,
        }
    }
}

/// A part of a blob as a body that is read while it is sent. It can be opened again where a request
/// is repeated.
pub(crate) struct Stream<'a> {
    blob: &'a dyn BlobSource,
    offset: u64,
    pub(crate) length: u64,
    telling: &'a Telling<'a>,
    /// How much was taken of it the last time.
    taken: Cell<u64>,
    /// Why it could not be read on.
    failed: RefCell<Option<io::Error>>,
    /// Whether the registry may be asked before it is sent.
    expect: Cell<bool>,
}

/// Tells a listener how far a blob got, whatever is sent twice.
pub(crate) struct Telling<'a> {
    task: &'a ProgressTask,
    told: Cell<u64>,
}

impl<'a> Telling<'a> {
    pub(crate) fn new(task: &'a ProgressTask) -> Self {
        Self {
            task,
            told: Cell::new(0),
        }
    }

    /// The blob's first bytes, so many, are on their way or there.
    pub(crate) fn reached(&self, offset: u64) {
        let told = self.told.get();
        if offset > told {
            self.task.advance(offset - told);
            self.told.set(offset);
        }
    }
}

impl<'a> Stream<'a> {
    pub(crate) fn new(
        blob: &'a dyn BlobSource,
        offset: u64,
        length: u64,
        telling: &'a Telling<'a>,
    ) -> Self {
        Self {
            blob,
            offset,
            length,
            telling,
            taken: Cell::new(0),
            failed: RefCell::new(None),
            expect: Cell::new(true),
        }
    }

    /// Whether the registry may be asked before it is sent.
    pub(crate) fn may_expect(&self) -> bool {
        self.expect.get()
    }

    /// How much was handed to the connection the last time; not all of it need have arrived.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// Why it could not be read on, if that is why the request failed.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.failed.borrow_mut().take()
    }

    /// Begins it anew.
    pub(crate) fn reader<'s>(
        &'s self,
        sent: &'s AtomicU64,
        stop: &'s AtomicBool,
    ) -> io::Result<Reader<'s>> {
        self.taken.set(0);
        let inner = self
            .blob
            .open_at(self.offset)
            .inspect_err(|error| self.fail(error))?;
        Ok(Reader {
            stream: self,
            inner,
            sent,
            stop,
        })
    }

    fn fail(&self, error: &io::Error) {
        *self.failed.borrow_mut() = Some(io::Error::new(error.kind(), error.to_string()));
    }
}

/// Reads a [`Stream`] once. Its last bytes are handed out only when there is nothing wrong at the blob's
/// end: a source may verify what it gave there, and an upload that lacks them is not complete.
pub(crate) struct Reader<'s> {
    stream: &'s Stream<'s>,
    inner: Box<dyn Read + 's>,
    sent: &'s AtomicU64,
    stop: &'s AtomicBool,
}

impl Reader<'_> {
    /// Looks behind the last byte, if it is the blob's.
    fn check_end(&mut self) -> io::Result<()> {
        let stream = self.stream;
        if stream.offset + stream.length < stream.blob.size() {
            return Ok(());
        }
        loop {
            match self.inner.read(&mut [0]) {
                Ok(0) => return Ok(()),
                Ok(_) => return Err(self.wrong("it is longer than it should be")),
                // It cannot be passed on: bytes were read that nobody has yet.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    stream.fail(&error);
                    return Err(error);
                }
            }
        }
    }

    fn wrong(&self, problem: &str) -> io::Error {
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, problem);
        self.stream.fail(&error);
        error
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        let stream = self.stream;
        let left = stream.length - stream.taken.get();
        let most = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let count = self.inner.read(&mut buffer[..most]).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                stream.fail(error);
            }
        })?;
        if count == 0 {
            return Err(self.wrong("it is shorter than it should be"));
        }
        if count as u64 == left {
            self.check_end()?;
        }
        stream.taken.set(stream.taken.get() + count as u64);
        self.sent.fetch_add(count as u64, Ordering::Relaxed);
        stream.telling.reached(stream.offset + stream.taken.get());
        Ok(count)
    }
}
