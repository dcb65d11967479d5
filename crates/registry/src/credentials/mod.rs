//! Where credentials come from: the caller, or the files that `docker login` and `podman login`
//! write, with the helper programs that those name.
//!
//! The crate `docker_credential` knows Docker's file, and neither repositories as keys nor what a
//! helper says when it fails; so the files are read here.

mod file;
mod helper;

use std::{fmt, path::PathBuf};

use crate::{Login, Repository, Result};
use file::File;

/// Where a client's credentials come from.
#[derive(Debug, Clone)]
pub struct Credentials {
    login: Option<Login>,
    files: Vec<PathBuf>,
}

impl Default for Credentials {
    /// Those of [`Credentials::of_this_machine`].
    fn default() -> Self {
        Self::of_this_machine()
    }
}

impl Credentials {
    /// No credentials at all.
    pub fn none() -> Self {
        Self {
            login: None,
            files: Vec::new(),
        }
    }

    /// This login, for every registry that the client talks to: it is the caller's who names one
    /// registry.
    pub fn login(login: Login) -> Self {
        Self {
            login: Some(login),
            files: Vec::new(),
        }
    }

    /// The files of Docker and Podman, in the order in which they are asked:
    /// `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`, `$REGISTRY_AUTH_FILE`,
    /// `$XDG_RUNTIME_DIR/containers/auth.json` and `~/.config/containers/auth.json`. The first that
    /// knows the registry is taken.
    pub fn of_this_machine() -> Self {
        Self::of_environment(|name| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        })
    }

    fn of_environment(read: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let home = read("HOME");
        let at_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let docker = read("DOCKER_CONFIG").or_else(|| at_home(".docker"));
        let runtime = read("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json"));
        let config = read("XDG_CONFIG_HOME").or_else(|| at_home(".config"));
        let files = [
            docker.map(|folder| folder.join("config.json")),
            read("REGISTRY_AUTH_FILE"),
            runtime,
            config.map(|folder| folder.join("containers/auth.json")),
        ];
        Self::files(files.into_iter().flatten())
    }

    /// These files, in this order, of the form that Docker and Podman write. Files that are not
    /// there are passed over.
    pub fn files(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            login: None,
            files: files.into_iter().collect(),
        }
    }

    /// The credentials for a repository.
    pub(crate) fn find(&self, repository: &Repository) -> Result<Option<Found>> {
        if let Some(login) = &self.login {
            return Ok(Some(Found {
                secret: Secret::Login(login.clone()),
                place: "the caller".to_owned(),
            }));
        }
        for path in &self.files {
            if let Some(file) = File::read(path)?
                && let Some(found) = file.find(repository)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// Credentials, and where they were found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) secret: Secret,
    pub(crate) place: String,
}

impl Found {
    /// Who they stand for, to be told to people.
    pub(crate) fn user(&self) -> &str {
        match &self.secret {
            Secret::Login(login) => &login.username,
            Secret::Refresh(_) => "(identity token)",
        }
    }
}

/// What is shown to a registry or to its token server.
#[derive(Clone)]
pub(crate) enum Secret {
    /// A name and a password.
    Login(Login),
    /// A refresh token (OAuth2), which Docker calls identity token.
    Refresh(String),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login(login) => login.fmt(f),
            Self::Refresh(_) => f.write_str("Refresh(…)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_files() {
        let set = |given: &'static [(&str, &str)]| {
            let found = Credentials::of_environment(|name| {
                let (_, value) = given.iter().find(|(key, _)| *key == name)?;
                Some(PathBuf::from(value))
            });
            let text = |path: &PathBuf| path.display().to_string();
            found.files.iter().map(text).collect::<Vec<_>>()
        };
        assert_eq!(
            set(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r")]),
            [
                "/h/.docker/config.json",
                "/r/containers/auth.json",
                "/h/.config/containers/auth.json"
            ]
        );
        assert_eq!(
            set(&[
                ("HOME", "/h"),
                ("DOCKER_CONFIG", "/d"),
                ("REGISTRY_AUTH_FILE", "/f")
            ]),
            ["/d/config.json", "/f", "/h/.config/containers/auth.json"]
        );
        assert!(set(&[]).is_empty());
    }

    #[test]
    fn secrets_are_not_shown() {
        let login = Credentials::login(Login::new("me", "hunter2"));
        assert!(!format!("{login:?}").contains("hunter2"));
        let found = login.find(&"a.test/b".parse().unwrap()).unwrap().unwrap();
        assert!(!format!("{found:?}").contains("hunter2"));
        assert!(!format!("{:?}", Secret::Refresh("hunter2".to_owned())).contains("hunter2"));
    }
}
