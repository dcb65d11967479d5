//! Where a registry is: https, or plain http where that was asked for or the registry is this machine.

use std::time::{Duration, Instant};

use ureq::http::{Method, header};
use url::Url;

use super::{
    Failure, Host, Line, Send,
    host::{Endpoint, Lost},
};
use crate::{
    Client, Error, Result,
    auth::{challenges, safe},
    retry,
};

/// Docker's registry is not at the name that people write.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// How long https is tried where plain http may be spoken.
const GUESS: Duration = Duration::from_secs(5);
/// What Go's servers say to a client that has the scheme wrong.
const HTTPS_WANTED: &str = "HTTP request to an HTTPS server";

/// How often a registry is tried that has never answered: most likely its name is wrong.
const CONTACT: u32 = 4;
/// A registry that could not be reached so long ago may be tried as often as one that never was.
const FORGOTTEN: Duration = Duration::from_secs(600);

impl Client {
    /// The registry's address. All threads try to reach it with one patience between them: a host that
    /// answers nothing at all would hold up each of them, one after the other.
    pub(crate) fn reach(&self, host: &Host, doing: &str) -> Result<Url> {
        loop {
            self.check_stop(doing)?;
            let lost = match self.endpoint(host, doing)? {
                Endpoint::At(url) => return Ok(url),
                Endpoint::Lost(lost) => lost,
            };
            if lost.tries >= self.patience.tries.clamp(1, CONTACT) {
                let failure = Failure::Broken(lost.answer);
                return Err(failure.into_error(doing, &host.registry, lost.tries));
            }
            let wait = lost.next.saturating_duration_since(Instant::now());
            if !retry::wait(wait, &self.inner.options.stop) {
                return Err(Error::Stopped(doing.to_owned()));
            }
        }
    }

    /// The registry's address, as far as one try tells. Within the wait after one that failed, that is
    /// the answer.
    fn endpoint(&self, host: &Host, doing: &str) -> Result<Endpoint> {
        let mut known = host.endpoint();
        let now = Instant::now();
        let before = match &*known {
            Some(Endpoint::Lost(lost)) if now >= lost.next => {
                let is_fresh = now.saturating_duration_since(lost.at) < FORGOTTEN;
                if is_fresh { lost.tries } else { 0 }
            }
            Some(endpoint) => return Ok(endpoint.clone()),
            None => 0,
        };
        let answer = match self.search(host, doing) {
            Ok(url) => return Ok(known.insert(Endpoint::At(url)).clone()),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Broken(answer)) => answer,
            Err(Failure::Busy { status, said, .. }) => format!("it answered {status}{said}"),
        };
        let (at, tries) = (Instant::now(), before + 1);
        let lost = Lost {
            answer,
            tries,
            at,
            next: at + self.patience.after(tries),
        };
        Ok(known.insert(Endpoint::Lost(lost)).clone())
    }

    /// Looks where the registry is: it is asked for its version (distribution-spec, "Determining
    /// Support"), which also tells what it wants to be let in.
    fn search(&self, host: &Host, doing: &str) -> Result<Url, Failure> {
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
        let plain = &self.inner.options.plain_http;
        let mut plain = plain.iter();
        let urls = match plain.any(|one| one.eq_ignore_ascii_case(&host.registry)) {
            true => vec![at("http")?],
            false if safe::is_loopback(&https) => vec![https, at("http")?],
            false => vec![https],
        };
        let mut last = None;
        for url in urls {
            match self.probe(host, &url) {
                Ok(()) => return Ok(url),
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
