//! A suite's Release file (as InRelease has it signed): when it was made, until when it holds, and
//! the digests of the suite's indexes.

use std::collections::BTreeMap;

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use lock::Sha256;

use crate::stanza::Stanza;

/// What a Release file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `Suite`, such as `testing`.
    pub suite: String,
    /// `Codename`, such as `forky`.
    pub codename: String,
    /// `Date` (RFC 3339, UTC).
    pub date: String,
    /// `Valid-Until`.
    pub valid_until: Option<Timestamp>,
    /// `Architectures`.
    pub architectures: Vec<String>,
    /// `Components`.
    pub components: Vec<String>,
    /// `Acquire-By-Hash: yes`: indexes are there under their digests too.
    pub by_hash: bool,
    /// Packages of architecture `all` are in the indexes of the other architectures.
    pub all_is_included: bool,
    /// `Snapshots`: where the suite's former states are, with `@SNAPSHOTID@` for the time.
    pub snapshots: Option<String>,
    /// `SHA256`: size in bytes and digest of each index, by its path below the suite's folder.
    pub indexes: BTreeMap<String, (u64, Sha256)>,
}

impl Release {
    /// Reads a Release file's text. The error is a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let stanza = Stanza::parse(text.as_bytes())?;
        let text = |field: &str| stanza.get(field).unwrap_or_default().to_owned();
        let words = |field: &str| text(field).split_whitespace().map(str::to_owned).collect();
        let date = date("Date", &text("Date"))?.to_string();
        let valid_until = stanza.get("Valid-Until");
        let mut indexes = BTreeMap::new();
        let lines = stanza.joined("SHA256").ok_or("no SHA256 field")?;
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let wrong = || format!("SHA256: expected digest, size and path, found {line:?}");
            let mut words = line.split_whitespace();
            let mut next = || words.next().ok_or_else(wrong);
            let (digest, size, path) = (next()?, next()?, next()?);
            let digest = digest.parse().map_err(|_| wrong())?;
            indexes.insert(
                path.to_owned(),
                (size.parse().map_err(|_| wrong())?, digest),
            );
        }
        let snapshots = Some(text("Snapshots")).filter(|text| !text.is_empty() && text != "no");
        Ok(Self {
            suite: text("Suite"),
            codename: text("Codename"),
            date,
            valid_until: valid_until
                .map(|text| self::date("Valid-Until", text))
                .transpose()?,
            architectures: words("Architectures"),
            components: words("Components"),
            by_hash: text("Acquire-By-Hash") == "yes",
            all_is_included: text("No-Support-for-Architecture-all") == "Packages"
                || !indexes
                    .keys()
                    .any(|path| path.contains("/binary-all/Packages")),
            snapshots,
            indexes,
        })
    }
}

/// A date as Release files have it: RFC 2822, with the zone as `UTC`.
fn date(field: &str, text: &str) -> Result<Timestamp, String> {
    // The one name that RFC 2822 does not know.
    let known = match text.strip_suffix("UTC") {
        Some(start) => format!("{start}GMT"),
        None => text.to_owned(),
    };
    DateTimeParser::new()
        .parse_timestamp(&known)
        .map_err(|_| format!("{field}: expected a date (RFC 2822), found {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let digest = "ab".repeat(32);
        let text = format!(
            "Suite: testing\nCodename: forky\nDate: Fri, 30 Oct 2026 08:08:01 UTC\n\
             Valid-Until: Fri, 06 Nov 2026 08:08:01 UTC\nAcquire-By-Hash: yes\n\
             Architectures: all amd64\nComponents: main contrib\nSnapshots: no\nMD5Sum:\n 00 1 x\n\
             SHA256:\n {digest} 12 main/binary-amd64/Packages.xz\n {digest}  0 main/x\n"
        );
        let release = Release::parse(&text).unwrap();
        assert_eq!(release.date, "2026-10-30T08:08:01Z");
        assert_eq!(
            release.valid_until.unwrap().to_string(),
            "2026-11-06T08:08:01Z"
        );
        assert_eq!(release.components, ["main", "contrib"]);
        assert_eq!((release.by_hash, release.all_is_included), (true, true));
        assert_eq!(release.snapshots, None);
        assert_eq!(release.indexes["main/binary-amd64/Packages.xz"].0, 12);
        for (bad, told) in [
            (text.replace("Fri, 30 Oct", "The 30th"), "Date"),
            (text.replace(" 12 main", " many main"), "SHA256"),
            (text.replace("SHA256:", "SHA1:"), "no SHA256"),
            (text.replace(&digest, "abc"), "SHA256"),
        ] {
            let error = Release::parse(&bad).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
