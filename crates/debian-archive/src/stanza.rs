//! A deb822 file (deb822(5)), one stanza at a time: an index is never in memory as a whole.

use std::{borrow::Cow, io::BufRead};

use deb822_fast::borrowed::{BorrowedParagraph, parse_borrowed};

/// A stanza larger than this, in bytes, is not an index's.
const LARGEST: usize = 16 << 20;

/// The stanzas of a file.
#[derive(Debug)]
pub(crate) struct Stanzas<R> {
    reader: R,
    text: Vec<u8>,
}

/// The fields of one stanza.
#[derive(Debug)]
pub(crate) struct Stanza<'a>(BorrowedParagraph<'a>);

impl<R: BufRead> Stanzas<R> {
    pub(crate) fn new(reader: R) -> Self {
        let text = Vec::new();
        Self { reader, text }
    }

    /// The next stanza. The outer error is the reader's, the inner one the text's.
    pub(crate) fn next(&mut self) -> Result<Option<Result<Stanza<'_>, String>>, String> {
        self.text.clear();
        loop {
            let start = self.text.len();
            let read = self.reader.read_until(b'\n', &mut self.text);
            let read = read.map_err(|error| error.to_string())?;
            let blank = self.text[start..].iter().all(u8::is_ascii_whitespace);
            if blank {
                self.text.truncate(start);
                if read == 0 && start == 0 {
                    return Ok(None);
                }
                if start > 0 {
                    return Ok(Some(Stanza::parse(&self.text)));
                }
            }
            if self.text.len() > LARGEST {
                return Err(format!("a stanza has more than {LARGEST} bytes"));
            }
        }
    }
}

impl<'a> Stanza<'a> {
    /// Reads a text of one stanza. The error is a sentence.
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
        let stanzas = parse_borrowed(text).map_err(|error| error.to_string())?;
        stanzas
            .into_iter()
            .next()
            .map(Self)
            .ok_or_else(|| "no fields".to_owned())
    }

    /// A field of one line.
    pub(crate) fn get(&self, field: &str) -> Option<&'a str> {
        self.0.get_single(field).map(str::trim)
    }

    /// A field with its lines joined.
    pub(crate) fn joined(&self, field: &str) -> Option<Cow<'a, str>> {
        match self.0.get(field)? {
            [line] => Some((*line).into()),
            lines => Some(lines.join("\n").into()),
        }
    }
}
