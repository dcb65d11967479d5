//! The registries that a command line names: one client for each, with the credentials that are meant for it.

use std::{
    collections::BTreeMap,
    io::Read,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result, bail};
use registry::{Client, Credentials, Login, Options, Repository};
use store::Progress;

/// How registries are spoken to.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RegistryOptions {
    /// Speak plain http to the registries that are named. (Those on this machine are tried with https and
    /// then with http anyway.)
    #[arg(long)]
    pub plain_http: bool,
    /// The user's name at the registry; the password comes on standard input.
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub username: Option<String>,
    /// Read the password, or token, from standard input.
    #[arg(long, requires = "username")]
    pub password_stdin: bool,
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
    /// registry `first`, and shown to no other.
    pub fn new(
        options: &RegistryOptions,
        first: Option<&Repository>,
        progress: Arc<dyn Progress>,
    ) -> Result<Self> {
        let login = match &options.username {
            Some(username) => {
                let mut password = String::new();
                std::io::stdin()
                    .read_to_string(&mut password)
                    .context("reading the password from standard input")?;
                let password = password.trim_end_matches(['\r', '\n']);
                if password.is_empty() {
                    bail!("standard input has no password for the user {username:?}");
                }
                Some(Login::new(username, password))
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
