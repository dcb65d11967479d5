//! An archive for one suite: from its signed InRelease file to its packages, each step verified by the
//! one before it.

use std::io::BufReader;

use lock::{Artifact, Origin};
use store::{Fetcher, Store};

use crate::{Error, Keyring, Packages, Release, Result};

/// An InRelease file is smaller than this.
const LIMIT: u64 = 64 << 20;

/// A suite whose signature was verified, and its packages.
#[derive(Debug)]
pub struct Archive {
    /// What the suite says of itself.
    pub release: Release,
    /// Its packages.
    pub packages: Packages,
    /// The keys that signed it, in hexadecimal.
    pub signed_by: Vec<String>,
    /// What a person should know: an expired Valid-Until.
    pub warnings: Vec<String>,
}

impl Archive {
    /// Fetches and verifies a suite. `now` is in seconds since 1970 UTC.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(
        store: &Store,
        fetcher: &Fetcher,
        suite: &str,
        components: &[String],
        architecture: &str,
        now: i64,
    ) -> Result<Self> {
        let path = format!("dists/{suite}/InRelease");
        let page = fetcher.debian_page(&path, LIMIT)?;
        let text = String::from_utf8(page.bytes).map_err(|error| Error::Release {
            release: page.place.clone(),
            problem: error.to_string(),
        })?;
        let keyring = match Keyring::of_host()? {
            Some(keyring) => keyring,
            None => Keyring::pinned(store, fetcher)?,
        };
        let seconds = u32::try_from(now).unwrap_or(u32::MAX);
        let (signed, signed_by) = keyring.verify(&page.place, &text, seconds)?;
        let release = Release::parse(&page.place, &signed, suite)?;
        let mut warnings = Vec::new();
        if release.valid_until.is_some_and(|until| until < now) {
            warnings.push(format!(
                "{}: {suite} is of {}, past its Valid-Until: the mirror is old, or a snapshot",
                page.place, release.date
            ));
        }
        let mut packages = Packages::new(architecture);
        for component in components {
            let artifact = index(&release, suite, component, architecture, &page.place)?;
            let file = fetcher.fetch(store, &artifact)?;
            let io = |source| Error::Io {
                path: file.clone(),
                source,
            };
            let raw = BufReader::with_capacity(256 << 10, std::fs::File::open(&file).map_err(io)?);
            let encoding = if artifact.filename.ends_with(".gz") {
                decode::Encoding::Gzip
            } else {
                decode::Encoding::Xz
            };
            let text = encoding.reader(raw).map_err(io)?;
            packages.read(&artifact.name, BufReader::with_capacity(256 << 10, text))?;
        }
        Ok(Self {
            release,
            packages,
            signed_by,
            warnings,
        })
    }
}

/// A component's Packages index as an artifact: the Release file has its size and sha256.
fn index(
    release: &Release,
    suite: &str,
    component: &str,
    architecture: &str,
    place: &str,
) -> Result<Artifact> {
    let plain = format!("{component}/binary-{architecture}/Packages");
    let found = ["xz", "gz"].into_iter().find_map(|ending| {
        let path = format!("{plain}.{ending}");
        let entry = release.files.get(&path)?;
        Some((path, *entry))
    });
    let Some((path, (size, sha256))) = found else {
        return Err(Error::Release {
            release: place.to_owned(),
            problem: format!("it has no {plain}.xz or .gz"),
        });
    };
    let filename = path.rsplit('/').next().unwrap_or(&path).to_owned();
    let below = if release.by_hash {
        format!("{component}/binary-{architecture}/by-hash/SHA256/{sha256}")
    } else {
        path
    };
    Ok(Artifact {
        name: format!("the packages of {suite}/{component} for {architecture}"),
        filename,
        size,
        sha256,
        origin: Origin::Debian {
            path: format!("dists/{suite}/{below}"),
        },
    })
}
