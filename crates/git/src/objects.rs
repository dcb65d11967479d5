//! The objects of one commit's repository, read through `git cat-file` and held against their names.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::{Mutex, PoisonError},
};

use lock::ObjectId;
use sha1_checked::{Digest, Sha1};
use store::Store;

use crate::{Error, Result, program::git};

/// Trees, commits and links are read whole into memory, up to this size in bytes.
pub(crate) const LARGEST: u64 = 64 << 20;
/// How many questions are asked before the answers are read: they fit into a pipe.
const AT_ONCE: usize = 200;

/// A repository of the store that has one commit and what it names.
pub(crate) struct Objects {
    commit: ObjectId,
    path: PathBuf,
    store: Store,
    idle: Mutex<Vec<CatFile>>,
}

/// Why an object was not read.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("{0}")]
    Object(String),
    #[error(transparent)]
    Out(#[from] io::Error),
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objects").field(&self.path).finish()
    }
}

impl Objects {
    pub(crate) fn new(store: &Store, commit: ObjectId, path: PathBuf) -> Self {
        Self {
            commit,
            path,
            store: store.clone(),
            idle: Mutex::default(),
        }
    }

    /// The repository's folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn commit(&self) -> ObjectId {
        self.commit
    }

    /// An object of this kind, whole.
    pub(crate) fn read(&self, object: ObjectId, kind: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.copy(object, kind, None, &mut bytes)
            .map_err(|failed| match failed {
                Failed::Git(error) => error,
                Failed::Out(source) => self.failed(object, Wrong::Out(source)),
            })?;
        Ok(bytes)
    }

    /// Writes an object of this kind to `out`. Without a size, of one that fits into memory.
    pub(crate) fn copy(
        &self,
        object: ObjectId,
        kind: &str,
        size: Option<u64>,
        out: &mut dyn Write,
    ) -> Result<(), Failed> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut reader = match taken {
            Some(reader) => reader,
            None => CatFile::start(self, "--batch").map_err(Failed::Git)?,
        };
        match reader.copy(object, kind, size, out) {
            Ok(()) => {
                idle().push(reader);
                Ok(())
            }
            // One that failed may hold half an answer: it is not used again.
            Err(Wrong::Out(error)) => Err(Failed::Out(error)),
            Err(Wrong::Object(problem)) => Err(Failed::Git(self.damaged(object, problem))),
        }
    }

    /// The sizes of objects in bytes, in their order.
    pub(crate) fn sizes(&self, objects: &[ObjectId]) -> Result<Vec<u64>> {
        let mut asking = CatFile::start(self, "--batch-check")?;
        let mut sizes = Vec::with_capacity(objects.len());
        for some in objects.chunks(AT_ONCE) {
            if asking.ask(some).is_err() {
                return Err(self.failed(some[0], asking.ended()));
            }
            for object in some {
                let answer = asking.answer(*object);
                sizes.push(answer.map_err(|wrong| self.failed(*object, wrong))?.1);
            }
        }
        Ok(sizes)
    }

    fn failed(&self, object: ObjectId, wrong: Wrong) -> Error {
        match wrong {
            Wrong::Object(problem) => self.damaged(object, problem),
            Wrong::Out(source) => Error::Io {
                path: self.path.clone(),
                source,
            },
        }
    }

    /// What a failed reading means. A copy is removed only where git, which works otherwise, finds it
    /// damaged too; of two that find it, the second sees what the first has fetched meanwhile.
    fn damaged(&self, object: ObjectId, problem: String) -> Error {
        let held = match self.store.lock_repository(&self.commit) {
            Ok(held) => held,
            Err(error) => return error.into(),
        };
        let fine = |arguments: &[&str]| {
            let mut command = git(Some(&self.path));
            command
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        if self.path.is_dir()
            && (!fine(&["rev-parse", "--git-dir"]) || fine(&["fsck", "--full", "--no-dangling"]))
        {
            return Error::Object { object, problem };
        }
        let removed = self.store.remove_repository(&self.commit);
        drop(held);
        match removed {
            Err(error) => error.into(),
            Ok(()) => Error::Damaged {
                commit: self.commit,
                object,
                problem,
            },
        }
    }
}

/// Whose fault it is that an object was not copied.
#[derive(Debug)]
pub(crate) enum Failed {
    Git(Error),
    Out(io::Error),
}

/// A running `git cat-file`.
struct CatFile {
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl CatFile {
    fn start(objects: &Objects, how: &str) -> Result<Self> {
        let mut command = git(Some(&objects.path));
        command
            .args(["cat-file", how])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(Error::NoGit)?;
        let asks = child.stdin.take();
        let Some(answers) = child.stdout.take() else {
            return Err(Error::NoGit(io::ErrorKind::BrokenPipe.into()));
        };
        Ok(Self {
            child,
            asks,
            answers: BufReader::with_capacity(64 << 10, answers),
        })
    }

    fn ask(&mut self, objects: &[ObjectId]) -> io::Result<()> {
        let lines: String = objects.iter().map(|object| format!("{object}\n")).collect();
        match &mut self.asks {
            Some(asks) => asks.write_all(lines.as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The head of the next answer: kind and size.
    fn answer(&mut self, object: ObjectId) -> Result<(String, u64), Wrong> {
        let mut line = String::new();
        if self.answers.read_line(&mut line).is_err() || line.is_empty() {
            return Err(self.ended());
        }
        let mut words = line.split_whitespace();
        let (name, kind, size) = (words.next(), words.next(), words.next());
        match (name, kind, size.and_then(|size| size.parse().ok())) {
            (Some(name), Some(kind), Some(size)) if name == object.to_string() => {
                Ok((kind.to_owned(), size))
            }
            (_, Some("missing"), _) => Err(Wrong::Object("it is missing".to_owned())),
            _ => Err(Wrong::Object("git cannot read it".to_owned())),
        }
    }

    /// Why there is no answer: git ends at an object that it cannot read, and when it is told to.
    fn ended(&mut self) -> Wrong {
        drop(self.asks.take());
        match self.child.wait() {
            Ok(status) if status.signal().is_none() => {
                Wrong::Object("git cannot read it".to_owned())
            }
            Ok(status) => Wrong::Out(io::Error::other(format!("git cat-file: {status}"))),
            Err(error) => Wrong::Out(error),
        }
    }

    fn copy(
        &mut self,
        object: ObjectId,
        wanted: &str,
        expected: Option<u64>,
        out: &mut dyn Write,
    ) -> Result<(), Wrong> {
        if self.ask(&[object]).is_err() {
            return Err(self.ended());
        }
        let (kind, size) = self.answer(object)?;
        if kind != wanted {
            return Err(Wrong::Object(format!(
                "expected a {wanted}, found a {kind}"
            )));
        }
        if expected.map_or(size > LARGEST, |expected| expected != size) {
            return Err(Wrong::Object(format!("its {size} bytes were not expected")));
        }
        let mut hasher = Sha1::new();
        hasher.update(format!("{kind} {size}\0"));
        let mut left = size;
        let mut buffer = vec![0; size.clamp(1, 128 << 10) as usize];
        while left > 0 {
            let want = left.min(buffer.len() as u64) as usize;
            if self.answers.read_exact(&mut buffer[..want]).is_err() {
                return Err(self.ended());
            }
            hasher.update(&buffer[..want]);
            out.write_all(&buffer[..want])?;
            left -= want as u64;
        }
        let mut end = [0];
        if self.answers.read_exact(&mut end).is_err() {
            return Err(self.ended());
        }
        // Also finds contents made to collide, as git itself does.
        let found = hasher.try_finalize();
        if found.has_collision() {
            return Err(Wrong::Object("it is one of a SHA-1 collision".to_owned()));
        }
        let found = ObjectId((*found.hash()).into());
        match found == object {
            true => Ok(()),
            false => Err(Wrong::Object(format!("its contents are those of {found}"))),
        }
    }
}

impl Drop for CatFile {
    fn drop(&mut self) {
        // It ends when nobody asks any more; one that is in the middle of an answer does not.
        drop(self.asks.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
