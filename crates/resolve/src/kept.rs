//! What an earlier lock gives to a new one: versions to stay at. Read as far as it can be read, since
//! a lock that was damaged by a merge is repaired by locking again.

use std::{collections::BTreeMap, path::Path};

use lock::{BaseImage, Git, Lock, Python};
use serde::Deserialize;

/// Versions of an earlier lock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Debian packages: name to version.
    pub debian: BTreeMap<String, String>,
    /// Wheels and source distributions: normalised name to version.
    pub python: BTreeMap<String, String>,
    /// Trees out of git.
    pub git: Vec<Git>,
    /// The image below.
    pub from: Option<BaseImage>,
    /// The platform that it was pinned for.
    pub platform: Option<String>,
    /// The interpreter, if the lock is whole.
    pub interpreter: Option<Python>,
    /// The lock, if it is whole: what did not change keeps its dates.
    pub whole: Option<Lock>,
    /// Why it is not whole.
    pub problem: Option<String>,
}

#[derive(Deserialize)]
struct Loose {
    platform: Option<String>,
    #[serde(default)]
    deb: Vec<Entry>,
    #[serde(default)]
    wheel: Vec<Entry>,
    #[serde(default)]
    sdist: Vec<Entry>,
    #[serde(default)]
    git: Vec<toml::Table>,
    from: Option<toml::Table>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    version: String,
}

impl Kept {
    /// Nothing: everything at its newest.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// What the lock at `path` has. No lock gives nothing; of one with merge conflicts the first
    /// side counts; of one that cannot be read at all, nothing does, and `problem` says why.
    pub fn read(path: &Path) -> Self {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::nothing(),
            Err(error) => Self {
                problem: Some(format!("{}: {error}", path.display())),
                ..Self::default()
            },
        }
    }

    /// As [`Kept::read`], of a text.
    pub fn parse(text: &str, name: &str) -> Self {
        let whole = Lock::parse(text, name);
        let loose: Option<Loose> = toml::from_str(text)
            .or_else(|_| toml::from_str(&one_side(text)))
            .ok();
        let versions = |entries: Vec<Entry>| {
            let pair = |entry: Entry| (entry.name, entry.version);
            entries.into_iter().map(pair).collect()
        };
        let entries = |tables: Vec<toml::Table>| {
            let entry = |table: toml::Table| table.try_into::<Git>().ok();
            tables.into_iter().filter_map(entry).collect()
        };
        let (debian, python, git, from, platform) = loose
            .map(|loose| {
                let python = loose.wheel.into_iter().chain(loose.sdist).collect();
                let from = loose.from.and_then(|table| table.try_into().ok());
                let (debian, python) = (versions(loose.deb), versions(python));
                (debian, python, entries(loose.git), from, loose.platform)
            })
            .unwrap_or_default();
        Self {
            debian,
            python,
            git,
            from,
            platform,
            interpreter: whole.as_ref().ok().map(|lock| lock.python.clone()),
            problem: whole.as_ref().err().map(ToString::to_string),
            whole: whole.ok(),
        }
    }
}

/// A text with merge conflicts as the first side had it.
fn one_side(text: &str) -> String {
    let mut out = String::new();
    let mut skipping = false;
    for line in text.lines() {
        match line {
            _ if line.starts_with("<<<<<<< ") => {}
            _ if line.starts_with("||||||| ") || line == "=======" => skipping = true,
            _ if line.starts_with(">>>>>>> ") => skipping = false,
            _ if skipping => {}
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_gives_one_side() {
        let text = "[[wheel]]\nname = \"a\"\n<<<<<<< ours\nversion = \"1\"\n=======\nversion = \"2\"\n\
                    >>>>>>> theirs\n\n[[deb]]\nname = \"d\"\nversion = \"1-1\"\n";
        let kept = Kept::parse(text, "t");
        assert_eq!(kept.python["a"], "1");
        assert_eq!(kept.debian["d"], "1-1");
        assert!(kept.whole.is_none() && kept.problem.is_some());
    }

    #[test]
    fn no_lock_keeps_nothing_and_rubbish_says_why() {
        assert_eq!(Kept::read(Path::new("/nowhere/x.lock")), Kept::nothing());
        let kept = Kept::parse("version = [", "t");
        assert!(kept.python.is_empty() && kept.problem.is_some());
    }
}
