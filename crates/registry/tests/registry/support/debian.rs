//! Debian's `docker-registry`, with a folder of its own on a port of this machine.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::has;

pub struct Debian {
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
        let path = folder.path().to_owned();
        let more = settings(&path);
        let (tls, more) = more.split_once("---\n").unwrap_or(("", &more));
        let mut this = Self {
            child: None,
            port: 0,
            folder,
        };
        // Another test may take the port in between.
        while !this.launch(&path, tls, more) {}
        Some(this)
    }

    fn launch(&mut self, path: &Path, tls: &str, more: &str) -> bool {
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

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// All that it wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// How many requests of a method it answered with a status.
    pub fn count(&self, method: &str, status: u16) -> usize {
        let (method, status) = (format!("\"{method} /v2/"), format!("\" {status} "));
        let log = self.log();
        log.lines()
            .filter(|line| line.contains(&method) && line.contains(&status))
            .count()
    }
}

impl Drop for Debian {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
