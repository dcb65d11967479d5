//! A Python package as an edition asks for it: a PEP 508 line, with a local path allowed after `@`.

use std::{path::PathBuf, str::FromStr};

use lock::{Sha256, normalised};
use pep508_rs::VersionOrUrl;

/// A Python requirement, or a limit (then nothing but versions and a marker).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The line, without comments and hashes.
    pub text: String,
    /// Normalised name (PEP 503).
    pub name: String,
    /// Extras, as written.
    pub extras: Vec<String>,
    /// The environments that it is for, as written after `;`.
    pub marker: Option<String>,
    /// Where the package comes from.
    pub from: RequirementFrom,
    /// The requirement or constraint file that the edition names and that brought this line.
    pub listed_in: Option<String>,
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequirementFrom {
    /// An index, in one of these versions (PEP 440).
    Index(pep440_rs::VersionSpecifiers),
    /// A file at an address, with the sha256 that its fragment names.
    Url {
        /// The address without the fragment.
        url: String,
        /// `#sha256=…`.
        sha256: Option<Sha256>,
    },
    /// A git repository, to be built: `git+https://…@rev`.
    Git {
        /// The repository's URL.
        url: String,
        /// Branch, tag or commit.
        rev: Option<String>,
        /// `#subdirectory=…`.
        subfolder: Option<String>,
    },
    /// A local file: its path as written, relative to the file that names it.
    File(PathBuf),
}

/// What is wrong, and what to write instead.
type Wrong = (String, String);

impl Requirement {
    /// Parses one line.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn parse(line: &str) -> Result<Self, (String, String)> {
        let line = line.trim();
        if line.starts_with("git+") {
            let egg = line.split_once("#egg=").map_or("NAME", |(_, egg)| egg);
            let url = line.split('#').next().unwrap_or(line);
            return Err((
                format!("{line:?} does not say which package it is"),
                format!("write \"{egg} @ {url}\""),
            ));
        }
        if line.contains("${") {
            return Err((
                format!("{line:?} has a variable in it"),
                "write it out: an edition reads nothing from the environment".to_owned(),
            ));
        }
        // pep508 knows no relative paths: a path is set apart before it sees the line.
        let (parsed, path) = match line.split_once('@') {
            Some((head, rest)) if is_path(rest.trim_start()) => {
                let rest = rest.trim_start();
                let (path, marker) = rest.split_once(" ;").unwrap_or((rest, ""));
                let path = path.trim().trim_start_matches("file:");
                let line = if marker.is_empty() {
                    head.trim().to_owned()
                } else {
                    format!("{};{marker}", head.trim())
                };
                (parse(&line)?, Some(PathBuf::from(path)))
            }
            _ => (parse(line)?, None),
        };
        let from = match (path, parsed.version_or_url) {
            (Some(path), _) => RequirementFrom::File(path),
            (None, Some(VersionOrUrl::Url(url))) => remote(url.given().unwrap_or_default())?,
            (None, Some(VersionOrUrl::VersionSpecifier(versions))) => {
                RequirementFrom::Index(versions)
            }
            (None, None) => RequirementFrom::Index(pep440_rs::VersionSpecifiers::empty()),
        };
        Ok(Self {
            text: line.to_owned(),
            name: normalised(parsed.name.as_ref()),
            extras: parsed.extras.iter().map(ToString::to_string).collect(),
            marker: line
                .rsplit_once(';')
                .filter(|_| !parsed.marker.is_true())
                .map(|(_, marker)| marker.trim().to_owned()),
            from,
            listed_in: None,
        })
    }

    /// Parses a limit: a name, versions and a marker, nothing else.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn parse_limit(line: &str) -> Result<Self, (String, String)> {
        let limit = Self::parse(line)?;
        if !limit.extras.is_empty() {
            return Err((
                format!("{line:?} limits an extra"),
                format!(
                    "limits have no extras: leave out [{}]",
                    limit.extras.join(",")
                ),
            ));
        }
        match &limit.from {
            RequirementFrom::Index(versions) if !versions.is_empty() => Ok(limit),
            RequirementFrom::Index(_) => Err((
                format!("{line:?} limits nothing"),
                format!("say which versions, such as \"{}<5\"", limit.name),
            )),
            _ => Err((
                format!("{line:?} limits no versions"),
                "a URL belongs into `python`".to_owned(),
            )),
        }
    }
}

fn is_path(rest: &str) -> bool {
    rest.starts_with("./")
        || rest.starts_with("../")
        || rest.starts_with('/')
        || rest
            .strip_prefix("file:")
            .is_some_and(|rest| !rest.starts_with("//"))
}

fn parse(line: &str) -> Result<pep508_rs::Requirement, Wrong> {
    names_end_well(line)?;
    pep508_rs::Requirement::from_str(line).map_err(|error| {
        let what = error.message.to_string();
        let name: String = line
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
            .collect();
        let hint = if what.contains("no such comparison operator \"=\"") {
            format!("write \"{}\"", line.replacen('=', "==", 1))
        } else if line.contains(" --") {
            "options of pip stand in no requirement".to_owned()
        } else if what.contains("Not a URL") {
            "name a wheel by its https URL, a repository by git+https://…@COMMIT, a file by ./PATH"
                .to_owned()
        } else if name.is_empty() {
            "a requirement starts with the package's name".to_owned()
        } else {
            format!("write it as PEP 508 does: \"{name}>=1.2\", \"{name} @ https://…\"")
        };
        (format!("{line:?}: {what}"), hint)
    })
}

/// pep508_rs 0.9 panics on a name or extra that ends with `-`, `_` or `.` and is followed by more.
fn names_end_well(line: &str) -> Result<(), Wrong> {
    let letter = |c: char| c.is_ascii_alphanumeric();
    let ends = |text: &str, next: &[char]| {
        let text = text.split(next).next().unwrap_or("").trim();
        let name = text.split(|c| !(letter(c) || "-_.".contains(c))).next();
        name.is_none_or(|name| name.is_empty() || name.ends_with(letter))
    };
    let head = line.split(['@', ';']).next().unwrap_or(line);
    let (_, extras) = head.split_once('[').unwrap_or(("", ""));
    let extras = extras.split(']').next().unwrap_or("");
    if ends(head, &['[']) && extras.split(',').all(|extra| ends(extra, &[','])) {
        return Ok(());
    }
    Err((
        format!("{line:?} has a name that ends with -, _ or ."),
        "a name ends with a letter or digit".to_owned(),
    ))
}

fn remote(given: &str) -> Result<RequirementFrom, Wrong> {
    let (address, fragment) = given.split_once('#').unwrap_or((given, ""));
    let field = |key: &str| {
        fragment
            .split('&')
            .find_map(|part| part.strip_prefix(key)?.strip_prefix('='))
    };
    if let Some(repository) = address.strip_prefix("git+") {
        let path = repository.find("://").map_or(0, |at| at + 3);
        let split = repository[path..].rfind('@').map(|at| at + path);
        let after_host = repository[path..].find('/').map_or(path, |at| at + path);
        let (url, rev) = match split {
            Some(at) if at > after_host => (&repository[..at], Some(&repository[at + 1..])),
            _ => (repository, None),
        };
        return Ok(RequirementFrom::Git {
            url: url.to_owned(),
            rev: rev.map(str::to_owned),
            subfolder: field("subdirectory").map(str::to_owned),
        });
    }
    if !["https://", "http://", "file://"]
        .iter()
        .any(|scheme| address.starts_with(scheme))
    {
        return Err((
            format!("{given:?} is neither https, http, file nor git+…"),
            "name a wheel by its URL, or a repository by git+https://…@COMMIT".to_owned(),
        ));
    }
    let sha256 = match field("sha256") {
        Some(text) => Some(text.parse().map_err(|error| {
            (
                format!("{error}"),
                "copy the whole digest: #sha256= and 64 digits of 0-9 and a-f".to_owned(),
            )
        })?),
        None => None,
    };
    Ok(RequirementFrom::Url {
        url: address.to_owned(),
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms() {
        fn parse(line: &str) -> Requirement {
            Requirement::parse(line).unwrap()
        }
        let torch = parse("Torch[opt]>=2 ; python_version < '4'");
        assert_eq!((torch.name.as_str(), torch.extras.len()), ("torch", 1));
        let digest = "ab".repeat(32);
        let url = parse(&format!("x @ https://example.org/x.whl#sha256={digest}"));
        assert!(matches!(
            url.from,
            RequirementFrom::Url {
                sha256: Some(_),
                ..
            }
        ));
        assert_eq!(
            parse("clip @ git+https://user@example.org/CLIP.git@v1#subdirectory=a").from,
            RequirementFrom::Git {
                url: "https://user@example.org/CLIP.git".into(),
                rev: Some("v1".into()),
                subfolder: Some("a".into())
            }
        );
        assert_eq!(
            parse("x[a] @ ./wheels/x.whl").from,
            RequirementFrom::File("./wheels/x.whl".into())
        );
    }

    #[test]
    fn what_cannot_be() {
        for line in [
            "",
            "foo=1",
            "foo bar",
            "git+https://example.org/x.git",
            "x @ ftp://example.org/x",
            "x @ https://example.org/x.whl#sha256=12",
            "x>=${V}",
            "nvidia- x",
            "a-[b]",
            "a[b-]>=1",
            "a[b, c_ ]",
            "a.>=1",
            "a- @ https://example.org/x.whl",
            "é",
            "x>=1 --hash=sha256:00",
        ] {
            assert!(Requirement::parse(line).is_err(), "{line}");
        }
        assert!(Requirement::parse_limit("x").is_err() && Requirement::parse_limit("x<2").is_ok());
    }
}
