//! Tokens: how one is asked for (distribution's "token authentication" and "OAuth2 token
//! authentication"), what comes back, and how long it is good.

use std::{
    fmt,
    time::{Duration, Instant},
};

use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::credentials::Secret;

/// How long a token is good that does not say.
const DEFAULT: u64 = 60;
/// The most of a token's time that is left unused at its end.
const SPARE: u64 = 30;

/// What a token is asked for with.
#[derive(Debug)]
pub(crate) struct TokenRequest {
    /// Where to.
    pub(crate) url: Url,
    /// A form to POST; without one, it is a GET.
    pub(crate) form: Option<String>,
}

impl TokenRequest {
    /// A request to `realm`. A name and password go with it as a header, which is not made here.
    pub(crate) fn new(
        realm: &Url,
        service: Option<&str>,
        scopes: &[&str],
        secret: Option<&Secret>,
    ) -> Self {
        let mut url = realm.clone();
        if let Some(Secret::Refresh(token)) = secret {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token");
            form.append_pair("service", service.unwrap_or_default());
            form.append_pair("client_id", "strata");
            form.append_pair("scope", &scopes.join(" "));
            form.append_pair("refresh_token", token);
            return Self {
                url,
                form: Some(form.finish()),
            };
        }
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = service {
                query.append_pair("service", service);
            }
            for scope in scopes {
                query.append_pair("scope", scope);
            }
            if let Some(Secret::Login(login)) = secret {
                query.append_pair("account", &login.username);
            }
        }
        Self { url, form: None }
    }
}

/// A bearer token. `Debug` leaves it out.
#[derive(Clone)]
pub(crate) struct Token {
    value: String,
    until: Instant,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
}

impl Token {
    /// A token server's answer, to what was asked at `asked`. Our clock may be another than the
    /// server's, so its `issued_at` is not looked at.
    pub(crate) fn read(bytes: &[u8], asked: Instant) -> Result<Self, &'static str> {
        let answer: Answer =
            serde_json::from_slice(bytes).map_err(|_| "its answer is no JSON of a token")?;
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let value = filled(answer.token)
            .or(filled(answer.access_token))
            .ok_or("its answer has no token")?;
        if !value.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("its token cannot stand in a header");
        }
        let good = answer
            .expires_in
            .map_or(DEFAULT, |seconds| seconds.clamp(0.0, 1e6) as u64);
        let spare = SPARE.min(good / 4);
        Ok(Self {
            value,
            until: asked + Duration::from_secs(good - spare),
        })
    }

    /// The value of an `Authorization` header.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.value)
    }

    pub(crate) fn is_good(&self) -> bool {
        Instant::now() < self.until
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Login;

    #[test]
    fn how_it_is_asked_for() {
        let realm = Url::parse("https://a.test/t?x=y").unwrap();
        let scopes = ["repository:a:pull,push", "repository:b:pull"];
        let plain = TokenRequest::new(&realm, Some("r s"), &scopes, None);
        assert_eq!(
            plain.url.as_str(),
            "https://a.test/t?x=y&service=r+s&scope=repository%3Aa%3Apull%2Cpush&scope=repository%3Ab%3Apull"
        );
        let login = Secret::Login(Login::new("me", "hunter2"));
        let named = TokenRequest::new(&realm, None, &[], Some(&login));
        assert_eq!(named.url.as_str(), "https://a.test/t?x=y&account=me");
        let refresh = Secret::Refresh("long".to_owned());
        let posted = TokenRequest::new(&realm, Some("r"), &scopes, Some(&refresh));
        assert_eq!(posted.url, realm);
        assert_eq!(
            posted.form.unwrap(),
            "grant_type=refresh_token&service=r&client_id=strata\
             &scope=repository%3Aa%3Apull%2Cpush+repository%3Ab%3Apull&refresh_token=long"
        );
    }

    #[test]
    fn what_comes_back() {
        let now = Instant::now();
        let read = |text: &str| Token::read(text.as_bytes(), now);
        let token = read(r#"{"token": "a", "access_token": "b", "expires_in": 300}"#).unwrap();
        assert_eq!(token.header(), "Bearer a");
        assert_eq!(token.until - now, Duration::from_secs(270));
        let token = read(r#"{"token": "", "access_token": "b"}"#).unwrap();
        assert_eq!(
            (token.header().as_str(), token.until - now),
            ("Bearer b", Duration::from_secs(45))
        );
        assert!(
            !read(r#"{"token": "a", "expires_in": 0}"#)
                .unwrap()
                .is_good()
        );
        assert!(!format!("{token:?}").contains("Bearer"));
        for bad in [
            "{}",
            "x",
            r#"{"token": "a b"}"#,
            r#"{"token": "a\r\nX: y"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
