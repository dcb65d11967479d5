//! The sandbox as its user sees it: a root folder, what is shown in it, and ways to run a program.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::PathBuf;

use crate::child::{Child, Output};
use crate::environment;
use crate::error::Result;

/// A root folder in which programs can be run. Nothing happens before [`run`](Self::run) or
/// [`spawn`](Self::spawn); each makes namespaces of its own, so runs share nothing but the folder.
///
/// The environment is PATH, HOME=/root, LANG and LC_ALL=C.UTF-8, TZ=UTC0, USER, LOGNAME, SHELL,
/// TERM=dumb and PYTHONHASHSEED=0, and what [`env`](Self::env) adds.
#[derive(Debug, Clone)]
pub struct Sandbox {
    pub(crate) root: PathBuf,
    pub(crate) env: BTreeMap<OsString, OsString>,
    pub(crate) binds: Vec<Bind>,
    pub(crate) writable: bool,
    pub(crate) bare: bool,
}

/// A path of the host shown inside.
#[derive(Debug, Clone)]
pub(crate) struct Bind {
    pub(crate) host: PathBuf,
    pub(crate) guest: PathBuf,
    pub(crate) read_only: bool,
}

impl Sandbox {
    /// A sandbox on the folder `root`. Folders for the mounts (`/proc`, `/dev`, `/tmp`, `/run`) are
    /// made in it where they are absent.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            env: environment::fixed(),
            binds: Vec::new(),
            writable: true,
            bare: false,
        }
    }

    /// Sets a variable, on top of the fixed environment or in place of a part of it.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Sets `SOURCE_DATE_EPOCH`, in seconds since 1970 UTC. The clock itself stays as it is.
    #[must_use]
    pub fn source_date_epoch(self, secs: i64) -> Self {
        self.env("SOURCE_DATE_EPOCH", secs.to_string())
    }

    /// Shows a file or folder of the host at the absolute path `guest`, read-only, and whatever is
    /// mounted below it as well.
    ///
    /// What is missing of the path `guest` is made, and stays in the root folder; below `/tmp` or
    /// `/run` it is made in memory and leaves no trace.
    #[must_use]
    pub fn bind_read_only(self, host: impl Into<PathBuf>, guest: impl Into<PathBuf>) -> Self {
        self.bound(Bind {
            host: host.into(),
            guest: guest.into(),
            read_only: true,
        })
    }

    /// Shows a file or folder of the host at `guest`, as
    /// [`bind_read_only`](Self::bind_read_only) does, but lets programs write.
    #[must_use]
    pub fn bind(self, host: impl Into<PathBuf>, guest: impl Into<PathBuf>) -> Self {
        self.bound(Bind {
            host: host.into(),
            guest: guest.into(),
            read_only: false,
        })
    }

    /// Whether programs may change the root folder; they may unless this is called with `false`.
    /// `/tmp`, `/run`, `/dev/shm` and writable binds are writable in any case.
    #[must_use]
    pub fn writable(mut self, writable: bool) -> Self {
        self.writable = writable;
        self
    }

    /// With `true`, nothing is mounted on the root: no `/proc`, `/dev`, `/tmp`, `/run`, no binds.
    /// This is for looking at the root as it is; most programs want more.
    #[must_use]
    pub fn bare(mut self, bare: bool) -> Self {
        self.bare = bare;
        self
    }

    /// Runs `program` to its end and returns what it wrote. `program` is looked up in the
    /// PATH of the environment, inside, unless it holds a slash. It starts in `/`.
    ///
    /// `stdin` is written while the output is read, so neither side can block the other for good.
    /// All of stdout is held in memory; see [`run_streaming`](Self::run_streaming) where it may be
    /// large.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::Error::Failed) unless it exits with 0; the others where it could
    /// not be run at all.
    pub fn run<I>(&self, program: impl AsRef<OsStr>, args: I, stdin: &[u8]) -> Result<Output>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        let (stdout, stderr) = self.exchange(program.as_ref(), args, stdin, |reader| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map(|_| bytes)
        })?;
        Ok(Output { stdout, stderr })
    }

    /// Runs `program` as [`run`](Self::run) does, and hands its stdout to `read` as it comes. If
    /// `read` returns before the end, the program finds a broken pipe.
    ///
    /// # Errors
    /// As [`run`](Self::run), and what `read` returned. A program that failed by itself goes first.
    pub fn run_streaming<I, T>(
        &self,
        program: impl AsRef<OsStr>,
        args: I,
        stdin: &[u8],
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<T>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        self.exchange(program.as_ref(), args, stdin, read)
            .map(|(value, _)| value)
    }

    /// Starts `program` and leaves it running, for workers that answer many questions. Its stdin
    /// and stdout are pipes, the end of its stderr is kept. May be called on any thread.
    ///
    /// # Errors
    /// Where it could not be started.
    pub fn spawn<I>(&self, program: impl AsRef<OsStr>, args: I) -> Result<Child>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        Child::start(self, program.as_ref(), args)
    }

    fn exchange<I, T>(
        &self,
        program: &OsStr,
        args: I,
        stdin: &[u8],
        read: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> Result<(T, Vec<u8>)>
    where
        I: IntoIterator<Item: AsRef<OsStr>>,
    {
        Child::start(self, program, args)?.exchange(stdin, read)
    }

    fn bound(mut self, bind: Bind) -> Self {
        self.binds.push(bind);
        self
    }
}
