//! One test's folder: a lock, a store, a registry, and the real program with them.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use lock::{Lock, Sha256};
use registry::{Client, Credentials, Manifest, Options, Reference, Repository};
use serde_json::Value;

use crate::{
    servers::debian::{Debian, Request},
    small_image::{
        program,
        small_lock::{sha256, write_lock},
        stores::{self, Reference as Built, forget, scratch},
    },
};

/// What is kept in a store of an image's parts. Configured systems and bytecode stay, so that a part is
/// made again without much work.
const OF_PARTS: [&str; 5] = [
    "blobs",
    "files/index",
    "results/ownership",
    "results/part",
    "results/tars",
];

/// A registry, and a folder with the lock and a store that has the image.
pub struct Case {
    pub registry: Debian,
    pub lock: PathBuf,
    pub store: PathBuf,
    pub built: &'static Built,
    folder: tempfile::TempDir,
}

impl Case {
    /// A registry that takes all; `None`, and said so, where there is none or no image.
    pub fn start() -> Option<Self> {
        Self::at(Debian::start)
    }

    /// The same at a registry of one's own.
    pub fn at(start: impl FnOnce() -> Option<Debian>) -> Option<Self> {
        let built = stores::reference()?;
        let registry = start()?;
        let folder = scratch();
        Some(Self {
            registry,
            lock: write_lock(folder.path()),
            store: built.copy(folder.path()),
            built,
            folder,
        })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A reference at the registry.
    pub fn at_registry(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host())
    }

    /// A store with nothing in it.
    pub fn empty_store(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A store with the downloads, and what no cache has: parts are to be made, or taken from a cache.
    pub fn store_without_parts(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir(&folder).unwrap();
        let store = self.built.copy(&folder);
        forget(&store, &OF_PARTS);
        store
    }

    /// The program with a store; mirrors of packages are at a port where nobody listens.
    pub fn xtask(&self, store: &Path, arguments: &[&str]) -> Command {
        let nobody = format!("http://{}/", nobody());
        let mut command = program::xtask(self.folder(), store);
        command
            .env("STRATA_DEBIAN_MIRROR", &nobody)
            .env("STRATA_PYTHON_INDEX", &nobody)
            .env("NO_PROXY", "127.0.0.1")
            .env("HTTP_PROXY", &nobody)
            .env("HTTPS_PROXY", &nobody)
            .args(arguments);
        command
    }

    /// `push` to a reference, out of the store that has the image.
    pub fn push(&self, to: &str, arguments: &[&str]) -> Output {
        self.push_from(&self.store, to, arguments)
    }

    /// `push` with another store.
    pub fn push_from(&self, store: &Path, to: &str, arguments: &[&str]) -> Output {
        let mut command = self.xtask(store, &["push", to]);
        command.arg(&self.lock).args(arguments).output().unwrap()
    }

    /// `image` with a store; the layout goes to `dist` in the folder.
    pub fn image(&self, store: &Path, arguments: &[&str]) -> Output {
        self.image_command(store, arguments).output().unwrap()
    }

    pub fn image_command(&self, store: &Path, arguments: &[&str]) -> Command {
        let mut command = self.xtask(store, &["image"]);
        command.arg(&self.lock).arg("--out").arg(self.layout());
        command.args(arguments);
        command
    }

    pub fn layout(&self) -> PathBuf {
        self.folder.path().join("dist")
    }

    /// Fills the cache `name` at the registry with the image's parts.
    pub fn fill(&self, name: &str) -> String {
        let cache = self.at_registry(name);
        let output = self.image(&self.store, &["--cache-to", &cache]);
        self.is_right(&output);
        assert!(!warns(&output), "{}", errors(&output));
        fs::remove_dir_all(self.layout()).unwrap();
        cache
    }

    /// The program succeeded, and gave the digest that the image has.
    pub fn is_right(&self, output: &Output) {
        assert_eq!(program::digest(output), self.built.digest);
    }

    /// Another source in place of ComfyUI's: one part of the image, and the lock with it.
    pub fn change_source(&self) {
        let text = "\"\"\"Another.\"\"\"\n";
        let mut lock = Lock::read(&self.lock).unwrap();
        let source = &mut lock.sources[0];
        (source.size, source.sha256) = (text.len() as u64, sha256(text.as_bytes()));
        fs::write(self.folder.path().join("main.py"), text).unwrap();
        fs::write(&self.lock, lock.to_toml().unwrap()).unwrap();
    }

    /// What the registry has been asked so far.
    pub fn mark(&self) -> usize {
        self.requests_since(0).len()
    }

    /// What it has been asked since. A line is written after its answer: one more request shows when all
    /// those before are there.
    pub fn requests_since(&self, mark: usize) -> Vec<Request> {
        let before = self.registry.requests().len();
        let mut stream = TcpStream::connect(self.registry.host()).unwrap();
        stream.write_all(b"GET /v2/ HTTP/1.0\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        loop {
            let all = self.registry.requests();
            let is_asked = |request: &Request| request.path == "/v2/";
            if all.get(before..).unwrap_or_default().iter().any(is_asked) {
                return all.into_iter().skip(mark).collect();
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

/// An address where nobody listens.
pub fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether it warned of something.
pub fn warns(output: &Output) -> bool {
    errors(output).contains("warning:")
}

/// What it said as JSON, on the last line of its standard output.
pub fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", errors(output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// What was sent to a registry: bodies of blobs, in uploads that were ended, and manifests. Mounts are none.
pub fn sent(requests: &[Request]) -> (usize, usize) {
    let of = |what: &str| {
        let put = requests
            .iter()
            .filter(|one| one.method == "PUT" && one.status < 300);
        put.filter(|one| one.path.contains(what)).count()
    };
    (of("/blobs/uploads/"), of("/manifests/"))
}

/// A client for looking at a registry.
pub fn client() -> Client {
    Client::new(Options {
        credentials: Credentials::none(),
        ..Options::default()
    })
}

pub fn repository(reference: &str) -> Repository {
    let reference: Reference = reference.parse().unwrap();
    reference.repository().clone()
}

/// The manifest under a reference, if there is one.
pub fn manifest(reference: &str) -> Option<Manifest> {
    let reference: Reference = reference.parse().unwrap();
    let found = client().manifest(reference.repository(), reference.by(), &[]);
    found.unwrap()
}

/// The digests that a manifest names, with their sizes.
pub fn blobs(manifest: &Manifest) -> Vec<(Sha256, u64)> {
    let document: Value = serde_json::from_slice(&manifest.bytes).unwrap();
    let layers = document["layers"].as_array().unwrap().iter();
    let named = layers.chain(Some(&document["config"]));
    let read = |one: &Value| {
        let digest = one["digest"].as_str().unwrap();
        let digest = digest.strip_prefix("sha256:").unwrap().parse().unwrap();
        (digest, one["size"].as_u64().unwrap())
    };
    named.map(read).collect()
}

/// What a reference stands for has all its blobs; its digest, or `None` where there is no such reference.
pub fn whole(reference: &str) -> Option<String> {
    let found = manifest(reference)?;
    for (digest, size) in blobs(&found) {
        let there = client().head_blob(&repository(reference), &digest).unwrap();
        assert_eq!(there, Some(size), "{reference}: {}", digest.to_oci());
    }
    Some(found.digest.to_oci())
}
