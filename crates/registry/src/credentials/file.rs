//! One file of credentials, as Docker (`config.json`) and Podman (`auth.json`) write it.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{Found, Secret, helper};
use crate::{Error, Login, Repository, Result};

/// What Docker calls its registry in files and to helpers.
const HUB: &str = "docker.io";
const HUB_KEY: &str = "https://index.docker.io/v1/";

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Content {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// A file that was read.
pub(super) struct File {
    path: PathBuf,
    content: Content,
}

impl File {
    /// Reads a file; `None` where there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let wrong = |problem: String| Error::CredentialFile {
            path: path.to_owned(),
            problem,
        };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(wrong(error.to_string())),
        };
        // Podman makes an empty file to fill it later.
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        // serde's own words may quote a secret.
        let content = serde_json::from_slice(&bytes).map_err(|error| {
            wrong(format!(
                "not of the form that is known, at line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        Ok(Some(Self {
            path: path.to_owned(),
            content,
        }))
    }

    /// What the file has for a repository: the entry of the longest key that covers it, a helper for
    /// the registry before an entry for the registry.
    pub(super) fn find(&self, repository: &Repository) -> Result<Option<Found>> {
        let registry = repository.registry();
        let whole = repository.to_string();
        let mut key = whole.as_str();
        while key.len() > registry.len() {
            if let Some(found) = self.entry(key)? {
                return Ok(Some(found));
            }
            key = key.rsplit_once('/').map_or(registry, |(above, _)| above);
        }
        let content = &self.content;
        let helper = content
            .cred_helpers
            .iter()
            .find(|(key, _)| is_registry(key, registry))
            .map(|(_, helper)| helper)
            .or(content.creds_store.as_ref())
            .filter(|helper| !helper.is_empty());
        if let Some(helper) = helper {
            let server = if registry == HUB { HUB_KEY } else { registry };
            if let Some(found) = helper::ask(helper, server, &self.path)? {
                return Ok(Some(found));
            }
        }
        self.entry(registry)
    }

    fn entry(&self, wanted: &str) -> Result<Option<Found>> {
        let auths = &self.content.auths;
        let entry = auths.get(wanted).or_else(|| {
            let old = auths.iter().find(|(key, _)| is_registry(key, wanted));
            old.map(|(_, entry)| entry)
        });
        // Beside a helper, Docker leaves empty entries.
        let Some(entry) = entry else { return Ok(None) };
        let wrong = |problem: &str| Error::CredentialFile {
            path: self.path.clone(),
            problem: format!("the entry of {wanted:?} {problem}"),
        };
        let found = |secret| {
            Ok(Some(Found {
                secret,
                place: self.path.display().to_string(),
            }))
        };
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = set(&entry.identitytoken) {
            return found(Secret::Refresh(token));
        }
        if let Some(auth) = set(&entry.auth) {
            let bytes = STANDARD
                .decode(auth.trim())
                .map_err(|_| wrong("has an `auth` that is not base64"))?;
            let text =
                String::from_utf8(bytes).map_err(|_| wrong("has an `auth` that is no text"))?;
            let (username, password) = text
                .split_once(':')
                .ok_or_else(|| wrong("has an `auth` without a colon"))?;
            // Some writers fill it up with zeros.
            let password = password.trim_end_matches('\0');
            return found(Secret::Login(Login::new(username, password)));
        }
        match (set(&entry.username), set(&entry.password)) {
            (Some(username), Some(password)) => {
                found(Secret::Login(Login::new(username, password)))
            }
            _ => Ok(None),
        }
    }
}

/// Whether a key stands for a registry: its host, or an address of it as Docker used to write them.
fn is_registry(key: &str, registry: &str) -> bool {
    let (old, bare) = match key.split_once("://") {
        Some((_, bare)) => (true, bare),
        None => (false, key),
    };
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    // `docker login` writes the name as it was typed.
    let host = match host.to_ascii_lowercase() {
        hub if matches!(&*hub, "index.docker.io" | "registry-1.docker.io") => HUB.to_owned(),
        host => host,
    };
    host == registry && (old || matches!(path.trim_end_matches('/'), "" | "v1" | "v2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, repository: &str) -> Result<Option<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, text).unwrap();
        let Some(file) = File::read(&path)? else {
            return Ok(None);
        };
        let found = file.find(&repository.parse().unwrap())?;
        Ok(found.map(|found| match found.secret {
            Secret::Login(login) => format!("{} {}", login.username, login.password),
            Secret::Refresh(token) => format!("refresh {token}"),
        }))
    }

    #[test]
    fn entries_by_registry_and_repository() {
        let text = format!(
            r#"{{"auths": {{"a.test": {{"auth": "{}"}}, "a.test/team": {{"username": "team", "password": "t"}},
               "https://old.test/v1/": {{"username": "old", "password": "o"}},
               "https://index.docker.io/v1/": {{"username": "hub", "password": "h"}},
               "C.test": {{"username": "c", "password": "c"}},
               "b.test:5000": {{"auth": "", "identitytoken": "long"}}, "empty.test": {{}}}}}}"#,
            STANDARD.encode("me:se:cret")
        );
        let found = |repository| find(&text, repository).unwrap();
        assert_eq!(found("a.test/x").unwrap(), "me se:cret");
        assert_eq!(found("a.test/team/x/y").unwrap(), "team t");
        assert_eq!(found("a.test/teams").unwrap(), "me se:cret");
        assert_eq!(found("old.test/x").unwrap(), "old o");
        assert_eq!(found("A.Test/team/x").unwrap(), "team t");
        assert_eq!(found("c.test/x").unwrap(), "c c");
        assert_eq!(found("debian").unwrap(), "hub h");
        assert_eq!(found("b.test:5000/x").unwrap(), "refresh long");
        assert_eq!(found("b.test/x"), None);
        assert_eq!(found("empty.test/x"), None);
        assert_eq!(find(" \n", "a.test/x").unwrap(), None);
    }

    #[test]
    fn faults_are_told_without_secrets() {
        for (text, part) in [
            ("{", "line 1, column 1"),
            (
                r#"{"auths": {"a.test": {"password": {"hunter2": 1}}}}"#,
                "line 1",
            ),
            (r#"{"auths": {"a.test": "hunter2"}}"#, "line 1"),
            (
                r#"{"auths": {"a.test": {"auth": "hunter2!"}}}"#,
                "is not base64",
            ),
            (
                r#"{"auths": {"a.test": {"auth": "aHVudGVyMg=="}}}"#,
                "without a colon",
            ),
        ] {
            let error = find(text, "a.test/x").unwrap_err().to_string();
            assert!(
                error.contains(part) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
