//! How a client is let in: what it shows with a request, where tokens come from, and what follows
//! from a 401.

use std::time::Instant;

use base64::{Engine, engine::general_purpose::STANDARD};
use ureq::http::{Method, header};
use url::Url;

use super::{
    Answer, Ask, Failure, Host, Line, Send,
    call::{busy, place},
    host::Access,
};
use crate::{
    Client, Error,
    auth::{Challenge, Token, TokenRequest, challenges, safe},
    credentials::{Found, Secret},
};

/// The largest answer of a token server that is read, in bytes.
const TOKEN: u64 = 1 << 20;

/// What went with a request to let us in.
pub(super) enum Shown {
    Nothing,
    Login(Found),
    Token,
}

impl Client {
    /// What lets us in, as far as it is known what is asked for.
    pub(super) fn authorization(
        &self,
        host: &Host,
        base: &Url,
        ask: &Ask<'_>,
    ) -> Result<(Option<String>, Shown), Failure> {
        let mut access = host.access();
        match access.challenge.clone() {
            None => Ok((None, Shown::Nothing)),
            Some(Challenge::Basic) => {
                let found = self.found(host, &mut access, ask)?;
                Ok(match found.map(|found| (basic(&found.secret), found)) {
                    Some((Some(header), found)) => (Some(header), Shown::Login(found)),
                    _ => (None, Shown::Nothing),
                })
            }
            Some(Challenge::Bearer { realm, service, .. }) => {
                let token = match access.tokens.get(&ask.scopes) {
                    Some(token) if token.is_good() => token.clone(),
                    _ => {
                        let token =
                            self.token(host, base, &mut access, ask, &realm, service.as_deref())?;
                        access.tokens.insert(ask.scopes.clone(), token.clone());
                        token
                    }
                };
                Ok((Some(token.header()), Shown::Token))
            }
        }
    }

    /// The credentials for what is asked, unless they were refused before.
    fn found(
        &self,
        host: &Host,
        access: &mut Access,
        ask: &Ask<'_>,
    ) -> Result<Option<Found>, Failure> {
        let name = ask.repository.name();
        if !access.found.contains_key(name) {
            let found = self.inner.options.credentials.find(ask.repository);
            access
                .found
                .insert(name.to_owned(), found.map_err(Failure::Final)?);
        }
        let found = access.found.get(name).cloned().flatten();
        if let Some(found) = &found {
            let checked = access.check(&host.registry, found, &ask.scopes);
            checked.map_err(Failure::Final)?;
        }
        Ok(found)
    }

    fn no_credentials(&self, host: &Host, ask: &Ask<'_>, said: String) -> Error {
        let credentials = &self.inner.options.credentials;
        Error::NoCredentials {
            doing: ask.doing.to_owned(),
            registry: host.registry.clone(),
            said,
            variables: credentials.has_variables_for(&host.registry),
        }
    }

    pub(super) fn who(&self, host: &Host, ask: &Ask<'_>) -> String {
        let access = host.access();
        match access.found.get(ask.repository.name()) {
            Some(Some(found)) => format!("user {:?}", found.user()),
            _ => "somebody without credentials".to_owned(),
        }
    }

    /// Gets a token from the server that the registry names.
    fn token(
        &self,
        host: &Host,
        base: &Url,
        access: &mut Access,
        ask: &Ask<'_>,
        realm: &str,
        service: Option<&str>,
    ) -> Result<Token, Failure> {
        let odd = |problem: &str| {
            Failure::Final(Error::Odd {
                doing: ask.doing.to_owned(),
                problem: format!("its token server {realm:?}: {problem}"),
            })
        };
        let realm_url = base.join(realm).map_err(|_| odd("its address is none"))?;
        let found = self.found(host, access, ask)?;
        let secret = found.as_ref().map(|found| &found.secret);
        safe::check_realm(base, &realm_url).map_err(|problem| {
            Failure::Final(Error::Unsafe {
                registry: host.registry.clone(),
                place: place(&realm_url),
                problem,
            })
        })?;
        let more = access.more.get(&ask.scopes).cloned();
        let own = ask.scopes.iter().map(|scope| scope.as_str());
        let scopes: Vec<&str> = own.chain(more.as_deref()).collect();
        let wanted = TokenRequest::new(&realm_url, service, &scopes, secret);
        let mut headers = vec![(header::ACCEPT, "application/json".to_owned())];
        let (method, send) = match &wanted.form {
            Some(form) => {
                let kind = "application/x-www-form-urlencoded".to_owned();
                headers.push((header::CONTENT_TYPE, kind));
                (Method::POST, Send::Bytes(form.as_bytes()))
            }
            None => {
                let value = secret.and_then(basic);
                headers.extend(value.map(|value| (header::AUTHORIZATION, value)));
                (Method::GET, Send::Nothing)
            }
        };
        let asked = Instant::now();
        let answer = self.raw(&method, &wanted.url, headers, send, Line::default())?;
        match answer.status {
            200..=299 => {
                let bytes = answer
                    .bytes(TOKEN)
                    .map_err(|error| Failure::Broken(error.to_string()))?
                    .ok_or_else(|| odd("its answer is too large"))?;
                Token::read(&bytes, asked).map_err(odd)
            }
            408 | 425 | 429 | 500 | 502 | 503 | 504 => Err(busy(answer)),
            // OAuth2 says 400 to a refresh token that is no good; to anybody else it is about the request.
            400 if !matches!(secret, Some(Secret::Refresh(_))) => {
                Err(odd(&format!("it answered 400{}", answer.said())))
            }
            400 | 401 | 403 => Err(Failure::Final(match found {
                // The user is known, and may not do this.
                Some(found) if answer.status == 403 => Error::Denied {
                    doing: ask.doing.to_owned(),
                    who: format!("user {:?}", found.user()),
                    said: answer.said(),
                },
                Some(found) => access.refuse(&host.registry, found, &ask.scopes, answer.said()),
                None => self.no_credentials(host, ask, answer.said()),
            })),
            status => Err(odd(&format!("it answered {status}{}", answer.said()))),
        }
    }

    /// What follows from a 401: something to show the next time, or an error.
    pub(super) fn refused(
        &self,
        host: &Host,
        ask: &Ask<'_>,
        answer: Answer,
        shown: Shown,
        renewed: bool,
    ) -> Result<(), Failure> {
        let lines: Vec<&str> = answer.lines(header::WWW_AUTHENTICATE).collect();
        let asked: Vec<Challenge> = lines.iter().flat_map(|line| challenges(line)).collect();
        let challenge = asked.into_iter().next();
        let mut access = host.access();
        let known = self.found(host, &mut access, ask)?;
        let doing = ask.doing.to_owned();
        if let Shown::Login(found) = shown {
            let error = access.refuse(&host.registry, found, &ask.scopes, answer.said());
            return Err(Failure::Final(error));
        }
        let Some(challenge) = challenge else {
            let problem = format!(
                "it answered 401 without saying what it asks for{}",
                answer.said()
            );
            return Err(Failure::Final(Error::Odd { doing, problem }));
        };
        if matches!(shown, Shown::Token) {
            access.tokens.remove(&ask.scopes);
        }
        let is_login = known
            .as_ref()
            .is_some_and(|known| matches!(known.secret, Secret::Login(_)));
        let useless = match &challenge {
            Challenge::Basic => !is_login,
            Challenge::Bearer { .. } => false,
        };
        if renewed || useless {
            let said = answer.said();
            return Err(Failure::Final(match known {
                Some(known) => Error::Denied {
                    doing,
                    who: format!("user {:?}", known.user()),
                    said,
                },
                None => self.no_credentials(host, ask, said),
            }));
        }
        if let Challenge::Bearer {
            scope: Some(scope), ..
        } = &challenge
            && !ask.scopes.iter().any(|own| own.as_str() == scope)
        {
            access.more.insert(ask.scopes.clone(), scope.clone());
        }
        access.challenge = Some(challenge);
        Ok(())
    }
}

/// The value of an `Authorization` header (RFC 7617), for a name and password.
fn basic(secret: &Secret) -> Option<String> {
    let Secret::Login(login) = secret else {
        return None;
    };
    let pair = format!("{}:{}", login.username, login.password);
    Some(format!("Basic {}", STANDARD.encode(pair)))
}
