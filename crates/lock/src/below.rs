//! `[from]`: the image that an edition stands on, and how people write where it is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Sha256;

/// `[from]`: the image below the edition's own layers, pinned by its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BaseImage {
    /// Where it is, as the edition writes it; see [`ImageAt`]. Its tag is for people and for `lock --update`.
    pub image: String,
    /// sha256 of the manifest for the lock's platform.
    pub digest: Sha256,
    /// The manifest's size in bytes.
    pub size: u64,
}

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageAt {
    /// In a registry: `registry/repository:tag` or `…@sha256:…`, as engines write it.
    Registry(String),
    /// An OCI layout: `oci:PATH` or `oci:PATH:TAG`.
    Layout {
        /// The folder; a relative one is meant from the edition's.
        path: String,
        /// Which of its images.
        tag: Option<String>,
    },
    /// One tar: `oci-archive:PATH`, `docker-archive:PATH`, both with `:TAG` or without.
    Archive {
        /// The file; a relative one is meant from the edition's folder.
        path: String,
        /// Which of its images.
        tag: Option<String>,
    },
}

/// Why a text does not say where an image is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}\nhint: {hint}")]
pub struct ParseImageAtError {
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: &'static str,
}

const FORMS: &str = "write \"REGISTRY/REPOSITORY:TAG\", \"oci:FOLDER\", \"oci-archive:FILE\" or \
                     \"docker-archive:FILE\"";

impl FromStr for ImageAt {
    type Err = ParseImageAtError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem: String, hint| Err(ParseImageAtError { problem, hint });
        if let Some(rest) = text.strip_prefix("oci:") {
            let (path, tag) = local(text, rest)?;
            return Ok(Self::Layout { path, tag });
        }
        for scheme in ["oci-archive:", "docker-archive:"] {
            if let Some(rest) = text.strip_prefix(scheme) {
                let (path, tag) = local(text, rest)?;
                return Ok(Self::Archive { path, tag });
            }
        }
        if text.contains("://") {
            let hint = "leave the scheme out: \"REGISTRY/REPOSITORY:TAG\"";
            return wrong(format!("{text:?} is a URL, and no image's name"), hint);
        }
        if text.starts_with(['.', '/', '~']) {
            let hint = "write \"oci:FOLDER\" for a layout, \"oci-archive:FILE\" for an archive";
            return wrong(format!("{text:?} is a path, and no image's name"), hint);
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let is_digest = |text: &str| text.starts_with("sha256:") && text.parse::<Sha256>().is_ok();
        if digest.is_some_and(|digest| !is_digest(digest)) {
            let hint = "a digest is sha256: and 64 hexadecimal digits in lower case";
            return wrong(
                format!("{text:?} has no digest that can be, after the @"),
                hint,
            );
        }
        let (repository, tag) = split_tag(name);
        if tag.is_some_and(|tag| !is_tag(tag)) {
            let hint = "a tag has up to 128 letters, digits, dots, dashes and underscores, and neither dot nor \
                        dash first";
            return wrong(format!("{text:?} has no tag that can be"), hint);
        }
        // A host may have capitals and a port; what follows it may not.
        let first = repository.split('/').next().unwrap_or_default();
        let is_host =
            repository.contains('/') && (first.contains(['.', ':']) || first == "localhost");
        let path = match is_host {
            true => repository.get(first.len() + 1..).unwrap_or_default(),
            false => repository,
        };
        if !path.split('/').all(is_repository_part) {
            return wrong(format!("{text:?} does not say where an image is"), FORMS);
        }
        Ok(Self::Registry(text.to_owned()))
    }
}

/// Whether a text can be a tag (distribution-spec, "Pulling manifests").
pub fn is_tag(text: &str) -> bool {
    let first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let other = |b: u8| first(b) || b == b'.' || b == b'-';
    text.len() <= 128 && text.bytes().next().is_some_and(first) && text.bytes().all(other)
}

/// Whether a text can stand between the slashes of a repository's name: lower-case letters and digits, with
/// `.`, `_`, `__` or dashes in between.
pub fn is_repository_part(text: &str) -> bool {
    let mut rest = text;
    loop {
        let word = rest.trim_start_matches(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        if word.len() == rest.len() {
            return false;
        }
        if word.is_empty() {
            return true;
        }
        let after = word.trim_start_matches(['.', '_', '-']);
        let between = &word[..word.len() - after.len()];
        let fits = matches!(between, "." | "_" | "__")
            || (!between.is_empty() && between.bytes().all(|b| b == b'-'));
        if !fits {
            return false;
        }
        rest = after;
    }
}

/// Path and tag. A path may have colons in its folders' names.
fn local(text: &str, rest: &str) -> Result<(String, Option<String>), ParseImageAtError> {
    let (path, tag) = split_tag(rest);
    if path.is_empty() || path.contains(['\0', '\n']) || tag.is_some_and(str::is_empty) {
        return Err(ParseImageAtError {
            problem: format!("{text:?} names no file or folder"),
            hint: "paths are relative to this file: \"oci:../dist/starter\"",
        });
    }
    Ok((path.to_owned(), tag.map(str::to_owned)))
}

fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => (before, Some(tag)),
        _ => (text, None),
    }
}

impl fmt::Display for ImageAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, path, tag) = match self {
            Self::Registry(name) => return f.write_str(name),
            Self::Layout { path, tag } => ("layout", path, tag),
            Self::Archive { path, tag } => ("archive", path, tag),
        };
        write!(f, "the {kind} {path}")?;
        match tag {
            Some(tag) => write!(f, ", tag {tag}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let layout = |path: &str, tag: Option<&str>| ImageAt::Layout {
            path: path.to_owned(),
            tag: tag.map(str::to_owned),
        };
        let archive = |path: &str| ImageAt::Archive {
            path: path.to_owned(),
            tag: None,
        };
        let parse = |text: &str| text.parse::<ImageAt>().unwrap();
        assert_eq!(
            parse("oci:../dist/starter"),
            layout("../dist/starter", None)
        );
        assert_eq!(parse("oci:/a:b/c"), layout("/a:b/c", None));
        assert_eq!(parse("oci:a/c:v1"), layout("a/c", Some("v1")));
        assert_eq!(parse("oci-archive:x.tar"), archive("x.tar"));
        assert_eq!(parse("docker-archive:x.tar"), archive("x.tar"));
        let digest = format!("sha256:{}", "ab".repeat(32));
        for fine in [
            "debian:forky",
            "registry.example/a/b",
            "registry.example:5000/a/b_c:v1.0",
            "localhost:5000/a:latest",
            "Registry.Example/a",
            &format!("registry.example/a@{digest}"),
            &format!("registry.example/a:v1@{digest}"),
        ] {
            assert_eq!(parse(fine), ImageAt::Registry(fine.to_owned()));
        }
    }

    #[test]
    fn what_is_none_says_what_to_write() {
        for (bad, hint) in [
            ("", "oci-archive:FILE"),
            ("Upper/case", "REGISTRY/REPOSITORY"),
            ("https://registry.example/a", "leave the scheme out"),
            ("../dist/starter", "oci:FOLDER"),
            ("oci:", "relative to this file"),
            ("oci:a:", "relative to this file"),
            ("registry.example/a@sha256:12", "64 hexadecimal digits"),
            ("registry.example/a@md5:12", "64 hexadecimal digits"),
            ("registry.example/a:b c", "128 letters"),
            ("registry.example/a:-b", "128 letters"),
            ("registry.example/a..b", "REGISTRY/REPOSITORY"),
            ("registry.example/a___b", "REGISTRY/REPOSITORY"),
            ("registry.example/", "REGISTRY/REPOSITORY"),
        ] {
            let error = bad.parse::<ImageAt>().unwrap_err();
            assert!(error.hint.contains(hint), "{bad}: {error}");
        }
    }
}
