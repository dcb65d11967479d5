//! Root folders for the tests, made of the host's own programs.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]
#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use fs_err as fs;
use strata_sandbox::Sandbox;

/// Whether sandboxes can be made here. Where they cannot, says why, for the test to be skipped.
pub fn possible() -> bool {
    match strata_sandbox::mode() {
        Ok(_) => true,
        Err(reason) => {
            println!("skipped: {reason}");
            false
        }
    }
}

/// A root folder that shows the host's programs, read-only.
pub struct Root {
    pub dir: tempfile::TempDir,
}

impl Root {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["bin", "sbin", "lib", "lib64"] {
            let host = Path::new("/").join(name);
            if host.is_symlink() {
                let target = fs::read_link(&host).unwrap();
                std::os::unix::fs::symlink(target, dir.path().join(name)).unwrap();
            }
        }
        Self { dir }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn sandbox(&self) -> Sandbox {
        programs_of_the_host(self.path())
    }
}

/// A sandbox on `root` with the host's programs.
pub fn programs_of_the_host(root: &Path) -> Sandbox {
    ["/usr", "/bin", "/sbin", "/lib", "/lib64"]
        .iter()
        .map(Path::new)
        .filter(|host| host.is_dir() && !host.is_symlink())
        .fold(Sandbox::new(root), |sandbox, host| {
            sandbox.bind_read_only(host, host)
        })
}

/// A root folder that owns copies of the programs that listing and flattening need, and a shell.
pub fn root_of_copies() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut files = BTreeSet::new();
    for program in [
        "/usr/bin/find",
        "/bin/sh",
        "/bin/chown",
        "/bin/chmod",
        "/bin/ln",
        "/bin/mkfifo",
    ] {
        files.insert(PathBuf::from(program));
        let output = Command::new("ldd").arg(program).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        files.extend(
            text.split_whitespace()
                .filter(|word| word.starts_with('/'))
                .map(PathBuf::from),
        );
    }
    for file in files {
        let copy = dir.path().join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(file, copy).unwrap();
    }
    dir
}

/// What a shell script writes, as text.
pub fn sh(sandbox: &Sandbox, script: &str) -> String {
    let output = sandbox.run("sh", ["-euc", script], b"").unwrap();
    String::from_utf8(output.stdout).unwrap()
}
