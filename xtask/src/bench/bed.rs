//! Where it is measured: a store of its own on the disk of the user's, with the same downloads, in
//! which results can be taken away.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context, Result, bail};
use lock::{LayerName, Lock};
use store::{Fetcher, Store};

use super::command::{self, Run};
use crate::{build, place, progress::Bars};

/// The place, the edition's lock and the store's folder.
pub struct Bed {
    pub lock: Lock,
    pub rounds: usize,
    pub user_store: Store,
    pub fetcher: Fetcher,
    folder: PathBuf,
    store: PathBuf,
    aside: AtomicUsize,
}

/// What a build finds in the store beside downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// Configured Debian systems and the interpreter.
    Systems,
    /// Those, and bytecode.
    SystemsAndBytecode,
}

impl Bed {
    pub fn new(
        edition: &str,
        store: Option<&Path>,
        work: Option<&Path>,
        rounds: usize,
    ) -> Result<Self> {
        let path = place::edition(edition, "lock")?;
        let lock = Lock::read(&path)?;
        let user_store = place::store(store)?;
        let local = path.parent().unwrap_or(Path::new("."));
        let fetcher = build::fetcher(&lock, local, Arc::new(Bars::new()), false)?;
        let folder = match work {
            Some(work) => work.to_owned(),
            None => {
                let name = format!("bench-{}", std::process::id());
                let beside = user_store.root().parent();
                beside.unwrap_or(Path::new("/var/tmp")).join(name)
            }
        };
        if folder.exists() {
            bail!("{} exists already", folder.display());
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let folder = fs::canonicalize(&folder)?;
        let bed = Self {
            lock,
            rounds,
            user_store,
            fetcher,
            store: folder.join("store"),
            folder,
            aside: AtomicUsize::default(),
        };
        bed.fetch()?;
        Ok(bed)
    }

    /// Brings all artifacts into the user's store, and links them into the bed's.
    fn fetch(&self) -> Result<()> {
        let artifacts = self.lock.artifacts();
        self.fetcher.fetch_all(&self.user_store, &artifacts)?;
        let store = Store::open(&self.store)?;
        for artifact in &artifacts {
            let name = artifact.sha256.to_string();
            let from = self.user_store.root().join("downloads/sha256").join(&name);
            let to = self.store.join("downloads/sha256").join(&name);
            fs::hard_link(&from, &to).with_context(|| {
                format!(
                    "cannot link {} to {}: --work must be on the store's disk",
                    from.display(),
                    to.display()
                )
            })?;
            // Linking touches the file: it is looked at once more, here and not in a measured run.
            self.fetcher.fetch(&store, artifact)?;
        }
        Ok(())
    }

    /// A path in the bed's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where an artifact lies.
    pub fn download(&self, digest: &lock::Sha256) -> PathBuf {
        let name = digest.to_string();
        self.store.join("downloads/sha256").join(name)
    }

    /// The bytecode that its store has, a file for each wheel.
    pub fn bytecode(&self) -> Result<Vec<PathBuf>> {
        let packs = self.store.join("files/bytecode");
        if !packs.exists() {
            return Ok(Vec::new());
        }
        fs::read_dir(packs)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    }

    /// Takes results away. Folders with many files are moved aside, not removed: a file system that has
    /// just removed them is slow for a while.
    pub fn keep(&self, kept: Kept) -> Result<()> {
        let number = self.aside.fetch_add(1, Ordering::Relaxed);
        let aside = self.path(&format!("aside-{number}"));
        fs::create_dir_all(&aside)?;
        let all: &[&str] = match kept {
            Kept::Nothing => &["results", "files", "trees", "blobs"],
            Kept::Systems => &[
                "results/part",
                "results/tars",
                "results/ownership",
                "files",
                "blobs",
            ],
            Kept::SystemsAndBytecode => &[
                "results/part",
                "results/tars",
                "results/ownership",
                "files/index",
                "blobs",
            ],
        };
        for (at, name) in all.iter().enumerate() {
            let from = self.store.join(name);
            if !from.exists() {
                continue;
            }
            if *name == "blobs" {
                fs::remove_dir_all(&from)?;
            } else {
                fs::rename(&from, aside.join(at.to_string()))?;
            }
        }
        command::sync().map(drop)
    }

    /// Takes results away, and measures what builds them anew.
    pub fn after(&self, kept: Kept, command: Result<Command>) -> Result<Run> {
        self.keep(kept)?;
        command::measure(&mut command?)
    }

    /// Makes room: removes what earlier comparisons have moved aside.
    pub fn remove_aside(&self) -> Result<()> {
        for number in 0..self.aside.load(Ordering::Relaxed) {
            let aside = self.path(&format!("aside-{number}"));
            if aside.exists() {
                fs::remove_dir_all(aside)?;
            }
        }
        self.forget(&self.lock)
    }

    /// Lets ext4 forget what was removed, where the user may: for five minutes, or until its tables leave the
    /// memory, it looks at each freed inode when it makes a file. A lock's downloads are read in again.
    pub fn forget(&self, lock: &Lock) -> Result<()> {
        // The second writes what the first one's journal still held.
        command::sync()?;
        command::sync()?;
        let _ = fs::write("/proc/sys/vm/drop_caches", "1");
        for artifact in lock.artifacts() {
            let mut file = fs::File::open(self.download(&artifact.sha256))?;
            std::io::copy(&mut file, &mut std::io::sink())?;
        }
        Ok(())
    }

    /// A lock in the bed's folder.
    pub fn write_lock(&self, name: &str, lock: &Lock) -> Result<PathBuf> {
        let path = self.path(&format!("{name}.lock"));
        fs::write(&path, lock.to_toml()?)?;
        Ok(path)
    }

    /// This program, with a verb, the bed's store and no network.
    pub fn strata(&self, verb: &[&str], lock: &Path) -> Result<Command> {
        self.strata_in(&self.store, verb, lock)
    }

    /// The same with another store.
    pub fn strata_in(&self, store: &Path, verb: &[&str], lock: &Path) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(verb).arg(lock);
        command.arg("--store").arg(store);
        command.arg("--out").arg(self.path("layout"));
        command.arg("--timings").arg(self.path("timings.json"));
        command.arg("--offline");
        Ok(command)
    }

    /// The edition's lock with all its wheels in one layer, and nothing else to build. The packages that
    /// bring the interpreter go to the last layer, where they are known and not built.
    pub fn wheels_alone(&self, layer: LayerName) -> Lock {
        let mut lock = self.without_trees();
        for deb in &mut lock.debs {
            deb.layer = LayerName::Runtime;
        }
        for wheel in &mut lock.wheels {
            wheel.layer = layer;
        }
        lock
    }

    /// The edition's lock with the Debian packages of one layer alone.
    pub fn debs_alone(&self, layer: LayerName) -> Lock {
        let mut lock = self.without_trees();
        lock.debs.retain(|deb| deb.layer == layer);
        lock.wheels.clear();
        lock.owners.clear();
        lock
    }

    fn without_trees(&self) -> Lock {
        let mut lock = self.lock.clone();
        lock.sdists.clear();
        lock.tools.clear();
        lock.sources.clear();
        lock.git.clear();
        lock
    }

    /// Runs all in turns, as often as asked for, each after its own preparation; gives medians.
    pub fn in_turns(&self, sides: &mut [&mut dyn FnMut() -> Result<Run>]) -> Result<Vec<Run>> {
        let runs = self.rounds_of(sides)?;
        Ok(runs.iter().map(|runs| median(runs)).collect())
    }

    /// The same, but gives all runs of each.
    pub fn rounds_of(
        &self,
        sides: &mut [&mut dyn FnMut() -> Result<Run>],
    ) -> Result<Vec<Vec<Run>>> {
        let mut runs: Vec<Vec<Run>> = sides.iter().map(|_| Vec::new()).collect();
        for round in 0..self.rounds {
            for (side, runs) in sides.iter_mut().zip(&mut runs) {
                let run = side()?;
                eprintln!("   round {}: {:.2} s", round + 1, run.seconds);
                runs.push(run);
            }
        }
        Ok(runs)
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        // Configured systems have folders that their owner cannot write to.
        let _ = Command::new("chmod")
            .arg("-R")
            .arg("u+rwX")
            .arg(&self.folder)
            .status();
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("warning: {} stays: {error}", self.folder.display());
        }
    }
}

/// Median time, and the largest memory.
pub fn median(runs: &[Run]) -> Run {
    let mut seconds: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    let seconds = match (seconds.get(middle), seconds.len() % 2) {
        (Some(upper), 0) => (upper + seconds[middle - 1]) / 2.0,
        (Some(exact), _) => *exact,
        (None, _) => 0.0,
    };
    let memory = runs.iter().map(|run| run.memory).max().unwrap_or_default();
    Run { seconds, memory }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let run = |seconds, memory| Run { seconds, memory };
        let found = median(&[run(9.0, 1), run(1.0, 7), run(2.0, 3)]);
        assert_eq!((found.seconds, found.memory), (2.0, 7));
        let found = median(&[run(4.0, 1), run(1.0, 1), run(2.0, 1), run(9.0, 1)]);
        assert_eq!(found.seconds, 3.0);
    }
}
