//! The HTTP client: the system's trust and proxies, time limits, credentials as a header.

use std::{io::Read, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use ureq::{
    Agent, Body,
    config::RedirectAuthHeaders,
    http::{Method, Response, header},
    tls::{RootCerts, TlsConfig},
};
use url::Url;

use super::{attempt::Failure, names::Names};

/// An HTTP client. Clones share connections.
#[derive(Debug, Clone)]
pub(super) struct Client(Agent);

/// An HTTP agent as all of ours are: the system's trust and proxies, time limits for connecting and
/// for each read and write, any status as an answer, and a memory for addresses of hosts. Whoever speaks
/// another protocol over HTTP than fetching (a registry's) starts from it.
pub fn agent() -> Agent {
    let stalled = Some(Duration::from_secs(60));
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .proxy(ureq::Proxy::try_from_env())
        .user_agent(concat!("strata/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .timeout_connect(Some(Duration::from_secs(15)))
        // For each read and write, not for a whole body: a slow line is no failure.
        .timeout_per_read(stalled)
        .timeout_per_write(stalled)
        .max_idle_connections_per_host(8)
        .build();
    let names = Names::default();
    Agent::with_parts(config, names.connector(), names)
}

impl Client {
    pub(super) fn new() -> Self {
        Self(agent())
    }

    /// Asks for `url`, from byte `from` on. Any status is an answer.
    pub(super) fn get(
        &self,
        url: &Url,
        accept: &str,
        from: u64,
    ) -> Result<Response<Body>, Failure> {
        self.call(Method::GET, url, accept, from)
    }

    /// Asks whether `url` is there.
    pub(super) fn head(&self, url: &Url) -> Result<(), Failure> {
        let response = self.call(Method::HEAD, url, "*/*", 0)?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(status(&response))
        }
    }

    fn call(
        &self,
        method: Method,
        url: &Url,
        accept: &str,
        from: u64,
    ) -> Result<Response<Body>, Failure> {
        let (url, authorization) = split_credentials(url);
        let request = if method == Method::HEAD {
            self.0.head(url.as_str())
        } else {
            self.0.get(url.as_str())
        };
        let mut request = request
            .header(header::ACCEPT, accept)
            // Sizes, ranges and hashes are those of the file itself.
            .header(header::ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        if let Some(value) = authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        request.call().map_err(|error| match error {
            // These will be the same the next time.
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::TooManyRedirects => {
                Failure::Refused(error.to_string())
            }
            error => Failure::Broken(error.to_string()),
        })
    }

    /// Reads a whole page of at most `limit` bytes, with its address after redirects.
    pub(super) fn page(
        &self,
        url: &Url,
        accept: &str,
        limit: u64,
    ) -> Result<(Vec<u8>, String, Url), Failure> {
        use ureq::ResponseExt;

        let response = self.get(url, accept, 0)?;
        if response.status() != 200 {
            return Err(status(&response));
        }
        let at = Url::parse(&response.get_uri().to_string()).unwrap_or_else(|_| url.clone());
        let at = with_credentials_of(url, at);
        let kind = text(&response, header::CONTENT_TYPE)
            .unwrap_or_default()
            .to_owned();
        let mut bytes = Vec::new();
        let mut reader = response.into_body().into_reader().take(limit + 1);
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::Broken(error.to_string()))?;
        if bytes.len() as u64 > limit {
            return Err(Failure::Refused(format!(
                "the page has more than {limit} bytes"
            )));
        }
        Ok((bytes, kind, at))
    }
}

/// A header as text.
pub(super) fn text(response: &Response<Body>, name: header::HeaderName) -> Option<&str> {
    response.headers().get(name)?.to_str().ok()
}

/// A status that is no success, as a failure: final, or worth another try.
pub(super) fn status(response: &Response<Body>) -> Failure {
    let status = response.status();
    let answer = format!("answered {status}");
    match status.as_u16() {
        404 | 410 => Failure::Absent(answer),
        408 | 425 | 429 | 500..=599 => Failure::Busy(answer),
        _ => Failure::Refused(answer),
    }
}

/// `url` with the credentials of `known`, if it is at the same origin and has none of its own.
pub(super) fn with_credentials_of(known: &Url, mut url: Url) -> Url {
    if url.origin() == known.origin() && url.username().is_empty() && url.password().is_none() {
        // These fail only for addresses that can have no credentials.
        let _ = url.set_username(known.username());
        let _ = url.set_password(known.password());
    }
    url
}

/// The address without credentials, and the header that carries them (RFC 7617).
fn split_credentials(url: &Url) -> (Url, Option<String>) {
    let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let mut bare = url.clone();
    bare.set_fragment(None);
    if url.username().is_empty() && url.password().is_none() {
        return (bare, None);
    }
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    let mut pair = decoded(url.username());
    pair.push(b':');
    pair.extend(decoded(url.password().unwrap_or_default()));
    (bare, Some(format!("Basic {}", STANDARD.encode(pair))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_become_a_header() {
        let url = Url::parse("https://us%40er:p%3Aw@h.test/a#f").unwrap();
        let (bare, header) = split_credentials(&url);
        assert_eq!(bare.as_str(), "https://h.test/a");
        assert_eq!(header.as_deref(), Some("Basic dXNAZXI6cDp3"));
        assert_eq!(split_credentials(&bare).1, None);
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        let known = Url::parse("https://u:p@h.test/simple/").unwrap();
        let at = |text: &str| with_credentials_of(&known, Url::parse(text).unwrap()).to_string();
        assert_eq!(at("https://h.test/f"), "https://u:p@h.test/f");
        assert_eq!(at("https://x:y@h.test/f"), "https://x:y@h.test/f");
        assert_eq!(at("http://h.test/f"), "http://h.test/f");
        assert_eq!(at("https://files.test/f"), "https://files.test/f");
    }
}
