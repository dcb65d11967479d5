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
    /// By registry; without one, for every registry.
    logins: Vec<(Option<String>, Login)>,
    files: Vec<PathBuf>,
    /// The registry for which the caller reads variables.
    variables: Option<String>,
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
            logins: Vec::new(),
            files: Vec::new(),
            variables: None,
        }
    }

    /// This login, for every registry that the client talks to. Where there may be several, such as
    /// one for a cache, [`Credentials::with_login`] says which one it is meant for.
    pub fn login(login: Login) -> Self {
        Self {
            logins: vec![(None, login)],
            files: Vec::new(),
            variables: None,
        }
    }

    /// The same, and before all else this login for this registry (see
    /// [`Repository::registry`]), and for no other.
    #[must_use]
    pub fn with_login(mut self, registry: &str, login: Login) -> Self {
        let registry = registry.to_ascii_lowercase();
        self.logins.insert(0, (Some(registry), login));
        self
    }

    /// The same; the caller would take a login for this registry from `STRATA_REGISTRY_USERNAME` and
    /// `STRATA_REGISTRY_PASSWORD`, which is told where there are no credentials for it.
    #[must_use]
    pub fn with_variables_for(mut self, registry: &str) -> Self {
        self.variables = Some(registry.to_ascii_lowercase());
        self
    }

    /// Whether the variables would reach this registry.
    pub(crate) fn has_variables_for(&self, registry: &str) -> bool {
        self.variables.as_deref() == Some(registry)
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
            logins: Vec::new(),
            files: files.into_iter().collect(),
            variables: None,
        }
    }

    /// The credentials for a repository.
    pub(crate) fn find(&self, repository: &Repository) -> Result<Option<Found>> {
        let mut logins = self.logins.iter();
        let fits = |registry: &Option<String>| {
            registry
                .as_ref()
                .is_none_or(|registry| registry == repository.registry())
        };
        if let Some((_, login)) = logins.find(|(registry, _)| fits(registry)) {
            return Ok(Some(Found {
                secret: Secret::Login(login.clone()),
                place: login.place.clone(),
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
#[derive(Clone, PartialEq, Eq, Hash)]
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
    fn a_login_is_for_one_registry() {
        let both = Credentials::none().with_login("a.test", Login::new("me", "x"));
        let user = |text: &str| {
            let found = both.find(&text.parse().unwrap()).unwrap();
            found.map(|found| found.user().to_owned())
        };
        assert_eq!(user("a.test/b").as_deref(), Some("me"));
        assert_eq!(user("a.test:443/b"), None);
        assert_eq!(user("b.test/b"), None);
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
