//! What is asked of an archive.

use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, str::FromStr};

use debian::relation::Relation;

/// What a resolution is to have, and what it is to keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The packages asked for, in the order in which they are taken up.
    pub wanted: Vec<Wanted>,
    /// Whether all packages with `Essential: yes` are asked for too, before all others.
    pub essential: bool,
    /// Whether `Recommends` are taken along where they can be.
    pub recommends: bool,
    /// Versions to stay at, by name, while the archive has them and nothing asks for others: those
    /// of an earlier lock. Such packages also come first among alternatives and providers.
    pub keep: BTreeMap<String, String>,
    /// Packages that are never chosen.
    pub exclude: BTreeSet<String>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            wanted: Vec::new(),
            essential: true,
            recommends: false,
            keep: BTreeMap::new(),
            exclude: BTreeSet::new(),
        }
    }
}

impl Request {
    /// The essential packages and those that the lines name; see [`Wanted`] for their form.
    ///
    /// # Errors
    /// For a line that is not of that form.
    pub fn new<S: AsRef<str>>(
        lines: impl IntoIterator<Item = S>,
    ) -> Result<Self, ParseWantedError> {
        let lines = lines.into_iter().map(|line| line.as_ref().parse());
        Ok(Self {
            wanted: lines.collect::<Result<_, _>>()?,
            ..Self::default()
        })
    }
}

/// A package asked for, as a person writes it: `name`, `name=1.2-3`, `name (>= 1.2)`, each with
/// `:any` or an architecture after the name if need be, or several of these with `|` between.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    text: String,
    /// In the form of Debian Policy, 7.1.
    relation: String,
}

/// Why a line asks for no package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a Debian package such as `git`, `git=1:2.51-1` or `git (>= 1:2.51)`, found {0:?}"
)]
pub struct ParseWantedError(String);

impl Wanted {
    /// The alternatives, as relations.
    pub(crate) fn relations(&self) -> impl Iterator<Item = Relation<'_>> {
        Relation::read_all(&self.relation)
    }

    /// The name, if there is one alternative.
    pub fn name(&self) -> Option<&str> {
        let mut names = self.relations().map(|relation| relation.name);
        names.next().filter(|_| names.next().is_none())
    }
}

impl FromStr for Wanted {
    type Err = ParseWantedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let relation: Option<Vec<String>> = text.split('|').map(alternative).collect();
        let relation = relation.ok_or_else(|| ParseWantedError(text.to_owned()))?;
        Ok(Self {
            text: text.trim().to_owned(),
            relation: relation.join(" | "),
        })
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// One alternative in the form of Debian Policy, if it is one.
fn alternative(text: &str) -> Option<String> {
    let text = text.trim();
    let relation = match text.split_once('=') {
        Some((name, version)) if !text.contains('(') => format!("{name} (= {version})"),
        _ => text.to_owned(),
    };
    let read = Relation::read(&relation)?;
    let word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c))
    };
    let version = read
        .versions
        .is_none_or(|(_, version)| debian::relation::compare(version, "0").is_some());
    let closed = relation.find('(').is_none_or(|_| relation.ends_with(')'));
    let single = relation.contains('(') || !relation.contains(char::is_whitespace);
    let fits = word(read.name) && read.qualifier.is_none_or(word) && version && closed && single;
    fits.then_some(relation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let relation = |text: &str| text.parse::<Wanted>().unwrap().relation;
        assert_eq!(relation(" git "), "git");
        assert_eq!(relation("git=1:2.51-1"), "git (= 1:2.51-1)");
        assert_eq!(
            relation("libstdc++6 (>= 4) | a:any"),
            "libstdc++6 (>= 4) | a:any"
        );
        for bad in [
            "",
            "Git",
            "a b",
            "a,b",
            "a (>= )",
            "a (>= 1) b",
            "a (1)",
            "a=",
            "a |",
            "a/sid",
            "a=1 2",
        ] {
            let error = bad.parse::<Wanted>().unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
        assert_eq!("a (>= 1)".parse::<Wanted>().unwrap().name(), Some("a"));
        assert_eq!("a | b".parse::<Wanted>().unwrap().name(), None);
    }
}
