//! One place: an address that artifacts lie below. Credentials in it are used and never shown.

use std::fmt;

use url::Url;

use crate::{Error, Result};

/// An http, https or file address of a folder. `Display` and `Debug` leave credentials out.
#[derive(Clone, PartialEq, Eq)]
pub struct Place(Url);

impl Place {
    /// Parses an address, or an absolute path of a folder on this machine. `setting` stands in
    /// messages: the option or variable that says so.
    ///
    /// # Errors
    /// [`Error::Place`] when it is neither.
    pub fn parse(setting: &str, value: &str) -> Result<Self> {
        let value = value.trim();
        let parsed = if value.starts_with('/') {
            Url::from_directory_path(value).map_err(|()| "not an absolute path".to_owned())
        } else {
            Url::parse(value).map_err(|error| error.to_string())
        };
        let wrong = |problem: String| Error::Place {
            setting: setting.to_owned(),
            value: without_credentials(value),
            problem,
        };
        let mut url = parsed.map_err(wrong)?;
        let usable = match url.scheme() {
            "http" | "https" => url.has_host(),
            "file" => url.to_file_path().is_ok(),
            _ => false,
        };
        if !usable {
            return Err(wrong("not of a kind that can be fetched from".to_owned()));
        }
        url.set_fragment(None);
        // A folder, so that names are joined below it and not beside it.
        let path = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The address as a text with its credentials, for a program that is to use it. Never for
    /// messages.
    pub fn with_credentials(&self) -> String {
        self.0.to_string()
    }

    /// The address, credentials included.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// The address of what lies at `path` below the place. `path` is a plain path, not escaped.
    pub(crate) fn below(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        // One segment at a time: a `?`, `#` or `%` in a name is part of the name.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(path.split('/').filter(|part| !part.is_empty()));
        }
        url
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({self})")
    }
}

/// An address as messages show it: without credentials, and without a query, which may hold some.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These fail only for addresses that can have no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// Parses a list of places that spaces or commas separate.
pub(super) fn parse_list(setting: &str, value: &str) -> Result<Vec<Place>> {
    value
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|item| !item.is_empty())
        .map(|item| Place::parse(setting, item))
        .collect()
}

/// A text that may be no address at all, with whatever stands before an `@` removed.
fn without_credentials(value: &str) -> String {
    match (value.find("://"), value.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}{}", &value[..scheme + 3], &value[at + 1..])
        }
        (_, Some(at)) => value[at + 1..].to_owned(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_below_the_folder() {
        let place = Place::parse("t", "http://h.test/debian").unwrap();
        let url = place.below("pool/main/libs++/a_1%3a2.deb");
        assert_eq!(
            url.as_str(),
            "http://h.test/debian/pool/main/libs++/a_1%253a2.deb"
        );
        // `..` cannot leave the place.
        assert_eq!(place.below("../../x").as_str(), "http://h.test/debian/x");
        assert_eq!(
            Place::parse("t", "/a b").unwrap().to_string(),
            "file:///a%20b/"
        );
    }

    #[test]
    fn credentials_are_never_shown() {
        let place = Place::parse("t", "https://u:secret@h.test/s?token=secret").unwrap();
        assert_eq!(place.to_string(), "https://h.test/s/");
        assert_eq!(format!("{place:?}"), "Place(https://h.test/s/)");
        assert_eq!(place.url().password(), Some("secret"));
        for bad in [
            "u:secret@h.test",
            "ftp://u:secret@h.test",
            "http://u:secret@",
        ] {
            let error = Place::parse("t", bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
