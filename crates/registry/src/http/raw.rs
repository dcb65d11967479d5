//! One request to one address.

use std::{error::Error as _, sync::atomic::Ordering, time::Duration};

use ureq::{
    AsSendBody, Body, SendBody,
    http::{HeaderName, Method, Request, Response, header},
};
use url::Url;

use super::{Answer, Failure, Send};
use crate::{Client, Error, auth::safe};

/// From this size on, a body is sent only after the registry has agreed to it (RFC 9110, 10.1.1): what
/// says no before that is heard, and not lost behind a broken connection.
const EXPECT: u64 = 1 << 20;
/// How long to wait for an answer to a part of a blob: some registries store it elsewhere before it.
const PART: Duration = Duration::from_secs(300);
/// How long to wait for an answer to a PUT: some registries hash or copy gigabytes before it.
const CLOSE: Duration = Duration::from_secs(900);

/// The connection that a request goes over.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Line {
    /// Nothing went over it before.
    pub(crate) fresh: bool,
    /// All has to be done in this time.
    pub(crate) within: Option<Duration>,
}

impl Client {
    /// One request to one address, with nothing added and no redirect followed.
    pub(crate) fn raw(
        &self,
        method: &Method,
        url: &Url,
        headers: Vec<(HeaderName, String)>,
        send: Send<'_>,
        line: Line,
    ) -> Result<Answer, Failure> {
        let inner = &self.inner;
        let mut request = Request::builder()
            .method(method.clone())
            .uri(url.as_str())
            .header(header::ACCEPT_ENCODING, "identity");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let run = Run {
            client: self,
            method,
            url,
            line,
        };
        let response = match send {
            Send::Nothing => run.run(request.body(())),
            Send::Bytes(mut all) => {
                inner.sent.fetch_add(all.len() as u64, Ordering::Relaxed);
                let request = request.header(header::CONTENT_LENGTH, all.len());
                run.run(request.body(SendBody::from_reader(&mut all)))
            }
            Send::Stream(stream) => {
                request = request.header(header::CONTENT_LENGTH, stream.length);
                if stream.length >= EXPECT && stream.may_expect() {
                    request = request.header(header::EXPECT, "100-continue");
                }
                let opened = stream.reader(&inner.sent, &inner.options.stop);
                let mut reader = opened.map_err(|error| Failure::Broken(error.to_string()))?;
                run.run(request.body(SendBody::from_reader(&mut reader)))
            }
        };
        let response = response.map_err(|error| failure(url, error))?;
        let (received, stop) = (inner.received.clone(), inner.options.stop.clone());
        let push = !matches!(*method, Method::GET | Method::HEAD);
        Ok(Answer::new(response, url.clone(), push, received, stop))
    }
}

/// What does not depend on the kind of body.
struct Run<'a> {
    client: &'a Client,
    method: &'a Method,
    url: &'a Url,
    line: Line,
}

impl Run<'_> {
    fn run(
        &self,
        request: Result<Request<impl AsSendBody>, ureq::http::Error>,
    ) -> Result<Response<Body>, ureq::Error> {
        let agent = &self.client.inner.agent;
        let mut config = agent
            .configure_request(request?)
            .max_redirects(0)
            .max_redirects_will_error(false);
        match *self.method {
            Method::PATCH => config = config.timeout_per_read(Some(PART)),
            Method::PUT => config = config.timeout_per_read(Some(CLOSE)),
            _ => {}
        }
        if self.line.fresh {
            config = config.max_idle_age(Duration::ZERO);
        }
        if self.line.within.is_some() {
            config = config.timeout_global(self.line.within);
        }
        if safe::is_loopback(self.url) {
            // No proxy knows the way to this machine; Docker asks none either.
            config = config.proxy(None);
        }
        agent.run(config.build())
    }
}

fn failure(url: &Url, error: ureq::Error) -> Failure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let more = deeper.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = deeper.source();
    }
    // rustls says this of certificates alone; it is no dependency of ours whose types we could ask.
    if text.contains("invalid peer certificate") {
        return Failure::Final(Error::Certificate {
            registry: url.host_str().unwrap_or_default().to_owned(),
            problem: text,
        });
    }
    match error {
        // These will be the same the next time.
        ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::HostNotFound => {
            Failure::Final(Error::Unreachable {
                doing: format!("connecting to {}", url.host_str().unwrap_or_default()),
                registry: url.host_str().unwrap_or_default().to_owned(),
                answer: text,
                tries: 1,
            })
        }
        _ => Failure::Broken(text),
    }
}
