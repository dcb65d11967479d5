//! How a client is set up.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fmt,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use store::{Progress, Silent};

#[cfg(doc)]
use crate::Repository;
use crate::{Credentials, Error, Result};

/// How a [`crate::Client`] is set up. `Options::default()` is right for a person at a terminal:
/// https, Docker's and Podman's credentials, patience for about a minute.
#[derive(Debug, Clone)]
pub struct Options {
    /// The registries that are spoken to by plain http (see [`Repository::registry`]). Whoever is on the
    /// way reads along, credentials too, so it is said for each.
    ///
    /// All others are spoken to by https. For `localhost`, 127.0.0.0/8 and `[::1]` alone,
    /// plain http is tried next where https gets no answer at all, as Docker does. A certificate that
    /// is not trusted is an error there too.
    pub plain_http: BTreeSet<String>,
    /// Where credentials come from.
    pub credentials: Credentials,
    /// Who hears of uploads.
    pub progress: Arc<dyn Progress>,
    /// How long to put up with a registry that fails.
    pub patience: Patience,
    /// Once it is true, calls that are waiting or moving a body end with [`Error::Stopped`].
    pub stop: Arc<AtomicBool>,
    /// Blobs are uploaded in requests of this size from the start, in bytes. `None`, the default: in
    /// one request, and in smaller ones where the registry or the line turn out to need it.
    pub chunk: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            plain_http: BTreeSet::new(),
            credentials: Credentials::default(),
            progress: Arc::new(Silent),
            patience: Patience::default(),
            stop: Arc::default(),
            chunk: None,
        }
    }
}

/// How often something that may work the next time is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How many failures in a row are put up with. One after which more of a blob has arrived than
    /// ever before begins the count anew.
    pub tries: u32,
    /// The wait after the first failure; it doubles after each. What is waited is a random part of
    /// it, from half to all, so that many clients do not come back at once. `Retry-After` goes
    /// before it.
    pub wait: Duration,
    /// The longest of these waits.
    pub longest: Duration,
    /// The longest `Retry-After` that is obeyed; one that is longer is [`Error::Limited`].
    pub obeyed: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries: 8,
            wait: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            obeyed: Duration::from_secs(300),
        }
    }
}

/// The name of the variable with the user's name.
pub(crate) const USERNAME: &str = "STRATA_REGISTRY_USERNAME";
/// The name of the variable with the password or token.
pub(crate) const PASSWORD: &str = "STRATA_REGISTRY_PASSWORD";

/// A user's name and password (or token). `Debug` leaves the password out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
    /// Where it comes from, to be told to people.
    pub(crate) place: String,
}

impl Login {
    /// A login of these.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
            place: "the caller".to_owned(),
        }
    }

    /// The same, with where it comes from, which is told to people when it is refused.
    #[must_use]
    pub fn out_of(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// The login in `STRATA_REGISTRY_USERNAME` and `STRATA_REGISTRY_PASSWORD`, if both are set. Whose
    /// it is, the caller knows: [`Credentials::with_login`].
    ///
    /// # Errors
    /// [`Error::HalfCredentials`]: one of them is missing. [`Error::NoText`]: one is no UTF-8.
    pub fn from_env() -> Result<Option<Self>> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(value: impl Fn(&str) -> Option<OsString>) -> Result<Option<Self>> {
        let read = |name| match value(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            // Taking it for none would go on as somebody else.
            Some(Err(_)) => Err(Error::NoText { name }),
        };
        let half = |set, missing| Err(Error::HalfCredentials { set, missing });
        match (read(USERNAME)?, read(PASSWORD)?) {
            (Some(username), Some(password)) => {
                let place = format!("{USERNAME} and {PASSWORD}");
                Ok(Some(Self::new(username, password).out_of(place)))
            }
            (None, None) => Ok(None),
            (Some(_), None) => half(USERNAME, PASSWORD),
            (None, Some(_)) => half(PASSWORD, USERNAME),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn a_login_in_variables() {
        let read = |username: &[u8], password: &[u8]| {
            let (username, password) = (username.to_vec(), password.to_vec());
            Login::from_variables(|name| {
                let value = if name == USERNAME {
                    &username
                } else {
                    &password
                };
                Some(OsString::from_vec(value.clone()))
            })
        };
        let login = read(b"me", b"right").unwrap().unwrap();
        assert_eq!((&*login.username, &*login.password), ("me", "right"));
        assert_eq!(read(b"", b"").unwrap(), None);
        let half = read(b"", b"right").unwrap_err();
        assert!(matches!(half, Error::HalfCredentials { missing, .. } if missing == USERNAME));
        for (username, password, wrong) in [
            (&b"me"[..], &b"hunter\xff"[..], PASSWORD),
            (b"\xff", b"right", USERNAME),
        ] {
            let error = read(username, password).unwrap_err().to_string();
            assert!(
                error.contains(wrong) && !error.contains("hunter"),
                "{error}"
            );
        }
    }
}
