//! One try to get an artifact from one address: what it answers, and whether that is final.

use std::{
    io::{self, Read},
    path::Path,
};

use ureq::{
    Body,
    http::{Response, header},
};
use url::Url;

use super::{
    client::{self, Client},
    index::Pages,
    partial::Partial,
    source::Source,
};
use crate::Result;

/// Why a try gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The place has no such file.
    Absent(String),
    /// The place will not say otherwise the next time.
    Refused(String),
    /// The place may say otherwise later.
    Busy(String),
    /// The connection failed or broke; what has come is kept.
    Broken(String),
    /// The answer does not go on from what was here before; only the first byte on will do.
    Unfit(String),
}

impl Failure {
    pub(super) fn answer(&self) -> &str {
        match self {
            Self::Absent(answer)
            | Self::Refused(answer)
            | Self::Busy(answer)
            | Self::Broken(answer)
            | Self::Unfit(answer) => answer,
        }
    }

    /// Whether there is no use in asking the place again.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Absent(_) | Self::Refused(_))
    }
}

/// What a place answers; the outer error is ours, such as a full disk.
type Answer = Result<Result<(), Failure>>;

/// Tries to complete `part` from `source`.
pub(super) fn attempt(
    client: &Client,
    pages: &Pages,
    source: &Source,
    part: &mut Partial<'_>,
) -> Answer {
    let url = match source {
        Source::File(path) => return copy(path, part),
        Source::Url(url) => url.clone(),
        Source::Index { place, project } => {
            match pages.find(client, place, project, part.artifact) {
                Ok(url) => url,
                Err(failure) => return Ok(Err(failure)),
            }
        }
    };
    match url.to_file_path() {
        Ok(path) if url.scheme() == "file" => copy(&path, part),
        _ => download(client, &url, part),
    }
}

/// Copies a file of this machine.
fn copy(path: &Path, part: &mut Partial<'_>) -> Answer {
    let refused = |error: io::Error| Ok(Err(Failure::Refused(error.to_string())));
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let size = match fs_err::metadata(path) {
        Ok(about) if about.is_file() => about.len(),
        Ok(_) => return Ok(Err(Failure::Refused("not a file".to_owned()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(Failure::Absent(error.to_string())));
        }
        Err(error) => return refused(error),
    };
    if let Some(failure) = wrong_size("has", size, part) {
        return Ok(Err(failure));
    }
    let file = match fs_err::File::open(path) {
        Ok(file) => file,
        Err(error) => return refused(error),
    };
    part.reset()?;
    match receive(file, part)? {
        Ok(()) => check(part),
        Err(error) => refused(error),
    }
}

/// Asks a server, for the rest only where there is something already.
fn download(client: &Client, url: &Url, part: &mut Partial<'_>) -> Answer {
    match download_from(client, url, part)? {
        // What was here may be another file's beginning, or the server's ranges may be wrong.
        Err(Failure::Unfit(_)) => {
            part.reset()?;
            download_from(client, url, part)
        }
        answer => Ok(answer),
    }
}

fn download_from(client: &Client, url: &Url, part: &mut Partial<'_>) -> Answer {
    let from = part.len();
    let response = match client.get(url, "*/*", from) {
        Ok(response) => response,
        Err(failure) => return Ok(Err(failure)),
    };
    let resumed = match response.status().as_u16() {
        206 if from > 0 => {
            let range = client::text(&response, header::CONTENT_RANGE).unwrap_or_default();
            if !continues(range, from, part.artifact.size) {
                return Ok(Err(Failure::Unfit(format!("answered range {range:?}"))));
            }
            true
        }
        416 if from > 0 => return Ok(Err(Failure::Unfit("has no such range".to_owned()))),
        200 => {
            if let Some(size) = announced(&response)
                && let Some(failure) = wrong_size("announces", size, part)
            {
                return Ok(Err(failure));
            }
            part.reset()?;
            false
        }
        _ => return Ok(Err(client::status(&response))),
    };
    let chunked = client::text(&response, header::TRANSFER_ENCODING).is_some();
    match receive(response.into_body().into_reader(), part)? {
        Err(error) => Ok(Err(Failure::Broken(format!(
            "broke off after {} of {} bytes: {error}",
            part.len(),
            part.artifact.size
        )))),
        // A chunked body that ends says that it is whole; others just end.
        Ok(()) if part.missing() > 0 && !chunked => Ok(Err(Failure::Broken(format!(
            "broke off after {} of {} bytes",
            part.len(),
            part.artifact.size
        )))),
        Ok(()) => Ok(check(part)?.map_err(|failure| match failure {
            Failure::Refused(answer) if resumed => Failure::Unfit(answer),
            failure => failure,
        })),
    }
}

/// Takes what comes, and at most one byte more than the artifact has.
fn receive(mut reader: impl Read, part: &mut Partial<'_>) -> Result<io::Result<()>> {
    let mut buffer = vec![0; 128 << 10];
    loop {
        let wanted = usize::try_from(part.missing().saturating_add(1)).unwrap_or(usize::MAX);
        let room = wanted.min(buffer.len());
        match reader.read(&mut buffer[..room]) {
            Ok(0) => return Ok(Ok(())),
            Ok(count) => {
                part.append(&buffer[..count])?;
                if part.len() > part.artifact.size {
                    return Ok(Ok(()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // All is here; that the end of the connection is not clean changes nothing.
            Err(_) if part.missing() == 0 => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Whether what has come is the artifact. If it is not, it is thrown away.
fn check(part: &mut Partial<'_>) -> Answer {
    let (expected, found) = (part.artifact.size, part.len());
    let answer = if found > expected {
        format!("sent more than the expected {expected} bytes")
    } else if found < expected {
        format!("sent {found} bytes, expected {expected}")
    } else {
        let (expected, found) = (part.artifact.sha256, part.digest());
        if found == expected {
            return Ok(Ok(()));
        }
        format!("sent other content: sha256 {found}, expected {expected}")
    };
    part.reset()?;
    Ok(Err(Failure::Refused(answer)))
}

fn wrong_size(verb: &str, found: u64, part: &Partial<'_>) -> Option<Failure> {
    let expected = part.artifact.size;
    let answer = || format!("{verb} {found} bytes, expected {expected}");
    (found != expected).then(|| Failure::Refused(answer()))
}

/// The size of the body, if the answer tells it.
pub(super) fn announced(response: &Response<Body>) -> Option<u64> {
    client::text(response, header::CONTENT_LENGTH)?
        .trim()
        .parse()
        .ok()
}

/// Whether a Content-Range (RFC 9110, section 14.4) goes on at `from` in a file of `size` bytes.
fn continues(range: &str, from: u64, size: u64) -> bool {
    let parse = || {
        let (bounds, total) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = bounds.split_once('-')?;
        let first: u64 = first.trim().parse().ok()?;
        let last: u64 = last.trim().parse().ok()?;
        let total_fits = total.trim() == "*" || total.trim().parse() == Ok(size);
        Some(first == from && last.checked_add(1) == Some(size) && total_fits)
    };
    parse().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::continues;

    #[test]
    fn content_ranges() {
        assert!(continues("bytes 10-99/100", 10, 100));
        assert!(continues("bytes 10-99/*", 10, 100));
        for bad in [
            "",
            "bytes",
            "bytes 0-99/100",
            "bytes 10-98/100",
            "bytes 10-99/101",
            "bytes */100",
            "bytes 10-18446744073709551615/100",
            "items 10-99/100",
        ] {
            assert!(!continues(bad, 10, 100), "{bad}");
        }
    }
}
