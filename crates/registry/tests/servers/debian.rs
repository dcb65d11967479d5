//! Debian's `docker-registry`, with a folder of its own on a port of this machine.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{has, run};

pub struct Debian {
    environment: Vec<(&'static str, &'static str)>,
    child: Option<Child>,
    pub port: u16,
    pub folder: tempfile::TempDir,
}

impl Debian {
    /// Starts one, or says that the test is skipped.
    pub fn start() -> Option<Self> {
        Self::with(|_| String::new())
    }

    /// Starts one with more settings, which may name files in its folder.
    pub fn with(settings: impl Fn(&PathBuf) -> String) -> Option<Self> {
        if !has("docker-registry") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let more = settings(&folder.path().to_owned());
        let mut this = Self {
            environment: Vec::new(),
            child: None,
            port: 0,
            folder,
        };
        this.launch(&more);
        Some(this)
    }

    /// Starts one that may only be read. It has nothing.
    pub fn read_only() -> Option<Self> {
        let mut this = Self::start()?;
        this.stop();
        let variable = "REGISTRY_STORAGE_MAINTENANCE_READONLY";
        this.environment.push((variable, "{enabled: true}"));
        this.launch("");
        Some(this)
    }

    fn launch(&mut self, settings: &str) {
        let path = self.folder.path().to_owned();
        let (tls, more) = settings.split_once("---\n").unwrap_or(("", settings));
        // Another test may take the port in between.
        while !self.try_launch(&path, tls, more) {}
    }

    /// Starts one that wants the user `me` with the password `right`.
    pub fn guarded() -> Option<Self> {
        if !has("htpasswd") {
            return None;
        }
        Self::with(|folder| {
            let line = run("htpasswd", &["-Bbn", "me", "right"]);
            let file = folder.join("htpasswd");
            fs::write(&file, line).unwrap();
            format!(
                "auth:\n  htpasswd:\n    realm: tests\n    path: {}\n",
                file.display()
            )
        })
    }

    fn try_launch(&mut self, path: &Path, tls: &str, more: &str) -> bool {
        self.port = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let text = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\n  \
             delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{}\n{tls}{more}",
            path.join("data").display(),
            self.port
        );
        let file = path.join("config.yml");
        fs::write(&file, text).unwrap();
        let log = fs::File::create(path.join("log")).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(20));
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            let log = self.log();
            if ended.is_some() {
                assert!(log.contains("address already in use"), "{log}");
                return false;
            }
            if log.contains("listening on") {
                return true;
            }
        }
    }

    /// Where it keeps a blob, by the digest's hexadecimal digits.
    pub fn blob(&self, hex: &str) -> PathBuf {
        let blobs = "data/docker/registry/v2/blobs/sha256";
        let path = self.folder.path().join(blobs);
        path.join(&hex[..2]).join(hex).join("data")
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// All that it wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// What it was asked, from its access log, in the order of its answers.
    pub fn requests(&self) -> Vec<Request> {
        self.log().lines().filter_map(Request::read).collect()
    }

    /// How many requests of a method it answered with a status.
    pub fn count(&self, method: &str, status: u16) -> usize {
        let requests = self.requests().into_iter();
        requests
            .filter(|request| request.method == method && request.status == status)
            .count()
    }
}

/// A line of the access log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub status: u16,
    /// Bytes of the answer's body.
    pub bytes: u64,
}

impl Request {
    /// `ADDRESS - USER [TIME] "METHOD PATH HTTP/1.1" STATUS BYTES …`
    fn read(line: &str) -> Option<Self> {
        let mut pieces = line.split('"').skip(1);
        let mut words = pieces.next()?.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut words = pieces.next()?.split_whitespace();
        let (status, bytes) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        path.starts_with("/v2/").then_some(Self {
            method,
            path,
            status,
            bytes,
        })
    }
}

impl Debian {
    /// Ends it; what it has stays until it is dropped.
    pub fn stop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Debian {
    fn drop(&mut self) {
        self.stop();
    }
}
