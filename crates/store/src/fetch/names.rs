//! Addresses of hosts: looked up once a minute, and once at a time. The client asks before every request, also where
//! it then takes a connection that is open; name servers drop some of so many questions, and each that is lost
//! costs the system's five seconds.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ureq::{
    Error,
    config::{Config, IpFamily},
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::NextTimeout,
    },
};

/// For how long an answer stands. How long its owner meant it to, the system does not tell.
const KEPT: Duration = Duration::from_secs(60);

/// The system's resolver, with a memory. `R` is what it asks.
#[derive(Debug, Default)]
pub(super) struct Names<R = DefaultResolver> {
    system: R,
    known: Mutex<BTreeMap<String, Slot>>,
}

/// A host's last answer; held while it is asked for.
type Slot = Arc<Mutex<Option<Answer>>>;

#[derive(Debug)]
struct Answer {
    at: Instant,
    what: Result<ResolvedSocketAddrs, (io::ErrorKind, String)>,
}

impl<R: Resolver> Resolver for Names<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let asked = Instant::now();
        let slot = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(name(uri, config)).or_default().clone()
        };
        let mut answer = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*answer {
            Some(Answer { at, what: Ok(what) }) if at.elapsed() < KEPT => return Ok(what.clone()),
            // It came while this one waited; to ask once more would take as long.
            Some(Answer {
                at,
                what: Err((kind, text)),
            }) if *at >= asked => return Err(io::Error::new(*kind, text.clone()).into()),
            _ => {}
        }
        let result = self.system.resolve(uri, config, timeout);
        *answer = Some(Answer {
            at: Instant::now(),
            what: match &result {
                Ok(addresses) => Ok(addresses.clone()),
                Err(Error::Io(error)) => Err((error.kind(), error.to_string())),
                Err(error) => Err((io::ErrorKind::Other, error.to_string())),
            },
        });
        result
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
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use ureq::unversioned::transport::time;

    use super::*;

    /// Counts how often it is asked, takes its time, and has an address if it `knows` one.
    #[derive(Debug, Default)]
    struct Slow {
        knows: bool,
        asked: AtomicUsize,
    }

    impl Resolver for Slow {
        fn resolve(
            &self,
            _: &Uri,
            _: &Config,
            _: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, Error> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(300));
            if !self.knows {
                return Err(Error::HostNotFound);
            }
            let mut addresses = self.empty();
            addresses.push(([127, 0, 0, 1], 80).into());
            Ok(addresses)
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

    /// What eight give that ask at once.
    fn at_once(names: &Names<Slow>) -> usize {
        thread::scope(|scope| {
            let all = [(); 8].map(|()| scope.spawn(|| ask(names, "http://one.test/a").is_ok()));
            all.map(|one| usize::from(one.join().unwrap())).iter().sum()
        })
    }

    #[test]
    fn a_host_is_looked_up_once() {
        let names = Names {
            system: Slow {
                knows: true,
                ..Slow::default()
            },
            known: Mutex::default(),
        };
        assert_eq!(at_once(&names), 8);
        assert_eq!(
            &*ask(&names, "http://one.test/b").unwrap(),
            [([127, 0, 0, 1], 80).into()]
        );
        assert_eq!(names.system.asked.load(Ordering::Relaxed), 1);
        // Another port, and another host, are other questions.
        ask(&names, "http://one.test:8080/").unwrap();
        ask(&names, "http://two.test/").unwrap();
        assert_eq!(names.system.asked.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn who_waited_for_a_failure_has_it_and_who_asks_later_asks_again() {
        let names = Names::<Slow>::default();
        assert_eq!(at_once(&names), 0);
        let asked = names.system.asked.load(Ordering::Relaxed);
        // One thread may have been so late that it was not waiting.
        assert!(asked < 8, "{asked}");
        let error = ask(&names, "http://one.test/").unwrap_err();
        assert_eq!(error.to_string(), Error::HostNotFound.to_string());
        assert_eq!(names.system.asked.load(Ordering::Relaxed), asked + 1);
    }
}
