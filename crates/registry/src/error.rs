//! What can go wrong between us and a registry. No message holds a credential: what a helper or a
//! file says is told only where it cannot be one.

use std::{io, path::PathBuf};

use lock::Sha256;

/// The result of talking to a registry.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a registry could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text is no image reference.
    #[error("{text:?} is no image reference: {problem}")]
    Reference {
        /// The text.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No connection, or none that lasts.
    #[error(
        "{doing}: {answer}{}\nhint: look whether {registry} can be reached from here; \
         a proxy is set with HTTPS_PROXY or HTTP_PROXY, plain http has to be asked for",
        tried(*tries)
    )]
    Unreachable {
        /// What was being done, to what.
        doing: String,
        /// The registry.
        registry: String,
        /// The last failure.
        answer: String,
        /// How often it was tried in vain.
        tries: u32,
    },
    /// The registry's certificate is not trusted.
    #[error(
        "{registry}: {problem}\nhint: install its authority's certificate among the system's \
         (Debian: /usr/local/share/ca-certificates and update-ca-certificates), \
         or name a file of certificates with SSL_CERT_FILE"
    )]
    Certificate {
        /// The registry.
        registry: String,
        /// What TLS said.
        problem: String,
    },
    /// The registry said no, or kept failing.
    #[error(
        "{doing}: the registry answered {status}{}{said}{}",
        tried(*tries),
        hint(*status, *push)
    )]
    Answered {
        /// What was being done, to what.
        doing: String,
        /// The HTTP status.
        status: u16,
        /// The registry's own words: `: CODE: message`, or nothing.
        said: String,
        /// How often it was tried in vain.
        tries: u32,
        /// Something was to be put there.
        push: bool,
    },
    /// There is a limit on requests, and it is long.
    #[error(
        "{doing}: the registry asks to wait for {seconds} s\n\
         hint: run the same command again after that; what has been uploaded stays"
    )]
    Limited {
        /// What was being done, to what.
        doing: String,
        /// How long to wait.
        seconds: u64,
    },
    /// Credentials are needed, and there are none.
    #[error(
        "{doing}: {registry} asks for credentials, and none were found for it{said}\n\
         hint: run `docker login {registry}` or `podman login {registry}`{}",
        or_variables(*variables)
    )]
    NoCredentials {
        /// What was being done, to what.
        doing: String,
        /// The registry.
        registry: String,
        /// The registry's own words.
        said: String,
        /// The variables for a login would be for this registry.
        variables: bool,
    },
    /// The registry does not take the credentials.
    #[error(
        "{registry} does not take the credentials of user {user:?} (from {place}){said}\n\
         hint: check the name and the password or token; it may have expired"
    )]
    WrongCredentials {
        /// The registry.
        registry: String,
        /// Who.
        user: String,
        /// Where the credentials were found.
        place: String,
        /// The registry's own words.
        said: String,
    },
    /// The credentials are good, and not for this.
    #[error(
        "{doing}: {who} may not do this{said}\n\
         hint: look at the repository's permissions, and at the scope of the token"
    )]
    Denied {
        /// What was being done, to what.
        doing: String,
        /// Whose rights do not suffice.
        who: String,
        /// The registry's own words.
        said: String,
    },
    /// Credentials would have to go where anyone could read them, or where they do not belong.
    #[error("{registry} sends us to {place} with our credentials: {problem}")]
    Unsafe {
        /// The registry.
        registry: String,
        /// Scheme and host.
        place: String,
        /// Why that is refused.
        problem: &'static str,
    },
    /// A file of credentials cannot be read.
    #[error(
        "cannot read credentials from {}: {problem}\n\
         hint: `docker login` or `podman login` writes this file anew", path.display()
    )]
    CredentialFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A credential helper fails.
    #[error(
        "the credential helper {program} failed for {registry}: {problem}\n\
         hint: {} names it; try `echo {registry} | {program} get`", path.display()
    )]
    Helper {
        /// The program.
        program: String,
        /// For which registry it was asked.
        registry: String,
        /// What it said, or why it could not be started.
        problem: String,
        /// The file that names it.
        path: PathBuf,
    },
    /// The environment has half of the credentials.
    #[error("{set} is set and {missing} is not\nhint: set both, or neither")]
    HalfCredentials {
        /// The variable that is set.
        set: &'static str,
        /// The variable that is missing.
        missing: &'static str,
    },
    /// A variable with half of the credentials cannot be read.
    #[error("{name} is set to something that is not UTF-8\nhint: set it anew, or unset it")]
    NoText {
        /// The variable.
        name: &'static str,
    },
    /// The registry names something else than what was sent or asked for.
    #[error(
        "{doing}: the registry answers for {answered}, expected {expected}\n\
         hint: the registry, or a proxy before it, is at fault{}",
        if *tagged { "" } else { "; nothing was tagged" }
    )]
    WrongDigest {
        /// What was being done, to what.
        doing: String,
        /// The digest that is right.
        expected: String,
        /// The digest that the registry gave.
        answered: String,
        /// It is about a manifest, so that a tag may name it already.
        tagged: bool,
    },
    /// Others write the same list at the same time.
    #[error(
        "{doing}: the list tagged {tag} lacks it after {writes} writes\n\
         hint: others write that list as well; run the same command again"
    )]
    Overwritten {
        /// What was being done, to what.
        doing: String,
        /// The list's tag.
        tag: String,
        /// How often it was written.
        writes: u32,
    },
    /// What came is not what its digest says.
    #[error("{what}: expected {expected}, received {found}")]
    Content {
        /// What was received.
        what: String,
        /// Its digest or size.
        expected: String,
        /// The digest or size of what came.
        found: String,
    },
    /// What came is larger than it may be.
    #[error("{what} has more than {limit} bytes, which is the most that is read")]
    TooLarge {
        /// What was received.
        what: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// An answer that the specification does not allow.
    #[error("{doing}: {problem}\nhint: is it a registry of OCI images (/v2/)?")]
    Odd {
        /// What was being done, to what.
        doing: String,
        /// What was wrong with the answer.
        problem: String,
    },
    /// The blob to be pushed cannot be read.
    #[error("cannot read the blob {digest} to push it: {source}")]
    Source {
        /// The blob.
        digest: Sha256,
        /// What the system said.
        source: io::Error,
    },
    /// The blob to be pushed is not what its digest says.
    #[error(
        "the blob {expected} was changed on this machine: it has {found} now, and is not pushed\n\
         hint: build it again without reuse (--no-reuse)"
    )]
    Changed {
        /// Its name.
        expected: Sha256,
        /// What it is.
        found: Sha256,
    },
    /// The work was given up because the caller asked for it.
    #[error("{0}: stopped")]
    Stopped(String),
}

fn tried(tries: u32) -> String {
    match tries {
        0 | 1 => String::new(),
        tries => format!(" ({tries} times)"),
    }
}

fn or_variables(help: bool) -> &'static str {
    if help {
        ", or set STRATA_REGISTRY_USERNAME and STRATA_REGISTRY_PASSWORD"
    } else {
        ""
    }
}

/// What to do about a status, where that is known.
fn hint(status: u16, push: bool) -> &'static str {
    match status {
        404 if push => "\nhint: some registries want a repository to be made before the first push",
        405 | 501 => "\nhint: this registry cannot do that",
        413 => "\nhint: the registry, or a proxy before it, limits the size of uploads",
        429 => "\nhint: the registry limits requests; run the same command again later",
        500.. => "\nhint: the registry is at fault; run the same command again later",
        _ => "",
    }
}
