//! A suite's Release file (Debian repository format): its date, and the hashes of its indexes.

use std::collections::BTreeMap;

use lock::Sha256;

use crate::{Error, Result};

/// A suite, as its Release file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `Suite`.
    pub suite: String,
    /// `Codename`.
    pub codename: String,
    /// `Date` (RFC 3339, UTC).
    pub date: String,
    /// `Valid-Until`, in seconds since 1970 UTC.
    pub valid_until: Option<i64>,
    /// `Acquire-By-Hash: yes`.
    pub by_hash: bool,
    /// `SHA256`: path below the suite's folder to size in bytes and hash.
    pub files: BTreeMap<String, (u64, Sha256)>,
}

impl Release {
    /// Parses the signed text. `name` stands in messages; `suite` is what was asked for.
    ///
    /// # Errors
    /// [`Error::Release`] for a text that is none, or of another suite.
    pub fn parse(name: &str, text: &str, suite: &str) -> Result<Self> {
        let bad = |problem: String| Error::Release {
            release: name.to_owned(),
            problem,
        };
        let mut fields: BTreeMap<&str, &str> = BTreeMap::new();
        let mut files = BTreeMap::new();
        let mut field = "";
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix(' ') {
                if field != "SHA256" {
                    continue;
                }
                let mut words = rest.split_whitespace();
                let (Some(hash), Some(size), Some(path), None) =
                    (words.next(), words.next(), words.next(), words.next())
                else {
                    return Err(bad(format!(
                        "expected hash, size and path in SHA256, found {rest:?}"
                    )));
                };
                let entry = size.parse().ok().zip(hash.parse().ok());
                let entry =
                    entry.ok_or_else(|| bad(format!("{path}: {rest:?} is no hash and size")))?;
                files.insert(path.to_owned(), entry);
            } else if let Some((key, value)) = line.split_once(':') {
                field = key;
                fields.insert(key, value.trim());
            }
        }
        let get = |key: &str| fields.get(key).copied().unwrap_or_default();
        let time = |key: &str| {
            let text = get(key);
            // "UTC" is what RFC 2822 calls an obsolete zone; jiff wants an offset.
            let text = text
                .strip_suffix("UTC")
                .map_or(text.to_owned(), |rest| format!("{}+0000", rest));
            jiff::fmt::rfc2822::DateTimeParser::new()
                .relaxed_weekday(true)
                .parse_timestamp(&text)
        };
        let date = time("Date").map_err(|error| bad(format!("Date: {error}")))?;
        let release = Self {
            suite: get("Suite").to_owned(),
            codename: get("Codename").to_owned(),
            date: date.to_string(),
            valid_until: match get("Valid-Until") {
                "" => None,
                _ => Some(
                    time("Valid-Until")
                        .map_err(|error| bad(format!("Valid-Until: {error}")))?
                        .as_second(),
                ),
            },
            by_hash: get("Acquire-By-Hash").eq_ignore_ascii_case("yes"),
            files,
        };
        if release.suite != suite && release.codename != suite {
            return Err(bad(format!(
                "expected suite {suite}, found suite {:?}, codename {:?}",
                release.suite, release.codename
            )));
        }
        if release.files.is_empty() {
            return Err(bad("it has no SHA256 field".to_owned()));
        }
        Ok(release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Origin: Debian\nSuite: testing\nCodename: forky\nDate: Fri, 30 Oct 2026 08:08:01 UTC\n\
        Valid-Until: Fri, 06 Nov 2026 08:08:01 UTC\nAcquire-By-Hash: yes\nMD5Sum:\n \
        d41d8cd98f00b204e9800998ecf8427e 0 main/binary-amd64/Packages\nSHA256:\n \
        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855        0 main/binary-amd64/Packages\n";

    #[test]
    fn fields_and_hashes() {
        let release = Release::parse("t", TEXT, "forky").unwrap();
        assert_eq!(release.date, "2026-10-30T08:08:01Z");
        assert!(release.by_hash);
        assert_eq!(release.valid_until, Some(1_793_952_481));
        assert_eq!(release.files["main/binary-amd64/Packages"].0, 0);
        assert_eq!(Release::parse("t", TEXT, "testing").unwrap(), release);
    }

    #[test]
    fn another_suite_and_damaged_texts_are_named() {
        let error =
            |text: &str, suite: &str| Release::parse("t", text, suite).unwrap_err().to_string();
        assert!(error(TEXT, "trixie").contains("expected suite trixie"));
        assert!(error(&TEXT.replace("Fri, 30 Oct", "some day"), "forky").contains("Date"));
        assert!(
            error(&TEXT.replace("e3b0", "zzzz"), "forky").contains("main/binary-amd64/Packages")
        );
        assert!(
            error(
                "Suite: forky\nDate: Fri, 30 Oct 2026 08:08:01 UTC\n",
                "forky"
            )
            .contains("SHA256")
        );
    }
}
