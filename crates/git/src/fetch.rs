//! How a commit comes into the store: alone, by its name; where a server gives no commit by its name,
//! through a branch or tag that it stands at, and at last out of the whole repository.

use std::{fs, io, path::Path, process::Command, thread, time::Duration};

use lock::ObjectId;
use store::{Error as StoreError, Fetcher, ProgressTask, Store, TaskKind};

use crate::{
    Commit, Error, Result,
    objects::Objects,
    program::{Answer, git, run},
    reference,
};

/// How often a server that breaks off is asked.
const TRIES: u32 = 3;

/// What is to be had.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'w> {
    /// What a person calls it.
    pub(crate) name: &'w str,
    /// The repository's address.
    pub(crate) repository: &'w str,
    pub(crate) commit: ObjectId,
}

/// The commit, from the store or fetched into it. Two that ask at a time, in any process, fetch it once.
pub(crate) fn fetch(store: &Store, fetcher: &Fetcher, wanted: Wanted<'_>) -> Result<Commit> {
    let here = |path| Commit::open(Objects::new(store, wanted.commit, path));
    if let Some(path) = store.repository(&wanted.commit) {
        return here(path);
    }
    if fetcher.offline() && !wanted.repository.starts_with("file:") {
        return Err(Error::Store(StoreError::Offline {
            artifact: format!("{} (commit {})", wanted.name, wanted.commit),
            more: 0,
        }));
    }
    let held = store.lock_repository(&wanted.commit)?;
    if let Some(path) = store.repository(&wanted.commit) {
        // Who finds it damaged takes the lock.
        drop(held);
        return here(path);
    }
    let scratch = store.scratch("git")?;
    let (progress, kind) = (fetcher.progress().clone(), TaskKind::Fetch);
    let task = ProgressTask::start(progress, kind, wanted.name, None);
    let fetching = Fetching {
        store,
        fetcher,
        wanted,
        task: &task,
    };
    fetching.receive(scratch.path())?;
    task.done();
    let path = store.commit_repository(&wanted.commit, scratch)?;
    drop(held);
    here(path)
}

struct Fetching<'f> {
    store: &'f Store,
    fetcher: &'f Fetcher,
    wanted: Wanted<'f>,
    task: &'f ProgressTask,
}

impl Fetching<'_> {
    fn receive(&self, into: &Path) -> Result<()> {
        self.make(into)?;
        let commit = self.wanted.commit;
        let answer = self.pull(into, &commit.to_string(), true)?;
        if answer.status.success() {
            return Ok(());
        }
        if answer.says("shallow capabilities") {
            // Files behind a plain web server: all or nothing.
            return self.out_of_whole(into);
        }
        // Of an old server "not our ref" may mean that no branch stands there.
        let signs = ["not our ref", "unadvertised object", "remote ref"];
        if !signs.iter().any(|sign| answer.says(sign)) {
            return Err(self.refused(&answer));
        }
        // An old server gives what a branch or tag stands at.
        let all = reference::all(self.fetcher, self.wanted.repository)?;
        if let Some((name, _)) = all.iter().find(|(_, stands)| *stands == commit) {
            let name = name.trim_end_matches("^{}");
            let answer = self.pull(into, name, true)?;
            return match answer.status.success() {
                true if self.has(into)? => Ok(()),
                true => Err(self.absent()),
                false => Err(self.refused(&answer)),
            };
        }
        self.out_of_whole(into)
    }

    /// Fetches all branches and tags, and takes the one commit out of that.
    fn out_of_whole(&self, into: &Path) -> Result<()> {
        let whole = self.store.scratch("git-whole")?;
        self.make(whole.path())?;
        let answer = self.pull(whole.path(), "+refs/*:refs/whole/*", false)?;
        if !answer.status.success() {
            return Err(self.refused(&answer));
        }
        if !self.has(whole.path())? {
            return Err(self.absent());
        }
        let mut command = git(Some(into));
        command.args(["-c", "protocol.version=2"]);
        fetching(&mut command, true);
        let from = format!("file://{}", whole.path().display());
        command.args(["--", &from, &self.wanted.commit.to_string()]);
        let answer = self.run(command, into)?;
        match answer.status.success() {
            true => Ok(()),
            false => Err(self.refused(&answer)),
        }
    }

    fn make(&self, path: &Path) -> Result<()> {
        let mut command = git(None);
        command.args(["init", "--quiet", "--bare", "--template="]);
        command.arg(path);
        let answer = self.run(command, path)?;
        match answer.status.success() {
            true => Ok(()),
            false => Err(self.refused(&answer)),
        }
    }

    /// Fetches `what`, again where the server broke off.
    fn pull(&self, into: &Path, what: &str, alone: bool) -> Result<Answer> {
        let mut wait = Duration::from_secs(1);
        for again in (0..TRIES).rev() {
            let mut command = git(Some(into));
            fetching(&mut command, alone);
            command.args(["--", self.wanted.repository, what]);
            let answer = self.run(command, into)?;
            if answer.status.success() || again == 0 || !may_pass(&answer) {
                return Ok(answer);
            }
            thread::sleep(wait);
            wait *= 2;
        }
        Err(self.absent())
    }

    fn has(&self, repository: &Path) -> Result<bool> {
        let mut command = git(Some(repository));
        let commit = format!("{}^{{commit}}", self.wanted.commit);
        command.args(["cat-file", "-e", &commit]);
        Ok(self.run(command, repository)?.status.success())
    }

    /// Runs git and tells how far it got: by what lies in the repository so far.
    fn run(&self, command: Command, repository: &Path) -> Result<Answer> {
        let pack = repository.join("objects/pack");
        let (mut told, mut turn) = (0, 0);
        let mut look = || {
            turn += 1;
            if turn % 10 == 0 {
                let now = size(&pack);
                self.task.advance(now.saturating_sub(told));
                told = told.max(now);
            }
        };
        run(command, self.fetcher, self.wanted.name, &mut look)
    }

    fn absent(&self) -> Error {
        self.fetcher.note_absent();
        Error::NoCommit {
            repository: self.wanted.repository.to_owned(),
            commit: self.wanted.commit,
        }
    }

    fn refused(&self, answer: &Answer) -> Error {
        if answer.says("No space left on device") {
            return Error::Store(StoreError::DiskFull {
                path: self.store.root().to_owned(),
                source: io::ErrorKind::StorageFull.into(),
            });
        }
        Error::Refused {
            repository: self.wanted.repository.to_owned(),
            doing: format!("commit {} cannot be fetched", self.wanted.commit),
            said: answer.said.clone(),
        }
    }
}

fn fetching(command: &mut Command, alone: bool) {
    // One pack, however little comes.
    command.args([
        "-c",
        "fetch.unpackLimit=1",
        "-c",
        "fetch.writeCommitGraph=false",
    ]);
    command.args(["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"]);
    if alone {
        command.arg("--depth=1");
    }
}

/// Whether what git said may be otherwise in a moment.
fn may_pass(answer: &Answer) -> bool {
    [
        "Could not resolve host",
        "Connection timed out",
        "Connection reset",
        "Operation timed out",
        "early EOF",
        "RPC failed",
        "returned error: 429",
        "returned error: 5",
        "unexpected disconnect",
    ]
    .iter()
    .any(|sign| answer.says(sign))
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .map(|about| about.len())
        .sum()
}
