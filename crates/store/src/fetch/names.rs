//! Addresses of hosts: looked up at most once a minute, and once at a time. The client asks before every request, also
//! where it then takes a connection that is open; name servers drop some of so many questions, and each that is
//! lost costs the system's five seconds.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use ureq::{
    Error,
    config::{Config, IpFamily},
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport},
    },
};

/// For how long an answer stands. How long its owner meant it to, the system does not tell.
const KEPT: Duration = Duration::from_secs(60);

/// The system's resolver, with a memory. `R` is what it asks.
#[derive(Debug)]
pub(super) struct Names<R = DefaultResolver> {
    system: R,
    known: Known,
    kept: Duration,
}

/// Answers by [`name`]. Clones are one memory.
#[derive(Debug, Clone, Default)]
struct Known(Arc<Mutex<BTreeMap<String, Slot>>>);

/// A host's last answer; held while it is asked for.
type Slot = Arc<Mutex<Option<Answer>>>;

#[derive(Debug)]
struct Answer {
    at: Instant,
    what: Result<ResolvedSocketAddrs, NoAddress>,
}

/// What can be told again of an error.
#[derive(Debug, Clone)]
enum NoAddress {
    NotFound,
    Other(io::ErrorKind, String),
}

impl Names {
    /// What the client connects with: a host that cannot be reached is looked up again for the next try.
    pub(super) fn connector(&self) -> impl Connector<Out = Box<dyn Transport>> + use<> {
        Forgetting {
            known: self.known.clone(),
            inner: DefaultConnector::new(),
        }
    }
}

impl<R: Default> Default for Names<R> {
    fn default() -> Self {
        Self {
            system: R::default(),
            known: Known::default(),
            kept: KEPT,
        }
    }
}

impl Known {
    fn slots(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R: Resolver> Resolver for Names<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let asked = Instant::now();
        let name = name(uri, config);
        let slot = self.known.slots().entry(name).or_default().clone();
        let mut answer = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*answer {
            Some(Answer { at, what: Ok(what) }) if at.elapsed() < self.kept => {
                return Ok(what.clone());
            }
            // It came while this one waited; to ask once more would take as long.
            Some(Answer { at, what }) if *at >= asked => {
                return what.clone().map_err(|failure| match failure {
                    NoAddress::NotFound => Error::HostNotFound,
                    NoAddress::Other(kind, text) => io::Error::new(kind, text).into(),
                });
            }
            _ => {}
        }
        let result = self.system.resolve(uri, config, timeout);
        *answer = Some(Answer {
            at: Instant::now(),
            what: match &result {
                Ok(addresses) => Ok(addresses.clone()),
                Err(Error::HostNotFound) => Err(NoAddress::NotFound),
                Err(Error::Io(error)) => Err(NoAddress::Other(error.kind(), error.to_string())),
                Err(error) => Err(NoAddress::Other(io::ErrorKind::Other, error.to_string())),
            },
        });
        result
    }
}

/// Connects as the client does by itself.
#[derive(Debug)]
struct Forgetting {
    known: Known,
    inner: DefaultConnector,
}

impl Connector for Forgetting {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let connected = self.inner.connect(details, chained);
        if connected.is_err() {
            self.known
                .slots()
                .remove(&name(details.uri, details.config));
        }
        connected
    }
}

/// What an answer depends on: scheme (for the port), host, port, and the kind of address.
fn name(uri: &Uri, config: &Config) -> String {
    let family = match config.ip_family() {
        IpFamily::Any => "",
        IpFamily::Ipv4Only => "4",
        IpFamily::Ipv6Only => "6",
    };
    let scheme = uri.scheme_str().unwrap_or_default();
    // Without credentials, which do not belong here.
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16());
    format!("{scheme} {host} {} {family}", port.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use ureq::{Agent, unversioned::transport::time};

    use super::*;

    /// Counts how often it is asked; waits until `callers` are there; has an address if it `knows` one.
    #[derive(Debug, Default)]
    struct Slow {
        knows: bool,
        asked: AtomicUsize,
        callers: AtomicUsize,
    }

    impl Resolver for Slow {
        fn resolve(
            &self,
            _: &Uri,
            _: &Config,
            _: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, Error> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            while self.callers.load(Ordering::SeqCst) > 0 {
                thread::sleep(Duration::from_millis(1));
            }
            // For the last of them, who may be just before its question.
            thread::sleep(Duration::from_millis(300));
            if !self.knows {
                return Err(Error::HostNotFound);
            }
            let mut addresses = self.empty();
            addresses.push(([127, 0, 0, 1], 80).into());
            Ok(addresses)
        }
    }

    fn names(knows: bool) -> Names<Slow> {
        Names {
            system: Slow {
                knows,
                ..Slow::default()
            },
            ..Names::default()
        }
    }

    fn ask(names: &Names<Slow>, uri: &str) -> Result<ResolvedSocketAddrs, Error> {
        let timeout = NextTimeout {
            after: time::Duration::NotHappening,
            reason: ureq::Timeout::Resolve,
            ..NextTimeout::default()
        };
        names.resolve(&uri.parse().unwrap(), &Config::default(), timeout)
    }

    /// What eight have that ask at once.
    fn at_once(names: &Names<Slow>) -> [Result<ResolvedSocketAddrs, Error>; 8] {
        names.system.callers.store(8, Ordering::SeqCst);
        thread::scope(|scope| {
            let all = [(); 8].map(|()| {
                scope.spawn(|| {
                    names.system.callers.fetch_sub(1, Ordering::SeqCst);
                    ask(names, "http://one.test/a")
                })
            });
            all.map(|one| one.join().unwrap())
        })
    }

    fn asked(names: &Names<Slow>) -> usize {
        names.system.asked.load(Ordering::SeqCst)
    }

    #[test]
    fn a_host_is_looked_up_once() {
        let names = names(true);
        assert!(at_once(&names).iter().all(Result::is_ok));
        let again = ask(&names, "http://one.test/b").unwrap();
        assert_eq!(&*again, [([127, 0, 0, 1], 80).into()]);
        assert_eq!(asked(&names), 1);
        // Another port, and another host, are other questions.
        ask(&names, "http://one.test:8080/").unwrap();
        ask(&names, "http://two.test/").unwrap();
        assert_eq!(asked(&names), 3);
    }

    #[test]
    fn an_answer_does_not_stand_for_ever() {
        let names = Names {
            kept: Duration::ZERO,
            ..names(true)
        };
        ask(&names, "http://one.test/").unwrap();
        ask(&names, "http://one.test/").unwrap();
        assert_eq!(asked(&names), 2);
    }

    #[test]
    fn who_waited_for_a_failure_has_it_and_who_asks_later_asks_again() {
        let names = names(false);
        for failed in at_once(&names) {
            assert!(matches!(failed, Err(Error::HostNotFound)), "{failed:?}");
        }
        assert_eq!(asked(&names), 1);
        ask(&names, "http://one.test/").unwrap_err();
        assert_eq!(asked(&names), 2);
    }

    #[test]
    fn a_host_that_cannot_be_reached_is_forgotten() {
        let names = Names::<DefaultResolver>::default();
        // A port that was free a moment ago, with nobody behind it now.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let (config, timeout) = (Config::default(), NextTimeout::default());
        names
            .resolve(&url.parse().unwrap(), &config, timeout)
            .unwrap();
        let known = names.known.clone();
        assert_eq!(known.slots().len(), 1);
        let agent = Agent::with_parts(config, names.connector(), names);
        agent.get(&url).call().unwrap_err();
        assert_eq!(known.slots().len(), 0);
    }
}
