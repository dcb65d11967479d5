//! One upload as the registry knows it: its requests, and what their answers mean. When to make which
//! is decided in `upload`.

use lock::Sha256;
use ureq::http::{HeaderName, Method, header};

use super::{Upload, find};
use crate::{
    Client, Repository, Result,
    auth::Scope,
    http::{Answer, Ask, Failure, Host, Send, Stream},
};

/// What all requests of an upload share.
pub(super) struct Session<'a> {
    pub(super) client: &'a Client,
    pub(super) host: &'a Host,
    pub(super) repository: &'a Repository,
    pub(super) doing: &'a str,
    pub(super) fresh: bool,
}

impl Session<'_> {
    fn request<'s>(
        &'s self,
        method: Method,
        upload: &Upload,
        headers: Vec<(HeaderName, String)>,
        send: Send<'s>,
    ) -> Ask<'s> {
        Ask {
            doing: self.doing,
            method,
            url: upload.location.clone(),
            headers,
            send,
            repository: self.repository,
            scopes: vec![Scope::push(self.repository)],
            fresh: self.fresh,
        }
    }

    /// Begins an upload ("POST then PUT").
    pub(super) fn begin(&self) -> Result<Upload> {
        let url = self
            .client
            .url(self.host, self.repository, "blobs/uploads/", self.doing)?;
        let upload = Upload {
            location: url,
            least: 0,
        };
        let ask = self.request(Method::POST, &upload, Vec::new(), Send::Bytes(&[]));
        let answer = self.client.ask(self.host, &ask)?;
        match answer.status {
            202 => find::begun(self.host, &answer, self.doing),
            _ => Err(find::answered(answer, self.doing)),
        }
    }

    /// Sends a part of the blob ("Pushing a blob in chunks"). The whole blob in one request goes
    /// without a `Content-Range`, as Docker and Podman send it.
    pub(super) fn patch(
        &self,
        upload: &Upload,
        offset: u64,
        whole: bool,
        part: &Stream<'_>,
    ) -> Result<Answer, Failure> {
        let mut headers = vec![octets()];
        if !whole {
            let last = offset + part.length.saturating_sub(1);
            headers.push((header::CONTENT_RANGE, format!("{offset}-{last}")));
        }
        let ask = self.request(Method::PATCH, upload, headers, Send::Stream(part));
        self.client.once(self.host, &ask)
    }

    /// Closes the upload, with the whole blob or with nothing more.
    pub(super) fn put(
        &self,
        upload: &Upload,
        digest: &Sha256,
        send: Send<'_>,
    ) -> Result<Answer, Failure> {
        let mut ask = self.request(Method::PUT, upload, vec![octets()], send);
        ask.url
            .query_pairs_mut()
            .append_pair("digest", &digest.to_oci());
        self.client.once(self.host, &ask)
    }

    /// How much the registry has ("GET" of the location: the status of an upload); `None` where it
    /// knows the upload no more.
    pub(super) fn status(&self, upload: &mut Upload) -> Result<Option<u64>> {
        let ask = self.request(Method::GET, upload, Vec::new(), Send::Nothing);
        let answer = self.client.ask(self.host, &ask)?;
        if !answer.is_success() {
            return Ok(None);
        }
        let range = answer.header(header::RANGE).and_then(received);
        self.moved(upload, &answer)?;
        Ok(range)
    }

    /// An upload goes on where its last answer says.
    pub(super) fn moved(&self, upload: &mut Upload, answer: &Answer) -> Result<()> {
        if let Some(location) = answer.header(header::LOCATION) {
            upload.location = find::follow(self.host, answer, location)?;
        }
        Ok(())
    }
}

fn octets() -> (HeaderName, String) {
    (header::CONTENT_TYPE, "application/octet-stream".to_owned())
}

/// How many bytes a `Range` tells of. `0-0` should be one; registries say it of none as well, and
/// nothing is lost by sending that byte again.
pub(super) fn received(range: &str) -> Option<u64> {
    let range = range.trim();
    let range = range
        .strip_prefix("bytes=")
        .or(range.strip_prefix("bytes "))
        .unwrap_or(range);
    let (first, last) = range.split_once('-')?;
    let last: u64 = last.trim().parse().ok()?;
    match (first.trim(), last) {
        ("0", 0) => Some(0),
        ("0", last) => last.checked_add(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::received;

    #[test]
    fn ranges() {
        assert_eq!(received("0-0"), Some(0));
        assert_eq!(received("0-1"), Some(2));
        assert_eq!(received(" bytes=0-99"), Some(100));
        assert_eq!(received("bytes 0-99"), Some(100));
        for bad in ["", "1-2", "0", "0-x", "0--1", "0-18446744073709551615"] {
            assert_eq!(received(bad), None, "{bad}");
        }
    }
}
