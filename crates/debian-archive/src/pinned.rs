//! Debian's keyring as a pinned artifact, for hosts that have none: what vouches for it is the sha256
//! here, not the mirror that it comes from.

use std::io::Read;

use lock::{Deb, LayerName};
use store::{Fetcher, Store};

use crate::{Error, Keyring, Result};

const VERSION: &str = "2025.1";
const FILENAME: &str = "pool/main/d/debian-archive-keyring/debian-archive-keyring_2025.1_all.deb";
const SIZE: u64 = 179_244;
const SHA256: &str = "9ea7778e443144ca490668737a8ab22dd3e748bb99e805e22ec055abeb3c7fac";
/// The keyring in it, of several; newer packages have a `.pgp`, and the `.gpg` as a link to it.
const MEMBERS: [&str; 2] = [
    "usr/share/keyrings/debian-archive-keyring.pgp",
    "usr/share/keyrings/debian-archive-keyring.gpg",
];
/// No keyring is larger, in bytes.
const LIMIT: u64 = 16 << 20;

impl Keyring {
    /// The keys of the pinned package, from the store or a Debian archive.
    ///
    /// # Errors
    /// When it cannot be fetched or read.
    pub fn pinned(store: &Store, fetcher: &Fetcher) -> Result<Self> {
        let bad = |problem: String| Error::Keyring {
            keyring: format!("debian-archive-keyring {VERSION}"),
            problem,
        };
        let deb = Deb {
            layer: LayerName::Base,
            name: "debian-archive-keyring".to_owned(),
            version: VERSION.to_owned(),
            architecture: "all".to_owned(),
            filename: FILENAME.to_owned(),
            size: SIZE,
            sha256: SHA256
                .parse()
                .map_err(|_| bad("its pinned sha256 is none".to_owned()))?,
            essential: false,
            depends: Vec::new(),
            pre_depends: Vec::new(),
        };
        let path = fetcher.fetch(store, &deb.artifact())?;
        let package = debian::Package::open(&path, &deb).map_err(Box::new)?;
        let io = |error: std::io::Error| bad(error.to_string());
        let mut data = package.data().map_err(Box::new)?;
        for entry in data.entries().map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.path().map_err(io)?.to_string_lossy().into_owned();
            let wanted = MEMBERS.contains(&name.trim_start_matches("./"));
            if wanted && entry.header().entry_type().is_file() {
                let mut bytes = Vec::new();
                entry.take(LIMIT).read_to_end(&mut bytes).map_err(io)?;
                return Self::parse(&deb.artifact().to_string(), &bytes);
            }
        }
        Err(bad(format!("it has none of {}", MEMBERS.join(", "))))
    }
}
