//! Registries for tests, here and in `xtask`: Debian's `docker-registry` on a port of this machine, what can
//! stand before it and break things, and small servers whose answers a test makes.

pub mod debian;
pub mod front;
// In xtask's tests of registries it is there twice: once for the server of packages.
#[allow(clippy::duplicate_mod)]
#[path = "../../../store/tests/server/http.rs"]
pub mod http;
pub mod tcp;
pub mod token;

use std::{io::Write, path::Path, process::Command};

/// Bytes that no compression shrinks, the same for the same seed.
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut random = Random(seed);
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        bytes.extend(random.next().to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Xorshift: seeded, so that a failure comes again.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Whether a program can be started; says so where it cannot.
pub fn has(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|folder| folder.join(program).is_file());
    if !found {
        // Past the test harness, which keeps what passing tests print.
        let _ = writeln!(
            std::io::stderr(),
            "\nskipped: there is no {program} on PATH"
        );
    }
    found
}

/// Runs a program to its end; its standard output.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// A key (`NAME.key`) and a certificate that it has signed itself (`NAME.crt`), in `folder`.
pub fn self_signed(folder: &Path, name: &str, subject: &str) {
    let at = |ending: &str| {
        folder
            .join(format!("{name}.{ending}"))
            .display()
            .to_string()
    };
    let (key, certificate, subject) = (at("key"), at("crt"), format!("/CN={subject}"));
    let make = "req -x509 -newkey rsa:2048 -nodes -days 2";
    let to = ["-subj", &subject, "-keyout", &key, "-out", &certificate];
    let arguments: Vec<&str> = make.split(' ').chain(to).collect();
    run("openssl", &arguments);
}
