//! A suite of an archive, opened: its InRelease file fetched and verified, and its indexes from
//! there, each by the digest that the verified file has for it.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

use decode::Encoding;
use jiff::Timestamp;
use lock::{Artifact, Origin};
use store::{Fetcher, Place, Store, places::snapshot};

use crate::{Error, Keyring, Packages, Release, Result, Signed, verify};

/// An InRelease file larger than this, in bytes, is none: Debian's have some 200 kB.
const LARGEST: u64 = 32 << 20;

/// A verified suite.
#[derive(Debug)]
pub struct Archive {
    name: String,
    folder: String,
    fetcher: Fetcher,
    /// What its InRelease file says.
    pub release: Release,
    /// Fingerprints of the keys that vouch for it.
    pub signers: Vec<String>,
    /// What the user should know, and what stops nothing: a suite past its Valid-Until.
    pub warnings: Vec<String>,
}

/// A snapshot's time: a moment, of which the archive has the last state before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(String);

impl Snapshot {
    /// Reads a time such as `20261030T080801Z`, `2026-10-30T08:08:01Z`, or a day, `2026-10-30`,
    /// which stands for its beginning (UTC).
    ///
    /// # Errors
    /// [`Error::Date`] for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        let day = || format!("{text}T00:00:00Z").parse::<Timestamp>();
        let time = text.parse::<Timestamp>().or_else(|_| day());
        let time = time.map_err(|_| Error::Date(text.to_owned()))?;
        Ok(Self(time.strftime("%Y%m%dT%H%M%SZ").to_string()))
    }

    /// The time as snapshot archives write it: `20261030T080801Z`.
    pub fn id(&self) -> &str {
        &self.0
    }
}

/// How a suite is opened.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    /// Suite or codename, such as `forky`, `testing` or `trixie-security`.
    pub suite: &'a str,
    /// The time whose state is wanted; none for the mirrors' own.
    pub snapshot: Option<&'a Snapshot>,
    /// The keys to trust.
    pub keyring: &'a Keyring,
    /// The time of checking.
    pub now: Timestamp,
}

impl Archive {
    /// Fetches a suite's InRelease file and verifies it: from the Debian mirrors in turn until one
    /// gives a file that a trusted key has signed, or from a snapshot archive. That one is what
    /// the machine's settings name; else what the mirrors' own verified Release file names.
    ///
    /// # Errors
    /// [`Error::Signature`] or [`Error::Release`] when a place had the suite and none could be
    /// trusted; [`Error::NoSuite`] when no place has it; [`Error::NoSnapshot`] when no place for
    /// snapshots is known.
    pub fn open(fetcher: &Fetcher, opening: &Opening<'_>) -> Result<Self> {
        let Some(Snapshot(time)) = opening.snapshot else {
            return Self::open_any(fetcher, fetcher.places().debian(), opening);
        };
        let mut places = fetcher.places().snapshots(time)?;
        if places.is_empty() {
            let current = Self::open_any(fetcher, fetcher.places().debian(), opening)?;
            let template = current.release.snapshots.ok_or_else(|| Error::NoSnapshot {
                suite: opening.suite.to_owned(),
                date: time.clone(),
            })?;
            places.push(snapshot::at(
                "Snapshots of the Release file",
                &template,
                time,
            )?);
        }
        Self::open_any(fetcher, &places, opening)
    }

    fn open_any(fetcher: &Fetcher, places: &[Place], opening: &Opening<'_>) -> Result<Self> {
        let mut distrusted = None;
        let mut tried = Vec::new();
        for place in places {
            match Self::open_at(fetcher, place, opening) {
                Ok(archive) => return Ok(archive),
                Err(Error::Store(store::Error::Read { address, answer })) => {
                    tried.push(format!("{address}: {answer}"));
                }
                Err(error @ (Error::Signature { .. } | Error::Release { .. })) => {
                    distrusted.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(distrusted.unwrap_or_else(|| Error::NoSuite {
            suite: opening.suite.to_owned(),
            tried,
        }))
    }

    fn open_at(fetcher: &Fetcher, place: &Place, opening: &Opening<'_>) -> Result<Self> {
        let suite = opening.suite;
        let file = format!("{place}dists/{suite}/InRelease");
        let bytes = fetcher.read(place, &format!("dists/{suite}/InRelease"), LARGEST)?;
        let wrong = |problem: String| Error::Release {
            release: file.clone(),
            problem,
        };
        let now = u32::try_from(opening.now.as_second()).map_err(|_| {
            wrong("the clock is far off: its time is no time of OpenPGP".to_owned())
        })?;
        let Signed { text, signers } = verify(&file, &bytes, opening.keyring, now)?;
        let release = Release::parse(&text).map_err(wrong)?;
        if ![&release.suite, &release.codename].contains(&&suite.to_owned()) {
            return Err(wrong(format!(
                "expected suite {suite}, found {} ({})",
                release.suite, release.codename
            )));
        }
        let mut warnings = Vec::new();
        // An old state is what is asked for with a snapshot.
        if let (Some(until), None) = (release.valid_until, opening.snapshot)
            && until < opening.now
        {
            warnings.push(format!(
                "{file} was valid until {until}: the mirror may be out of date, or a snapshot"
            ));
        }
        let places = fetcher.places().clone().with_debian_place(place.clone());
        Ok(Self {
            name: format!("{} {}", release.codename, release.date),
            folder: format!("dists/{suite}"),
            fetcher: fetcher.with_places(places),
            release,
            signers,
            warnings,
        })
    }

    /// A fetcher that asks first where the suite was found: for its packages.
    pub fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    /// The packages of some components for an architecture. Indexes are kept in the store's
    /// downloads by their digests.
    ///
    /// # Errors
    /// When the suite has no such component or architecture, and what fetching and reading give.
    pub fn packages(
        &self,
        store: &Store,
        components: &[String],
        architecture: &str,
    ) -> Result<Packages> {
        let mut packages = Packages::new(architecture);
        for component in components {
            let mut architectures = vec![architecture];
            if !self.release.all_is_included {
                architectures.push("all");
            }
            for architecture in architectures {
                let index = self.index(component, architecture)?;
                let path = self.fetcher.fetch(store, &index)?;
                let failed = |source| Error::Io {
                    path: path.clone(),
                    source,
                };
                let file = File::open(&path).map_err(failed)?;
                decoded(file, |text| packages.read(&index.name, text)).map_err(failed)??;
            }
        }
        Ok(packages)
    }

    /// A component's Packages index, compressed as well as the suite has it.
    fn index(&self, component: &str, architecture: &str) -> Result<Artifact> {
        let folder = format!("{component}/binary-{architecture}");
        let found = ["Packages.xz", "Packages.gz", "Packages"]
            .iter()
            .find_map(|file| {
                let known = self.release.indexes.get(&format!("{folder}/{file}"))?;
                Some((*file, *known))
            });
        let (file, (size, sha256)) = found.ok_or_else(|| Error::Release {
            release: self.name.clone(),
            problem: format!(
                "it has no packages of component {component} for {architecture}; its components \
                 are {}, its architectures {}",
                self.release.components.join(", "),
                self.release.architectures.join(", ")
            ),
        })?;
        // Under its digest it does not vanish while a mirror is being renewed.
        let path = match self.release.by_hash {
            true => format!("{folder}/by-hash/SHA256/{sha256}"),
            false => format!("{folder}/{file}"),
        };
        Ok(Artifact {
            name: format!("{} {folder}/{file}", self.name),
            filename: file.to_owned(),
            size,
            sha256,
            origin: Origin::Debian {
                path: format!("{}/{path}", self.folder),
            },
        })
    }
}

/// Gives the decompressed file to `use_it`, while another thread decompresses: the outer error is
/// that thread's.
fn decoded<T>(file: File, use_it: impl FnOnce(BufReader<Chunks>) -> T) -> io::Result<T> {
    let mut head = [0; Encoding::MAGIC];
    let read = std::os::unix::fs::FileExt::read_at(&file, &mut head, 0)?;
    let encoding = Encoding::of_magic(&head[..read]);
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(4);
        thread::Builder::new().spawn_scoped(scope, move || {
            let mut reader = match encoding.reader(BufReader::new(file)) {
                Ok(reader) => reader,
                // That nobody listens any more is no loss.
                Err(error) => return drop(sender.send(Err(error))),
            };
            loop {
                let mut chunk = Vec::with_capacity(CHUNK);
                let read = reader.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
                let end = matches!(read, Ok(0) | Err(_));
                // The other side may have given up.
                if sender.send(read.map(|_| chunk)).is_err() || end {
                    return;
                }
            }
        })?;
        let chunks = Chunks {
            receiver,
            chunk: io::Cursor::default(),
        };
        Ok(use_it(BufReader::with_capacity(CHUNK, chunks)))
    })
}

/// How much is handed over at a time, in bytes.
const CHUNK: usize = 256 << 10;

/// What another thread reads.
struct Chunks {
    receiver: Receiver<io::Result<Vec<u8>>>,
    chunk: io::Cursor<Vec<u8>>,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.chunk.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.receiver.recv() {
                Ok(chunk) if matches!(&chunk, Ok(chunk) if chunk.is_empty()) => return Ok(0),
                Ok(chunk) => self.chunk = io::Cursor::new(chunk?),
                Err(_) => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_snapshots() {
        let time = |text: &str| Snapshot::parse(text).map(|snapshot| snapshot.0);
        assert_eq!(time("2026-10-30").unwrap(), "20261030T000000Z");
        for same in [
            "20261030T080801Z",
            "2026-10-30T08:08:01Z",
            "2026-10-30T10:08:01+02:00",
        ] {
            assert_eq!(time(same).unwrap(), "20261030T080801Z");
        }
        for bad in ["", "yesterday", "2026-13-01", "2026-10-30T25:00:00Z"] {
            assert!(matches!(time(bad), Err(Error::Date(_))), "{bad}");
        }
    }
}
