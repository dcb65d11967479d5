//! The registries that a command line names: one client for each, with the credentials that are meant for it.

use std::{
    collections::{BTreeMap, BTreeSet},
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
    /// Speak plain http, which anyone on the way can read, to the registry that is pushed to, else to those
    /// of --cache-from and --cache-to. (Those on this machine are tried with https and then with http
    /// anyway.)
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
    /// The registries that are spoken to by plain http.
    plain_http: BTreeSet<String>,
    /// The registry that a login on the command line or in the environment is meant for.
    first: Option<String>,
    login: Option<Login>,
    progress: Arc<dyn Progress>,
    clients: Mutex<BTreeMap<String, Client>>,
}

impl Registries {
    /// The clients that the options ask for, of a command that names these repositories. A login on the
    /// command line or in the environment is for the first one's registry, and shown to no other; without
    /// one it is not looked for. Plain http is for all of them, and for no registry that an edition names.
    pub fn new(
        options: &RegistryOptions,
        named: &[&Repository],
        progress: Arc<dyn Progress>,
    ) -> Result<Self> {
        let mut registries = named.iter().map(|named| named.registry().to_owned());
        let plain_http = match options.plain_http {
            true if named.is_empty() => bail!("--plain-http is for a registry, and none is named"),
            true => registries.clone().collect(),
            false => BTreeSet::new(),
        };
        let first = registries.next();
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
        Ok(Self {
            plain_http,
            first,
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
            let mut credentials = Credentials::of_this_machine();
            if let Some(meant) = &self.first {
                credentials = credentials.with_variables_for(meant);
                if let Some(login) = &self.login {
                    credentials = credentials.with_login(meant, login.clone());
                }
            }
            Client::new(Options {
                plain_http: self.plain_http.clone(),
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
