//! The keys that an archive's signatures are checked against. They come from a file that the user
//! names, from the host's package of Debian's keys, or from that package itself, which is pinned
//! here by its sha256: never from the archive whose signature is checked.

use std::{env, io::Read, path::Path};

use debian::Package;
use pgp::composed::{Deserializable, SignedPublicKey};
use store::{Fetcher, Store};

use crate::{Error, Result};

/// The variable that names a file of keys.
pub const KEYRING_VARIABLE: &str = "STRATA_DEBIAN_KEYRING";

/// Where the package `debian-archive-keyring` puts the keys, now and formerly.
const PATHS: [&str; 2] = [
    "usr/share/keyrings/debian-archive-keyring.pgp",
    "usr/share/keyrings/debian-archive-keyring.gpg",
];

/// A keyring larger than this, in bytes, is none.
const LARGEST: u64 = 16 << 20;

/// OpenPGP keys (RFC 9580, section 10.1), and where they come from.
#[derive(Debug, Clone)]
pub struct Keyring {
    pub(crate) from: String,
    pub(crate) keys: Vec<SignedPublicKey>,
}

impl Keyring {
    /// The keys in a file, binary or armoured. `from` stands in messages.
    ///
    /// # Errors
    /// [`Error::Keyring`] when there is no key in it. Keys of kinds that are not known are passed
    /// over: they vouch for nothing.
    pub fn parse(from: &str, bytes: &[u8]) -> Result<Self> {
        let wrong = |problem: String| Error::Keyring {
            keyring: from.to_owned(),
            problem,
        };
        let (keys, _) = SignedPublicKey::from_reader_many_buf(bytes)
            .map_err(|error| wrong(error.to_string()))?;
        let keys: Vec<SignedPublicKey> = keys.flatten().collect();
        if keys.is_empty() {
            return Err(wrong("it has no OpenPGP key".to_owned()));
        }
        let from = from.to_owned();
        Ok(Self { from, keys })
    }

    /// The keys to use on this machine: those of the file that `STRATA_DEBIAN_KEYRING` names, else
    /// those of the host's keyring package, else those of the pinned one, which is fetched.
    ///
    /// # Errors
    /// When the keys that are to be used cannot be read.
    pub fn find(fetcher: &Fetcher, store: &Store) -> Result<Self> {
        if let Some(path) = env::var_os(KEYRING_VARIABLE).filter(|path| !path.is_empty()) {
            return Self::open(Path::new(&path));
        }
        let host = PATHS.iter().map(|path| Path::new("/").join(path));
        match host.into_iter().find(|path| path.is_file()) {
            Some(path) => Self::open(&path),
            None => Self::pinned(fetcher, store),
        }
    }

    /// The keys in a file of this machine.
    ///
    /// # Errors
    /// As [`Keyring::parse`], and when it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let file = fs_err::File::open(path).map_err(failed)?;
        let bytes = read(file).map_err(failed)?;
        Self::parse(&path.display().to_string(), &bytes)
    }

    /// The keys of the package that is pinned here, fetched if the store does not have it.
    ///
    /// # Errors
    /// When it cannot be fetched or read.
    pub fn pinned(fetcher: &Fetcher, store: &Store) -> Result<Self> {
        let deb = pinned();
        let artifact = deb.artifact();
        let path = fetcher.fetch(store, &artifact)?;
        let package = Package::open(&path, &deb).map_err(Box::new)?;
        let wrong = |problem: String| Error::Keyring {
            keyring: artifact.to_string(),
            problem,
        };
        let failed = |error: std::io::Error| wrong(error.to_string());
        let mut data = package.data().map_err(Box::new)?;
        for entry in data.entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let path = path.trim_start_matches("./");
            if entry.header().entry_type().is_file() && PATHS.contains(&path) {
                return Self::parse(&artifact.to_string(), &read(entry).map_err(failed)?);
            }
        }
        Err(wrong(format!("it has no {}", PATHS[0])))
    }

    /// Where the keys come from.
    pub fn from(&self) -> &str {
        &self.from
    }
}

fn read(file: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The keys of Debian 11 to 13, whose archives sign the suites to come too.
fn pinned() -> lock::Deb {
    lock::Deb {
        layer: lock::LayerName::Base,
        name: "debian-archive-keyring".to_owned(),
        version: "2025.1".to_owned(),
        architecture: "all".to_owned(),
        filename: "pool/main/d/debian-archive-keyring/debian-archive-keyring_2025.1_all.deb"
            .to_owned(),
        size: 179_244,
        sha256: lock::Sha256(PINNED),
        essential: false,
        depends: Vec::new(),
        pre_depends: Vec::new(),
    }
}

/// The sha256 of that package.
const PINNED: [u8; 32] = [
    0x9e, 0xa7, 0x77, 0x8e, 0x44, 0x31, 0x44, 0xca, 0x49, 0x06, 0x68, 0x73, 0x7a, 0x8a, 0xb2, 0x2d,
    0xd3, 0xe7, 0x48, 0xbb, 0x99, 0xe8, 0x05, 0xe2, 0x2e, 0xc0, 0x55, 0xab, 0xeb, 0x3c, 0x7f, 0xac,
];
