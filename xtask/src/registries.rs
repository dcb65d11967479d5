//! The registries that a command line names: one client for each, with the credentials that are meant for it.

use std::{
    collections::BTreeMap,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, bail};
use lock::ImageAt;
use registry::{Client, Credentials, Login, Options, Reference, Repository};
use store::Progress;

/// How registries are spoken to.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RegistryOptions {
    /// Speak plain http to the registries that are named. (Those on this machine are tried with https and
    /// then with http anyway.)
    #[arg(long)]
    pub plain_http: bool,
    /// The user's name at the registry; the password comes on standard input. It is for the registry that is
    /// pushed to, else for the first cache's. Without it: STRATA_REGISTRY_USERNAME and
    /// STRATA_REGISTRY_PASSWORD, for the same registry; then the files of `docker login` and `podman login`,
    /// and the helpers that those name, for each.
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub username: Option<String>,
    /// Read the password, or token, from standard input.
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
}

/// The repository that an image is in; `None` for layouts and archives, where nobody is asked. A layout's
/// `oci:name` reads as a reference too.
pub fn repository(image: &str) -> Option<Repository> {
    match image.parse::<ImageAt>() {
        Ok(ImageAt::Registry(_)) => {
            let reference = image.parse::<Reference>().ok()?;
            Some(reference.repository().clone())
        }
        _ => None,
    }
}

/// The clients of a command.
pub struct Registries {
    insecure: bool,
    /// A login, and the one registry that it is meant for.
    login: Option<(Login, String)>,
    progress: Arc<dyn Progress>,
    clients: Mutex<BTreeMap<String, Client>>,
}

impl Registries {
    /// The clients that the options ask for. A login on the command line or in the environment is for the
    /// registry `first`, and shown to no other; without one it is not looked for.
    pub fn new(
        options: &RegistryOptions,
        first: Option<&Repository>,
        progress: Arc<dyn Progress>,
    ) -> Result<Self> {
        let login = match &options.username {
            Some(_) if first.is_none() => {
                bail!("--username is for a registry, and none is named");
            }
            None if first.is_none() => None,
            Some(username) => {
                let mut password = String::new();
                std::io::stdin()
                    .read_to_string(&mut password)
                    .context("reading the password from standard input")?;
                let password = password.trim_end_matches(['\r', '\n']);
                if password.is_empty() {
                    bail!("standard input has no password for the user {username:?}");
                }
                Some(Login::new(username, password).out_of("standard input"))
            }
            None => Login::from_env()?,
        };
        let login = login.zip(first.map(|first| first.registry().to_owned()));
        Ok(Self {
            insecure: options.plain_http,
            login,
            progress,
            clients: Mutex::default(),
        })
    }

    /// The client for a repository's registry.
    pub fn client(&self, repository: &Repository) -> Client {
        let registry = repository.registry();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let made = clients.entry(registry.to_owned()).or_insert_with(|| {
            let credentials = match &self.login {
                Some((login, meant)) => {
                    Credentials::of_this_machine().with_login(meant, login.clone())
                }
                None => Credentials::of_this_machine(),
            };
            Client::new(Options {
                insecure: self.insecure,
                credentials,
                progress: self.progress.clone(),
                ..Options::default()
            })
        });
        made.clone()
    }

    /// Bytes of bodies that went to and came from all registries.
    pub fn moved(&self) -> (u64, u64) {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let clients = clients.values();
        clients.fold((0, 0), |(sent, received), client| {
            (sent + client.sent(), received + client.received())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_in_no_repository() {
        let found = repository("debian:forky").unwrap();
        assert_eq!(found.to_string(), "docker.io/library/debian");
        for file in [
            "oci:lower",
            "oci:lower:v1",
            "oci-archive:x.tar",
            "docker-archive:x",
        ] {
            assert_eq!(repository(file), None, "{file}");
        }
    }
}
