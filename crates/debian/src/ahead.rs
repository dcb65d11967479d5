//! Packages read ahead, while scripts run: their files lie under numbers in a folder that no script
//! sees, and unpacking moves them to their places. Which places those are, and whether they get there
//! at all, is decided only then: it may depend on what the scripts did.

use std::{
    collections::VecDeque,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver},
    },
    thread,
};

use layer::Context;

use crate::{
    Error, Package, Result,
    error::io as io_error,
    members::{self, DataMember},
    unpack::Source,
};

/// A package that has been read: what is in it, and a folder with the bytes.
#[derive(Debug)]
pub(crate) struct Extracted {
    folder: PathBuf,
    /// In the package's order; none for the root itself.
    members: Vec<Option<DataMember>>,
}

impl Extracted {
    /// Its members in the package's order, none for the root itself, and where a file's bytes are.
    pub(crate) fn members(&self) -> impl Iterator<Item = (Option<&DataMember>, PathBuf)> {
        let all = self.members.iter().enumerate();
        all.map(|(number, member)| (member.as_ref(), self.file(number)))
    }

    fn file(&self, number: usize) -> PathBuf {
        self.folder.join(number.to_string())
    }

    fn read(package: &Package, folder: PathBuf) -> Result<Self> {
        fs::create_dir(&folder).map_err(io_error(&folder))?;
        let mut extracted = Self {
            folder,
            members: Vec::new(),
        };
        let mut buffer = vec![0; members::BUFFER];
        members::read(package, |member, bytes| {
            if let Some(member) = member.as_ref().filter(|member| member.is_file()) {
                let path = extracted.file(extracted.members.len());
                let mut file = OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&path)
                    .map_err(io_error(path))?;
                member
                    .write(bytes, &mut file, &mut buffer)
                    .map_err(|error| members::bad(package, &member.shown, error))?;
            }
            extracted.members.push(member);
            Ok(())
        })?;
        Ok(extracted)
    }
}

/// What is read ahead.
#[derive(Debug)]
pub(crate) struct Ahead<'a> {
    queue: &'a Queue<'a>,
    read: Receiver<(usize, Result<Extracted>)>,
    /// What came before it was asked for, by number.
    early: Vec<Option<Result<Extracted>>>,
}

impl<'a> Ahead<'a> {
    /// The packages of these numbers, in this order, when all of them have been read. While there are
    /// some that nobody reads, this thread does. Each is to be asked for once.
    pub(crate) fn take(&mut self, numbers: &[usize]) -> Result<Vec<Source<'a>>> {
        while let Some((number, read)) = self.queue.read_next(|number| numbers.contains(&number)) {
            self.early[number] = Some(read);
        }
        let sources = numbers.iter().map(|number| {
            self.wait_for(*number).map(|extracted| Source {
                package: &self.queue.packages[*number],
                extracted: Some(extracted),
            })
        });
        sources.collect()
    }

    fn wait_for(&mut self, number: usize) -> Result<Extracted> {
        loop {
            if let Some(read) = self.early[number].take() {
                return read;
            }
            match self.read.recv() {
                Ok((came, read)) => self.early[came] = Some(read),
                // Nobody reads it: its thread panicked, which is told where that is joined.
                Err(_) => {
                    return Err(Error::Io {
                        path: self.queue.folder.to_owned(),
                        source: io::Error::other("reading packages ended early"),
                    });
                }
            }
        }
    }
}

/// Packages that wait to be read.
#[derive(Debug)]
struct Queue<'a> {
    packages: &'a [Package],
    left: Mutex<VecDeque<usize>>,
    folder: &'a Path,
}

impl Queue<'_> {
    /// Reads the next package that is `wanted`, if there is one; gives its number with it.
    fn read_next(&self, wanted: impl Fn(usize) -> bool) -> Option<(usize, Result<Extracted>)> {
        let number = {
            let mut left = self.left();
            let next = left.iter().position(|number| wanted(*number))?;
            left.remove(next)?
        };
        let folder = self.folder.join(number.to_string());
        Some((number, Extracted::read(&self.packages[number], folder)))
    }

    fn left(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does `work` while packages are read, those of the first round first, and of each round the largest
/// first. Packages are called by their numbers in `packages`. When `work` ends, no more are begun, and those
/// that are being read come to their ends.
///
/// Reading takes one thread less than the context has: the other one is left to `work`, which runs
/// scripts, or reads itself.
///
/// # Errors
/// Those of `work`; a package that cannot be read is told when it is asked for.
pub(crate) fn beside<T>(
    cx: &Context,
    packages: &[Package],
    rounds: &[Vec<usize>],
    work: impl FnOnce(&mut Ahead<'_>) -> Result<T>,
) -> Result<T> {
    let scratch = cx.store.scratch("debian-ahead")?;
    let queue = &Queue {
        packages,
        left: Mutex::new(largest_first(packages, rounds)),
        folder: scratch.path(),
    };
    let (send, read) = mpsc::channel();
    thread::scope(|scope| {
        // Threads of its own and not those of the context, which others are to have meanwhile.
        for number in 1..cx.threads() {
            let send = send.clone();
            let thread = thread::Builder::new().name(format!("debian-{number}"));
            // Without it there is one less: `take` reads what nobody has read.
            let _ = thread.spawn_scoped(scope, move || {
                while let Some(read) = queue.read_next(|_| true) {
                    // Fails when nobody waits any more.
                    if send.send(read).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let done = work(&mut Ahead {
            queue,
            read,
            early: packages.iter().map(|_| None).collect(),
        });
        queue.left().clear();
        done
    })
}

fn largest_first(packages: &[Package], rounds: &[Vec<usize>]) -> VecDeque<usize> {
    let mut all = VecDeque::new();
    for round in rounds {
        let mut round = round.clone();
        round.sort_by_key(|number| std::cmp::Reverse(packages[*number].data_size()));
        all.extend(round);
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tar::EntryType;

    use super::*;
    use crate::{
        claims::Claims,
        testing::{Tar, all_below, context_of, package},
        unpack::{Diversions, Rules, unpack_all},
    };

    fn packages(folder: &Path) -> Vec<Package> {
        let one = Tar::default()
            .dir("./", 0o755)
            .dir("./usr/", 0o755)
            .dir("./usr/private/", 0o700)
            .member(EntryType::Regular, "./usr/su", 0o4755, b"su")
            .member(EntryType::Regular, "./usr/secret", 0o440, b"x")
            .link(EntryType::Link, "./usr/su2", "./usr/su")
            .link(EntryType::Symlink, "./usr/x", "/outside/../y")
            .file("./etc/conf", "conf")
            .file("./usr/shared", "one's")
            .file("./usr/empty", "");
        let two = Tar::default().file("./usr/shared", "two's");
        vec![
            package(folder, "one", "", &[("conffiles", "/etc/conf\n")], one),
            package(folder, "two", "Replaces: one\n", &[], two),
        ]
    }

    fn unpacked(cx: &Context, sources: &[Source<'_>], root: &Path) -> Vec<crate::unpack::List> {
        fs::create_dir(root).unwrap();
        let diversions = Diversions::new();
        let rules = Rules {
            diversions: &diversions,
            conffiles_aside: true,
        };
        let mut claims = Claims::default();
        claims.start_round(HashSet::new());
        unpack_all(cx, sources, root, rules, &mut claims).unwrap()
    }

    #[test]
    fn what_was_read_ahead_lands_as_if_it_came_from_the_package() {
        let folder = tempfile::tempdir().unwrap();
        let packages = packages(folder.path());
        for threads in [1, 3] {
            let at = folder.path().join(threads.to_string());
            fs::create_dir(&at).unwrap();
            let cx = context_of(&at, threads);
            let direct: Vec<Source<'_>> = packages.iter().map(Into::into).collect();
            let direct = unpacked(&cx, &direct, &at.join("direct"));
            let rounds = [vec![1], vec![0]];
            let ahead = beside(&cx, &packages, &rounds, |ahead| {
                // Not in the order of reading.
                let sources = [ahead.take(&[0])?, ahead.take(&[1])?];
                let sources: Vec<Source<'_>> = sources.into_iter().flatten().collect();
                Ok(unpacked(&cx, &sources, &at.join("ahead")))
            });
            assert_eq!(ahead.unwrap(), direct);
            let there = all_below(&at.join("ahead"));
            assert_eq!(there, all_below(&at.join("direct")));
            assert!(there.contains(&"usr/shared 100644 1 1 two's".to_owned()));
            assert!(there.contains(&"etc/conf.dpkg-new 100644 1 1 conf".to_owned()));
            assert!(there.contains(&"usr/su2 100755 2 1 su".to_owned()));
            // Nothing stays where it was read to.
            assert_eq!(fs::read_dir(at.join("store/tmp")).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_damaged_package_is_told_when_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut packages = packages(folder.path());
        let bad = Tar::default().file("./../out", "x");
        packages.push(package(folder.path(), "bad", "", &[], bad));
        for threads in [1, 3] {
            let at = folder.path().join(threads.to_string());
            fs::create_dir(&at).unwrap();
            let cx = context_of(&at, threads);
            let rounds = [vec![0, 2], vec![1]];
            let told = beside(&cx, &packages, &rounds, |ahead| {
                ahead.take(&[0])?;
                ahead.take(&[1])?;
                Ok(ahead.take(&[2]).unwrap_err().to_string())
            });
            let told = told.unwrap();
            assert!(
                told.starts_with("bad 1.0 (bad_1.0_all.deb): ./../out: "),
                "{told}"
            );
            let failed: Result<()> = beside(&cx, &packages, &rounds, |ahead| {
                let failed = ahead.take(&[2]).map(drop);
                // Alone, it has read nothing that it was not asked for.
                if threads == 1 {
                    let read = fs::read_dir(ahead.queue.folder).unwrap();
                    let read: Vec<_> = read.map(|entry| entry.unwrap().file_name()).collect();
                    assert_eq!(read, ["2"]);
                }
                failed
            });
            assert!(failed.is_err());
        }
    }
}
