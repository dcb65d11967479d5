//! Where a registry is: https, or plain http where that was asked for or the registry is this machine.

use std::time::Duration;

use ureq::http::{Method, header};
use url::Url;

use super::{Failure, Host, Line, Send};
use crate::{
    Client, Error,
    auth::{challenges, safe},
};

/// Docker's registry is not at the name that people write.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// How long https is tried where plain http may be spoken.
const GUESS: Duration = Duration::from_secs(5);
/// What Go's servers say to a client that has the scheme wrong.
const HTTPS_WANTED: &str = "HTTP request to an HTTPS server";

impl Client {
    /// The registry's address. The first time, it is asked for its version (distribution-spec,
    /// "Determining Support"), which also tells what it wants to be let in.
    pub(crate) fn endpoint(&self, host: &Host, doing: &str) -> Result<Url, Failure> {
        let mut known = host.endpoint();
        if let Some(url) = &*known {
            return Ok(url.clone());
        }
        let name = match host.registry.as_str() {
            name if name == HUB.0 => HUB.1,
            name => name,
        };
        let at = |scheme: &str| {
            Url::parse(&format!("{scheme}://{name}/")).map_err(|error| {
                Failure::Final(Error::Odd {
                    doing: doing.to_owned(),
                    problem: format!("{name:?} is no host: {error}"),
                })
            })
        };
        let https = at("https")?;
        let urls = match self.inner.options.insecure {
            true => vec![at("http")?],
            false if safe::is_loopback(&https) => vec![https, at("http")?],
            false => vec![https],
        };
        let mut last = None;
        for url in urls {
            match self.probe(host, &url) {
                Ok(()) => {
                    *known = Some(url.clone());
                    return Ok(url);
                }
                Err(Failure::Broken(answer)) => {
                    // What https said of a port that speaks plain http helps nobody.
                    last = Some(answer);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(Failure::Broken(last.unwrap_or_default()))
    }

    fn probe(&self, host: &Host, base: &Url) -> Result<(), Failure> {
        let odd = |error: url::ParseError| Failure::Broken(error.to_string());
        let url = base.join("v2/").map_err(odd)?;
        // A server of plain http may wait for the rest of what it cannot make out.
        let guess = base.scheme() == "https" && safe::is_loopback(base);
        let line = Line {
            fresh: false,
            within: guess.then_some(GUESS),
        };
        let answer = self.raw(&Method::GET, &url, Vec::new(), Send::Nothing, line)?;
        match answer.status {
            401 => {
                let lines = answer.lines(header::WWW_AUTHENTICATE);
                let mut asked = lines.flat_map(challenges);
                host.access().challenge = asked.next();
            }
            400 if base.scheme() == "http" => {
                let said = answer.said();
                if said.contains(HTTPS_WANTED) {
                    return Err(Failure::Broken(format!(
                        "it speaks https and not http{said}"
                    )));
                }
            }
            // Whatever else it is, the request itself will hear it.
            _ => {}
        }
        Ok(())
    }
}
