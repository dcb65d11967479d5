//! How a request is made: along redirects, with what lets us in (`once`), and as often as there is
//! patience for (`ask`).

use std::time::{Duration, SystemTime};

use ureq::http::{Method, header};
use url::Url;

use super::{Answer, Ask, Host, Line};
use crate::{
    Client, Error, Result,
    auth::safe,
    retry::{self, Next, Tries},
};

/// How many redirects are followed.
const REDIRECTS: usize = 8;

/// Why a request gave no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection failed or broke.
    Broken(String),
    /// The registry may answer otherwise later.
    Busy {
        status: u16,
        said: String,
        /// How long it asks to wait.
        after: Option<Duration>,
    },
    /// There is no use in asking again.
    Final(Error),
}

impl Failure {
    /// How long the registry asks to wait.
    pub(crate) fn after(&self) -> Option<Duration> {
        match self {
            Self::Busy { after, .. } => *after,
            _ => None,
        }
    }

    /// A copy to be told later. What is final is told at once, so it has none.
    pub(crate) fn to_keep(&self) -> Self {
        match self {
            Self::Busy {
                status,
                said,
                after,
            } => Self::Busy {
                status: *status,
                said: said.clone(),
                after: *after,
            },
            Self::Broken(answer) => Self::Broken(answer.clone()),
            Self::Final(error) => Self::Broken(error.to_string()),
        }
    }

    /// The failure as the error of what was being done, after so many tries.
    pub(crate) fn into_error(self, doing: &str, registry: &str, tries: u32) -> Error {
        // A 404 is tried again in uploads only, and it is all that this matters for.
        let push = matches!(self, Self::Busy { status: 404, .. });
        let doing = doing.to_owned();
        match self {
            Self::Final(error) => error,
            Self::Broken(answer) => Error::Unreachable {
                doing,
                registry: registry.to_owned(),
                answer,
                tries,
            },
            Self::Busy { status, said, .. } => Error::Answered {
                doing,
                status,
                said,
                tries,
                push,
            },
        }
    }
}

impl Client {
    /// Asks until there is an answer that another try would not change. Its status may still be one
    /// that says no.
    pub(crate) fn ask(&self, host: &Host, ask: &Ask<'_>) -> Result<Answer> {
        let mut tries = Tries::new(self.patience);
        loop {
            match self.once(host, ask) {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.pause(&mut tries, failure, ask.doing, &host.registry)?,
            }
        }
    }

    /// Waits after a failure, or says that it was one too many.
    pub(crate) fn pause(
        &self,
        tries: &mut Tries,
        failure: Failure,
        doing: &str,
        registry: &str,
    ) -> Result<()> {
        self.check_stop(doing)?;
        if let Failure::Final(error) = failure {
            return Err(error);
        }
        match tries.next(failure.after()) {
            Next::Enough => Err(failure.into_error(doing, registry, tries.failed())),
            Next::TooLong(time) => Err(Error::Limited {
                doing: doing.to_owned(),
                seconds: time.as_secs(),
            }),
            Next::Wait(time) if retry::wait(time, &self.inner.options.stop) => Ok(()),
            Next::Wait(_) => Err(Error::Stopped(doing.to_owned())),
        }
    }

    /// One try, with a second one where the registry wants a (new) token.
    pub(crate) fn once(&self, host: &Host, ask: &Ask<'_>) -> Result<Answer, Failure> {
        self.check_stop(ask.doing).map_err(Failure::Final)?;
        let base = self.reach(host, ask.doing).map_err(Failure::Final)?;
        let mut renewed = false;
        loop {
            let (authorization, shown) = self.authorization(host, &base, ask)?;
            let answer = self.along(&base, ask, authorization.as_deref())?;
            match answer.status {
                401 if safe::is_same(&base, &answer.url) => {
                    self.refused(host, ask, answer, shown, renewed)?;
                    renewed = true;
                }
                // Another server, to which we were sent, knows nothing of users.
                403 if safe::is_same(&base, &answer.url) => {
                    let who = self.who(host, ask);
                    let doing = ask.doing.to_owned();
                    let said = answer.said();
                    return Err(Failure::Final(Error::Denied { doing, who, said }));
                }
                408 | 425 | 429 | 500 | 502 | 503 | 504 => return Err(busy(answer)),
                _ => return Ok(answer),
            }
        }
    }

    /// Follows redirects. What lets us in goes to the registry alone.
    fn along(
        &self,
        base: &Url,
        ask: &Ask<'_>,
        authorization: Option<&str>,
    ) -> Result<Answer, Failure> {
        let mut url = ask.url.clone();
        for _ in 0..REDIRECTS {
            let mut headers = ask.headers.clone();
            if let Some(value) = authorization
                && safe::is_same(base, &url)
            {
                headers.push((header::AUTHORIZATION, value.to_owned()));
            }
            let line = Line {
                fresh: ask.fresh,
                within: None,
            };
            let answer = self.raw(&ask.method, &url, headers, ask.send, line)?;
            let reads = matches!(ask.method, Method::GET | Method::HEAD);
            match (answer.status, answer.header(header::LOCATION)) {
                (301..=303, Some(location)) if reads => url = self.follow(&url, location, ask)?,
                // RFC 9110, 10.1.1: some server on the way knows no `Expect`.
                (417, _) if ask.send.expect_nothing() => {}
                (307 | 308, Some(location)) => url = self.follow(&url, location, ask)?,
                _ => return Ok(answer),
            }
        }
        Err(Failure::Final(Error::Odd {
            doing: ask.doing.to_owned(),
            problem: format!("over {REDIRECTS} redirects"),
        }))
    }

    fn follow(&self, from: &Url, location: &str, ask: &Ask<'_>) -> Result<Url, Failure> {
        safe::follow(from, location).map_err(|problem| {
            Failure::Final(Error::Unsafe {
                registry: ask.repository.registry().to_owned(),
                place: place(from),
                problem,
            })
        })
    }
}

/// An answer that may be another later.
pub(super) fn busy(answer: Answer) -> Failure {
    let after = answer.header(header::RETRY_AFTER);
    Failure::Busy {
        status: answer.status,
        after: after.and_then(|value| retry::retry_after(value, SystemTime::now())),
        said: answer.said(),
    }
}

/// Scheme and host of an address: its path and query may hold secrets.
pub(super) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}
