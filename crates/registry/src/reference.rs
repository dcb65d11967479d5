//! How people write images: `[registry[:port]/]repository[:tag][@digest]`, by the grammar of the
//! distribution project, with the rules that everyone knows from Docker. No network here.

use std::{fmt, str::FromStr};

use lock::{Sha256, is_repository_part, is_tag};

use crate::{Error, Result};

/// The registry that is meant where none is written.
const DEFAULT: &str = "docker.io";
/// The longest repository name, as registries count it: host and path.
const LONGEST: usize = 255;

/// A repository of a registry: `ghcr.io/someone/comfyui`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    registry: String,
    name: String,
}

/// An image: a repository, with a tag, a digest, both or neither.
///
/// `Display` writes it in full, with the registry, so that it reads as itself again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    repository: Repository,
    tag: Option<String>,
    digest: Option<Sha256>,
}

/// What names a manifest inside a repository (distribution-spec, "Pulling manifests").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    /// A tag, which may move.
    Tag(&'a str),
    /// A digest, which cannot.
    Digest(Sha256),
}

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => f.write_str(&digest.to_oci()),
        }
    }
}

impl From<Sha256> for By<'_> {
    fn from(digest: Sha256) -> Self {
        Self::Digest(digest)
    }
}

impl<'a> From<&'a str> for By<'a> {
    fn from(tag: &'a str) -> Self {
        Self::Tag(tag)
    }
}

impl Repository {
    /// The registry as people write it, with a port where there is one, in lower case: `docker.io`,
    /// `[::1]:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's name in the registry: `library/debian`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Another repository of the same registry.
    ///
    /// # Errors
    /// [`Error::Reference`]: `name` is no repository's name.
    pub fn sibling(&self, name: &str) -> Result<Self> {
        let text = format!("{}/{name}", self.registry);
        check_name(name).map_err(|problem| Error::Reference { text, problem })?;
        Ok(Self {
            registry: self.registry.clone(),
            name: name.to_owned(),
        })
    }

    /// The image of this tag.
    ///
    /// # Errors
    /// [`Error::Reference`]: it is no tag.
    pub fn tag(&self, tag: &str) -> Result<Reference> {
        Reference::from(self.clone()).with_tag(tag)
    }

    /// The image of this digest.
    pub fn digest(&self, digest: Sha256) -> Reference {
        Reference::from(self.clone()).with_digest(digest)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)
    }
}

impl FromStr for Repository {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let reference: Reference = text.parse()?;
        if reference.tag.is_some() || reference.digest.is_some() {
            return Err(Error::Reference {
                text: text.to_owned(),
                problem: "only a repository is wanted here, without tag and digest".to_owned(),
            });
        }
        Ok(reference.repository)
    }
}

impl From<Repository> for Reference {
    fn from(repository: Repository) -> Self {
        Self {
            repository,
            tag: None,
            digest: None,
        }
    }
}

impl Reference {
    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The registry; see [`Repository::registry`].
    pub fn registry(&self) -> &str {
        &self.repository.registry
    }

    /// The tag, where one is written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, where one is written.
    pub fn digest(&self) -> Option<Sha256> {
        self.digest
    }

    /// What to ask the registry for: the digest, or else the tag, or else `latest`.
    pub fn by(&self) -> By<'_> {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => By::Digest(*digest),
            (None, Some(tag)) => By::Tag(tag),
            (None, None) => By::Tag("latest"),
        }
    }

    /// The same repository with this tag and no digest: a digest names what it names, whatever the
    /// tag.
    ///
    /// # Errors
    /// [`Error::Reference`]: it is no tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self> {
        check_tag(tag).map_err(|problem| Error::Reference {
            text: format!("{}:{tag}", self.repository),
            problem,
        })?;
        Ok(Self {
            repository: self.repository.clone(),
            tag: Some(tag.to_owned()),
            digest: None,
        })
    }

    /// The same, pinned. A tag stays, to be read by people.
    #[must_use]
    pub fn with_digest(&self, digest: Sha256) -> Self {
        Self {
            digest: Some(digest),
            ..self.clone()
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{}", digest.to_oci()),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).map_err(|problem| Error::Reference {
            text: text.to_owned(),
            problem,
        })
    }
}

fn parse(text: &str) -> Result<Reference, String> {
    if let Some((scheme, rest)) = text.split_once("://") {
        return Err(format!("it has no scheme: leave out {scheme}://, {rest:?}"));
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(parse_digest(digest)?)),
        None => (text, None),
    };
    // A tag's colon stands behind the last slash; one before it is a port's.
    let last = rest.rfind('/').map_or(0, |at| at + 1);
    let (path, tag) = match rest[last..].find(':') {
        // `[::1]` or `host:5000` alone is a registry without a repository.
        Some(_) if rest.starts_with('[') && last == 0 => (rest, None),
        Some(at) => (&rest[..last + at], Some(&rest[last + at + 1..])),
        None => (rest, None),
    };
    if let Some(tag) = tag {
        check_tag(tag)?;
    }
    let (registry, name) = match path.split_once('/') {
        Some((host, name)) if is_registry(host) => (host, name.to_owned()),
        _ if path.starts_with('[') => return Err("a repository is missing".to_owned()),
        _ => (DEFAULT, path.to_owned()),
    };
    check_registry(registry)?;
    // Hosts are the same in either case, and so are the logins for them.
    let registry = match registry.to_ascii_lowercase() {
        hub if matches!(&*hub, "index.docker.io" | "registry-1.docker.io") => DEFAULT.to_owned(),
        registry => registry,
    };
    let name = match name.contains('/') {
        false if registry == DEFAULT && !name.is_empty() => format!("library/{name}"),
        _ => name,
    };
    check_name(&name)?;
    if registry.len() + 1 + name.len() > LONGEST {
        return Err(format!(
            "registry and repository have over {LONGEST} characters"
        ));
    }
    Ok(Reference {
        repository: Repository { registry, name },
        tag: tag.map(str::to_owned),
        digest,
    })
}

/// Whether what stands before the first slash is a registry, and not the repository's first word.
/// Docker takes a first word with upper-case letters for a host, too; far more often it is a
/// repository that was not written as it must be, and the message for that helps.
fn is_registry(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.contains(['.', ':'])
}

fn check_registry(text: &str) -> Result<(), String> {
    let wrong =
        || format!("{text:?} is no registry: a host, with a port where needed, is expected");
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or_else(wrong)?;
        address.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
        (None, port)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        (Some(&text[..end]), &text[end..])
    };
    if let Some(host) = host {
        let word = |word: &str| {
            !word.is_empty()
                && !word.starts_with('-')
                && !word.ends_with('-')
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !host.split('.').all(word) {
            return Err(wrong());
        }
    }
    match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse::<u16>().map(|_| ()).map_err(|_| wrong())
        }
        None if port.is_empty() => Ok(()),
        _ => Err(wrong()),
    }
}

/// Path components of lower-case letters and digits, with `.`, `_`, `__` or dashes in between.
fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a repository is missing".to_owned());
    }
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(format!(
            "a repository's name has no upper-case letters; {:?} would be one",
            name.to_ascii_lowercase()
        ));
    }
    if name.split('/').all(is_repository_part) {
        return Ok(());
    }
    Err(format!(
        "{name:?} is no repository's name: words of a-z and 0-9 are expected, with one of \
         `.`, `_`, `__` or dashes in between, and `/` between the parts"
    ))
}

pub(crate) fn check_tag(tag: &str) -> Result<(), String> {
    if is_tag(tag) {
        return Ok(());
    }
    Err(format!(
        "{tag:?} is no tag: up to 128 letters, digits, `_`, `.` and `-` are expected, \
         and neither `.` nor `-` first"
    ))
}

fn parse_digest(text: &str) -> Result<Sha256, String> {
    match text.strip_prefix("sha256:") {
        Some(hex) => hex.parse().map_err(|_| {
            format!(
                "{text:?} is no digest: sha256: and 64 lower-case hexadecimal digits are expected"
            )
        }),
        None => Err(format!(
            "the digest {text:?} is none of sha256, which is the only kind known here"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn as_people_write_them() {
        let digest = format!("@sha256:{HEX}");
        for (text, full) in [
            ("debian", "docker.io/library/debian"),
            ("debian:13", "docker.io/library/debian:13"),
            ("index.docker.io/debian", "docker.io/library/debian"),
            ("registry-1.docker.io/a/b", "docker.io/a/b"),
            ("a/b", "docker.io/a/b"),
            ("localhost/a", "localhost/a"),
            ("localhost:5000/a:b", "localhost:5000/a:b"),
            ("local/a", "docker.io/local/a"),
            ("[::1]:5000/a/b:c", "[::1]:5000/a/b:c"),
            ("[2001:db8::1]/a", "[2001:db8::1]/a"),
            (
                "127.0.0.1:5000/a__b/c-d--e.f_g:V1.0_x-Y",
                "127.0.0.1:5000/a__b/c-d--e.f_g:V1.0_x-Y",
            ),
            ("Registry.Example.test/a", "registry.example.test/a"),
            ("GHCR.io/a:B", "ghcr.io/a:B"),
            ("Index.Docker.IO/a", "docker.io/library/a"),
            ("LOCALHOST:5000/a", "localhost:5000/a"),
            ("[2001:DB8::1]/a", "[2001:db8::1]/a"),
            ("host.test:80/a:b", "host.test:80/a:b"),
            ("debian:13@D", "docker.io/library/debian:13@D"),
            ("ghcr.io/a/b@D", "ghcr.io/a/b@D"),
        ] {
            let (text, full) = (text.replace("@D", &digest), full.replace("@D", &digest));
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), full);
            assert_eq!(full.parse::<Reference>().unwrap(), reference);
        }
    }

    #[test]
    fn refused_with_a_reason() {
        for (text, part) in [
            ("", "a repository is missing"),
            ("ghcr.io/", "a repository is missing"),
            ("[::1]:5000", "a repository is missing"),
            ("ghcr.io/Some/Image", "\"some/image\" would be one"),
            ("Some/image", "\"some/image\" would be one"),
            ("Debian", "\"library/debian\" would be one"),
            ("https://ghcr.io/a", "leave out https://"),
            ("ghcr.io/a:", "is no tag"),
            ("ghcr.io/a:-b", "is no tag"),
            ("ghcr.io/a:b c", "is no tag"),
            ("ghcr.io/a//b", "is no repository's name"),
            ("ghcr.io/a..b", "is no repository's name"),
            ("ghcr.io/a___b", "is no repository's name"),
            ("ghcr.io/-a", "is no repository's name"),
            ("ghcr.io/../../etc", "is no repository's name"),
            ("ghcr.io/a?b=c", "is no repository's name"),
            ("ghcr.io:70000/a", "is no registry"),
            ("ghcr.io:x/a", "is no registry"),
            ("a..b/c", "is no registry"),
            ("user:word@ghcr.io/a", "is none of sha256"),
            ("[::g]/a", "is no registry"),
            ("[::1]x/a", "is no registry"),
            ("a@sha256:12", "is no digest"),
            ("a@sha512:12", "is none of sha256"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let long = format!("ghcr.io/{}", "a".repeat(250));
        assert!(long.parse::<Reference>().is_err());
        assert!(
            format!("ghcr.io/a:{}", "a".repeat(129))
                .parse::<Reference>()
                .is_err()
        );
    }

    #[test]
    fn tags_and_digests_are_put_on() {
        let plain: Reference = "ghcr.io/a/b".parse().unwrap();
        let digest: Sha256 = HEX.parse().unwrap();
        assert_eq!(plain.by(), By::Tag("latest"));
        let tagged = plain.with_tag("v1").unwrap();
        assert_eq!(tagged.by(), By::Tag("v1"));
        let pinned = tagged.with_digest(digest);
        assert_eq!(pinned.by(), By::Digest(digest));
        assert_eq!(pinned.to_string(), format!("ghcr.io/a/b:v1@sha256:{HEX}"));
        assert_eq!(pinned.with_tag("v2").unwrap().digest(), None);
        assert!(plain.with_tag("a/b").is_err());
        let cache = plain.repository().sibling("a/cache").unwrap();
        assert_eq!(cache.to_string(), "ghcr.io/a/cache");
        assert!(plain.repository().sibling("A").is_err());
        assert!("ghcr.io/a:b".parse::<Repository>().is_err());
    }
}
