//! How git is run: its own way to repositories as the user has set it up, and nothing of the folder that
//! we happen to stand in.

use std::{
    io::Read,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use store::{Error as StoreError, Fetcher};

use crate::{Error, Result};

/// What a hook or an outer git may have set about a repository that is not ours
/// (`git rev-parse --local-env-vars`). Settings given by the environment stay.
const FOREIGN: [&str; 16] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// The most that is kept of what git says, in bytes.
const KEPT: usize = 64 << 10;
/// The most that is kept of what git gives, in bytes.
const MOST: usize = 64 << 20;
/// How often we look whether it has ended, or should.
const LOOK: Duration = Duration::from_millis(20);
/// How long the end of what it said is waited for.
const LINGER: Duration = Duration::from_secs(2);

/// git, on the bare repository at `repository` if there is one.
pub(crate) fn git(repository: Option<&Path>) -> Command {
    let mut command = Command::new("git");
    for name in FOREIGN.into_iter().chain(store::SECRETS) {
        command.env_remove(name);
    }
    command
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        // Not in a repository of the user's, whose settings would count.
        .current_dir("/");
    for setting in [
        "core.hooksPath=/dev/null",
        "gc.auto=0",
        "maintenance.auto=false",
        "advice.detachedHead=false",
        // Whatever the user's new repositories are like, ours are of this kind.
        "init.defaultObjectFormat=sha1",
        "init.defaultRefFormat=files",
        // A server that falls silent is given up after a minute.
        "http.lowSpeedLimit=1",
        "http.lowSpeedTime=60",
    ] {
        command.args(["-c", setting]);
    }
    if let Some(path) = repository {
        command.env("GIT_DIR", path);
    }
    command
}

/// What git gave, whatever it was.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: ExitStatus,
    pub(crate) out: Vec<u8>,
    /// The last of what it said, a line each, without credentials.
    pub(crate) said: String,
}

impl Answer {
    /// Whether git itself said so: not the server, whose lines it passes on.
    pub(crate) fn says(&self, sign: &str) -> bool {
        let mut lines = self.said.lines().map(str::trim_start);
        lines.any(|line| !line.starts_with("remote:") && line.contains(sign))
    }
}

/// Runs it to its end, or until the fetcher is stopped. `look` is called now and then meanwhile.
pub(crate) fn run(
    mut command: Command,
    fetcher: &Fetcher,
    what: &str,
    look: &mut dyn FnMut(),
) -> Result<Answer> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running(command.spawn().map_err(Error::NoGit)?);
    let (out, said) = (child.0.stdout.take(), child.0.stderr.take());
    let (out, said) = (drain(out, MOST), drain(said, KEPT));
    let status = loop {
        if let Some(status) = child.0.try_wait().map_err(Error::NoGit)? {
            break status;
        }
        if fetcher.stopped() {
            return Err(Error::Store(StoreError::Stopped {
                artifact: what.to_owned(),
            }));
        }
        look();
        thread::sleep(LOOK);
    };
    Ok(Answer {
        status,
        out: out.taken(),
        said: told(&String::from_utf8_lossy(&said.taken())),
    })
}

/// A child that is ended when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Of one that has ended both fail, which is as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a child writes, while it does.
struct Drained {
    kept: Arc<Mutex<Vec<u8>>>,
    thread: thread::JoinHandle<()>,
}

impl Drained {
    /// What there is once the child has ended. Another may still hold the pipe, such as an ssh that stays for
    /// the next time: that one is not waited for.
    fn taken(self) -> Vec<u8> {
        let until = Instant::now() + LINGER;
        while !self.thread.is_finished() && Instant::now() < until {
            thread::sleep(LOOK);
        }
        std::mem::take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads to the end and keeps the last `most` bytes.
fn drain(from: Option<impl Read + Send + 'static>, most: usize) -> Drained {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let shared = kept.clone();
    let thread = thread::spawn(move || {
        let mut buffer = [0; 8192];
        let Some(mut from) = from else { return };
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(&buffer[..count]);
            let over = kept.len().saturating_sub(most);
            kept.drain(..over);
        }
    });
    Drained { kept, thread }
}

/// git's last lines, each on a line of its own and indented, without progress and credentials.
fn told(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(|line| {
            line.rsplit('\r')
                .find(|part| !part.is_empty())
                .unwrap_or("")
        })
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(8)..];
    if last.is_empty() {
        return " nothing".to_owned();
    }
    last.iter()
        .map(|line| format!("\n  {}", without_secrets(&printable(line))))
        .collect()
}

/// What would speak to the terminal.
fn printable(line: &str) -> String {
    let shown = |c: char| if c.is_control() { '?' } else { c };
    line.chars().map(shown).collect()
}

fn without_secrets(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let host = after.find(['/', '\'', '"', ' ']).unwrap_or(after.len());
        let start = after[..host].rfind('@').map_or(0, |at| at + 1);
        rest = &after[start..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lingers_is_not_waited_for() {
        let places = store::Places::none();
        let fetcher = Fetcher::new(places, Arc::new(store::Silent), true);
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo said >&2; sleep 10 >&2 & exit 3"]);
        let answer = run(command, &fetcher, "x", &mut || {}).unwrap();
        assert_eq!(answer.status.code(), Some(3));
        assert_eq!(
            (answer.out.as_slice(), answer.said.as_str()),
            (&b"out\n"[..], "\n  said")
        );
    }

    #[test]
    fn secrets_are_not_told() {
        assert_eq!(told("remote: \u{1b}]0;x\u{7}"), "\n  remote: ?]0;x?");
        let line =
            "fatal: unable to access 'https://me:se@cret@example.org/x.git/': 403 at https://t@b/";
        assert_eq!(
            without_secrets(line),
            "fatal: unable to access 'https://example.org/x.git/': 403 at https://b/"
        );
        assert_eq!(told("a\rb\n\nc: 1%\rc: 100%\r\n"), "\n  b\n  c: 100%");
        assert_eq!(told(""), " nothing");
    }
}
