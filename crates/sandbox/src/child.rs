//! A running program: its streams, its end, and the threads that keep its pipes from filling up.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rustix::pipe::{PipeFlags, pipe_with};

use crate::enter;
use crate::error::{Error, Result};
use crate::host;
use crate::plan::{Plan, Steps};
use crate::root::Sandbox;
use crate::tail::Tail;

/// How much of stderr goes into an error, in bytes.
const LAST_WORDS: usize = 4096;

/// The status that a shell gives to a program which wrote into a broken pipe.
const BROKEN_PIPE: i32 = 128 + 13;

/// What a program wrote that ended well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// All of its stdout.
    pub stdout: Vec<u8>,
    /// The last 1 MiB of its stderr.
    pub stderr: Vec<u8>,
}

/// A program that runs in a sandbox. Dropping it kills the program and all that it started, and
/// waits until they are gone.
#[derive(Debug)]
pub struct Child {
    program: String,
    guard: std::process::Child,
    lifeline: Option<OwnedFd>,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Arc<Mutex<Tail>>,
    drain: Option<JoinHandle<io::Result<()>>>,
}

impl Child {
    /// Starts `program` in `sandbox`.
    pub(crate) fn start<I>(sandbox: &Sandbox, program: &OsStr, args: I) -> Result<Self>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let host = host::host()?;
        let steps = Steps::new(sandbox, &host)?;
        let (lifeline_end, lifeline) = pipe()?;
        let (mut reports, report) =
            pipe().map(|(read, write)| (std::fs::File::from(read), write))?;

        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .envs(&sandbox.env)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        enter::arrange(&mut command, Plan::new(steps.clone(), lifeline_end, report));
        let spawned = command.spawn();
        // Closes our copies of the plan's pipes, so that the reports end.
        drop(command);

        let mut report = Vec::new();
        let read = (&mut reports).take(8).read_to_end(&mut report);
        let failed = match (read, report.first_chunk::<8>()) {
            (Ok(_), Some(&[a, b, c, d, e, f, g, h])) => {
                let step = steps.describe(u32::from_ne_bytes([a, b, c, d]));
                let source = io::Error::from_raw_os_error(i32::from_ne_bytes([e, f, g, h]));
                Some(Error::Setup {
                    root: sandbox.root.clone(),
                    step,
                    source,
                })
            }
            (Ok(_), None) => None,
            (Err(source), _) => Some(Error::System {
                doing: "read the sandbox's report",
                source,
            }),
        };
        let program = program.to_string_lossy().into_owned();
        match (spawned, failed) {
            (Ok(guard), failed) => {
                let mut child = Self::new(program, guard, lifeline);
                match failed {
                    // Dropping the child reaps the guard.
                    Some(error) => Err(error),
                    None => child.drain_stderr().map(|()| child),
                }
            }
            (Err(_), Some(error)) => Err(error),
            (Err(source), None) => Err(Error::Start {
                root: PathBuf::from(&sandbox.root),
                program,
                source,
            }),
        }
    }

    fn new(program: String, mut guard: std::process::Child, lifeline: OwnedFd) -> Self {
        Self {
            program,
            stdin: guard.stdin.take(),
            stdout: guard.stdout.take(),
            guard,
            lifeline: Some(lifeline),
            stderr: Arc::default(),
            drain: None,
        }
    }

    /// Where to write what the program reads; nothing after [`close_stdin`](Self::close_stdin).
    pub fn stdin(&mut self) -> Option<&mut ChildStdin> {
        self.stdin.as_mut()
    }

    /// Where to read what the program writes; nothing after [`take_stdout`](Self::take_stdout).
    pub fn stdout(&mut self) -> Option<&mut ChildStdout> {
        self.stdout.as_mut()
    }

    /// Gives stdin away, such as to a thread or a `BufWriter`.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.stdin.take()
    }

    /// Gives stdout away, such as to a thread or a `BufReader`.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.stdout.take()
    }

    /// Ends the program's input, unless stdin was taken.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// The last 4 KiB or so of what the program has written to stderr until now, lossily.
    #[must_use]
    pub fn stderr_tail(&self) -> String {
        lock(&self.stderr).text(LAST_WORDS)
    }

    /// Ends the program's input and waits for its end. Stdout, unless taken, is closed too: read it
    /// before.
    ///
    /// # Errors
    /// [`Error::Failed`] unless it exits with 0.
    pub fn wait(mut self) -> Result<()> {
        self.close_stdin();
        self.stdout = None;
        let status = self.reap()?;
        self.judge(status)
    }

    /// Kills the program and all that it started, and waits until they are gone.
    ///
    /// # Errors
    /// Where the system would not let us wait.
    pub fn kill(mut self) -> Result<()> {
        self.lifeline = None;
        self.reap().map(drop)
    }

    /// Feeds the program, has `read` read what it writes, and waits for its end.
    pub(crate) fn exchange<T>(
        mut self,
        input: &[u8],
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<(T, Vec<u8>)> {
        let (stdin, stdout) = (self.stdin.take(), self.stdout.take());
        let (value, status, written) = std::thread::scope(|scope| {
            // Should `read` panic, this goes before the scope waits for its thread: the program
            // dies, and the thread with its pipe.
            let _lifeline = self.lifeline.take();
            let feed = std::thread::Builder::new()
                .name("sandbox stdin".to_owned())
                .spawn_scoped(scope, move || feed(stdin, input))
                .map_err(|source| Error::System {
                    doing: "start a thread",
                    source,
                })?;
            let value = match stdout {
                Some(mut stdout) => read(&mut stdout),
                None => read(&mut io::empty()),
            };
            let status = self.reap()?;
            let written = feed
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("its thread panicked")));
            Ok((value, status, written))
        })?;

        // When our reader stopped early, its reason counts for more than the pipe that it broke.
        if value.is_ok() || status != BROKEN_PIPE {
            self.judge(status)?;
        }
        let value = value.map_err(|source| self.stream_error("stdout", source))?;
        written.map_err(|source| self.stream_error("stdin", source))?;
        let stderr = lock(&self.stderr).bytes().to_vec();
        Ok((value, stderr))
    }

    fn drain_stderr(&mut self) -> Result<()> {
        let Some(mut pipe) = self.guard.stderr.take() else {
            return Ok(());
        };
        let tail = Arc::clone(&self.stderr);
        let thread = std::thread::Builder::new()
            .name("sandbox stderr".to_owned())
            .spawn(move || drain(&mut pipe, &tail))
            .map_err(|source| Error::System {
                doing: "start a thread",
                source,
            })?;
        self.drain = Some(thread);
        Ok(())
    }

    /// Waits for the guard, which is the last of all, and for the end of stderr.
    fn reap(&mut self) -> Result<i32> {
        let status = self
            .guard
            .wait()
            .map_err(|source| self.stream_error("status", source))?;
        if let Some(thread) = self.drain.take() {
            match thread.join() {
                Ok(drained) => drained.map_err(|source| self.stream_error("stderr", source))?,
                Err(_) => {
                    let source = io::Error::other("its thread panicked");
                    return Err(self.stream_error("stderr", source));
                }
            }
        }
        Ok(status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
    }

    fn judge(&self, status: i32) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        let stderr = self.stderr_tail();
        Err(Error::Failed {
            program: self.program.clone(),
            status,
            stderr,
        })
    }

    fn stream_error(&self, stream: &'static str, source: io::Error) -> Error {
        Error::Stream {
            program: self.program.clone(),
            stream,
            source,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.lifeline = None;
        // After `wait` and its like this returns at once; a failure has nowhere to go.
        let _ = self.reap();
    }
}

/// Writes all of `input`. A program need not read it all.
fn feed(stdin: Option<ChildStdin>, input: &[u8]) -> io::Result<()> {
    let Some(mut stdin) = stdin else {
        return Ok(());
    };
    match stdin.write_all(input) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn drain(pipe: &mut ChildStderr, tail: &Mutex<Tail>) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => lock(tail).push(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn lock(tail: &Mutex<Tail>) -> MutexGuard<'_, Tail> {
    // A tail is whole after every push, so one from a panicked thread is still good.
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A pipe that no other program inherits: reading end, writing end.
fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|errno| Error::System {
        doing: "make a pipe",
        source: errno.into(),
    })
}
