//! `WWW-Authenticate` (RFC 9110, 11.6.1): one header may hold several challenges, and a parameter's
//! quotes may hold commas (`scope="repository:a:pull,push"`), so it is read letter by letter.

/// What a server asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A name and a password with each request.
    Basic,
    /// A token from a token server.
    Bearer {
        /// The token server's address.
        realm: String,
        /// The registry's name there.
        service: Option<String>,
        /// What the token has to allow.
        scope: Option<String>,
    },
}

/// The challenges of a header that are known here; others are passed over.
pub(crate) fn challenges(header: &str) -> Vec<Challenge> {
    let mut found = Vec::new();
    let mut rest = header;
    let mut next = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let scheme = match next.take() {
            Some(scheme) => scheme,
            None => {
                let (scheme, after) = word(rest);
                rest = after;
                scheme
            }
        };
        if scheme.is_empty() {
            return found;
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let (name, after) = word(rest);
            let after = after.trim_start();
            match after.strip_prefix('=') {
                Some(after) if !name.is_empty() => {
                    let (value, after) = value(after.trim_start());
                    parameters.push((name.to_ascii_lowercase(), value));
                    rest = after;
                }
                // A word without a value is the next challenge's scheme.
                _ => {
                    rest = after;
                    next = Some(name);
                    break;
                }
            }
        }
        let get = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("basic") {
            found.push(Challenge::Basic);
        } else if scheme.eq_ignore_ascii_case("bearer")
            && let Some(realm) = get("realm")
        {
            found.push(Challenge::Bearer {
                realm,
                service: get("service"),
                scope: get("scope"),
            });
        }
    }
}

/// A token of RFC 9110 and what follows it.
fn word(text: &str) -> (&str, &str) {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !fits(c)).unwrap_or(text.len());
    text.split_at(end)
}

/// A parameter's value, quoted or bare, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            letter => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: &str, scope: &str) -> Challenge {
        let set = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: set(service),
            scope: set(scope),
        }
    }

    #[test]
    fn as_registries_write_them() {
        assert_eq!(
            challenges(
                r#"Bearer realm="https://a.test/t",service="r",scope="repository:a/b:pull,push""#
            ),
            [bearer("https://a.test/t", "r", "repository:a/b:pull,push")]
        );
        assert_eq!(
            challenges(r#"bearer Realm = "https://a.test/t?x=1,2" , SERVICE=r"#),
            [bearer("https://a.test/t?x=1,2", "r", "")]
        );
        assert_eq!(
            challenges(r#"Basic realm="Registry Realm""#),
            [Challenge::Basic]
        );
        assert_eq!(challenges("Basic"), [Challenge::Basic]);
        assert_eq!(
            challenges(
                r#"Negotiate, Basic realm="a \"quoted\" one", Bearer realm="https://a.test""#
            ),
            [Challenge::Basic, bearer("https://a.test", "", "")]
        );
        assert_eq!(
            challenges(r#"Bearer realm="x",error="insufficient_scope""#),
            [bearer("x", "", "")]
        );
    }

    #[test]
    fn nonsense_ends() {
        for text in [
            "",
            ",,,",
            "=",
            "\"",
            "Bearer",
            "Bearer realm",
            "Bearer realm=\"x",
            "Bearer x=\\",
            "é",
            "Digest a=b c",
        ] {
            let _ = challenges(text);
        }
        assert_eq!(challenges("Bearer service=a"), []);
        assert_eq!(challenges("Bearer realm=\"x"), [bearer("x", "", "")]);
    }
}
