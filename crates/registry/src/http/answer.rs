//! What a registry answers.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ureq::{
    Body,
    http::{HeaderMap, HeaderName, Response},
};
use url::Url;

use crate::said;

/// The most that is read of an answer that says no.
const REFUSAL: u64 = 64 << 10;

/// An answer of whatever status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Body,
    /// The address that gave it, after redirects.
    pub(crate) url: Url,
    /// Whether something was to be put there.
    pub(crate) push: bool,
    received: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Answer {
    pub(crate) fn new(
        response: Response<Body>,
        url: Url,
        push: bool,
        received: Arc<AtomicU64>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let status = response.status().as_u16();
        let (parts, body) = response.into_parts();
        Self {
            status,
            headers: parts.headers,
            body,
            url,
            push,
            received,
            stop,
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header as text.
    pub(crate) fn header(&self, name: impl AsHeader) -> Option<&str> {
        name.get(&self.headers)
    }

    /// All lines of a header.
    pub(crate) fn lines(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        let lines = self.headers.get_all(name).into_iter();
        lines.filter_map(|value| value.to_str().ok())
    }

    /// The body, counted.
    pub(crate) fn reader(self) -> BodyReader {
        BodyReader {
            inner: self.body.into_reader(),
            received: self.received,
            stop: self.stop,
        }
    }

    /// The whole body, if it has no more than `limit` bytes; `None` where it has.
    pub(crate) fn bytes(self, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        self.reader()
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }

    /// The body of an answer that says no, as far as it came.
    pub(crate) fn refusal(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // What cannot be read says nothing.
        let _ = self.reader().take(REFUSAL).read_to_end(&mut bytes);
        bytes
    }

    /// The registry's own words.
    pub(crate) fn said(self) -> String {
        said::said(&self.refusal())
    }
}

/// A header's name, as `http` has it or as the specifications write it.
pub(crate) trait AsHeader {
    fn get(self, headers: &HeaderMap) -> Option<&str>;
}

impl AsHeader for HeaderName {
    fn get(self, headers: &HeaderMap) -> Option<&str> {
        headers.get(self)?.to_str().ok()
    }
}

impl AsHeader for &str {
    fn get(self, headers: &HeaderMap) -> Option<&str> {
        headers.get(self)?.to_str().ok()
    }
}

/// A body that is counted while it is read.
pub(crate) struct BodyReader {
    inner: ureq::BodyReader<'static>,
    received: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        let count = self.inner.read(buffer)?;
        self.received.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
