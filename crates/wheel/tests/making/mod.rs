//! What the tests share: wheels made entry by entry, a scheme, and trees as plain text.
#![allow(clippy::unwrap_used, dead_code)] // helpers outside of #[test] functions

#[path = "../../../zip/tests/making/mod.rs"]
pub mod zips;

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use layer::{Kind, Tree};
use lock::{LayerName, Owner, Sha256};
use sha2::Digest;
use strata_wheel::{Install, Result, Scheme, Wheel};
use zips::{Entry, stored, zip};

pub fn sha256(bytes: &[u8]) -> String {
    let hash = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(bytes));
    format!("sha256={hash}")
}

/// A wheel to be, with true metadata and RECORD unless a test says otherwise.
#[derive(Clone)]
pub struct Maker {
    pub stem: String,
    pub entries: Vec<Entry>,
    /// Lines of RECORD beyond or instead of the true ones, by path; `None` leaves a line out.
    pub lines: BTreeMap<String, Option<String>>,
    pub purelib: bool,
    pub leave_out: Vec<&'static str>,
    pub metadata: String,
    pub format: String,
}

impl Maker {
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            stem: format!("{name}-{version}"),
            entries: Vec::new(),
            lines: BTreeMap::new(),
            purelib: true,
            leave_out: Vec::new(),
            metadata: format!(
                "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: x\n"
            ),
            format: "1.0".to_owned(),
        }
    }

    pub fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    pub fn file(self, name: &str, text: &str) -> Self {
        self.entry(stored(name, text.as_bytes()))
    }

    /// A line of RECORD instead of the true one.
    pub fn line(mut self, path: &str, line: Option<&str>) -> Self {
        self.lines.insert(path.to_owned(), line.map(str::to_owned));
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let info = |name: &str| format!("{}.dist-info/{name}", self.stem);
        let tag = if self.purelib {
            "py3-none-any"
        } else {
            "cp314-cp314-linux_x86_64"
        };
        let wheel = format!(
            "Wheel-Version: {}\nGenerator: test\nRoot-Is-Purelib: {}\nTag: {tag}\n",
            self.format, self.purelib
        );
        let mut entries = self.entries.clone();
        for (name, text) in [("METADATA", &self.metadata), ("WHEEL", &wheel)] {
            if !self.leave_out.contains(&name) {
                entries.push(stored(info(name), text.as_bytes()));
            }
        }
        let mut lines = BTreeMap::new();
        for entry in entries.iter().filter(|entry| !entry.name.ends_with('/')) {
            let content = unpacked(entry);
            let quoted = match entry.name.contains([',', '"']) {
                true => format!("\"{}\"", entry.name.replace('"', "\"\"")),
                false => entry.name.clone(),
            };
            let line = format!("{quoted},{},{}", sha256(&content), content.len());
            lines.insert(entry.name.clone(), Some(line));
        }
        lines.insert(info("RECORD"), Some(format!("{},,", info("RECORD"))));
        lines.extend(self.lines.clone());
        let record: String = lines
            .into_values()
            .flatten()
            .map(|line| line + "\n")
            .collect();
        if !self.leave_out.contains(&"RECORD") {
            entries.push(stored(info("RECORD"), record.as_bytes()));
        }
        zip(&entries)
    }

    pub fn open(&self) -> Result<Wheel> {
        let (name, version) = self.stem.rsplit_once('-').unwrap();
        self.open_as(name, version)
    }

    /// Opens it as what a lock calls `name` and `version`.
    pub fn open_as(&self, name: &str, version: &str) -> Result<Wheel> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wheel");
        std::fs::write(&path, self.bytes()).unwrap();
        // The open file outlives its name.
        Wheel::open(&path, &locked(name, version))
    }

    pub fn install(&self, owners: &[Owner]) -> Result<Install> {
        self.open()?.plan(&scheme(), owners, false)
    }

    pub fn tree(&self) -> Result<Tree> {
        self.install(&[])?.into_tree(Vec::new())
    }
}

fn unpacked(entry: &Entry) -> Vec<u8> {
    use std::io::Read;
    let mut bytes = Vec::new();
    match entry.method {
        8 => flate2::read::DeflateDecoder::new(&entry.packed[..])
            .read_to_end(&mut bytes)
            .map(|_| bytes)
            .unwrap(),
        _ => entry.packed.clone(),
    }
}

pub fn locked(name: &str, version: &str) -> lock::Wheel {
    lock::Wheel {
        layer: LayerName::Deps,
        name: name.to_owned(),
        version: version.to_owned(),
        filename: format!("{name}-{version}-py3-none-any.whl"),
        size: 1,
        sha256: Sha256([0; 32]),
        requested: false,
        url: None,
        file: None,
        index: None,
    }
}

pub fn python() -> lock::Python {
    lock::Python {
        version: "3.14.8".to_owned(),
        tag: "cp314".to_owned(),
        interpreter: "/usr/bin/python3.14".to_owned(),
        purelib: "/usr/lib/pure".to_owned(),
        platlib: "/usr/lib/plat".to_owned(),
        scripts: "/usr/bin".to_owned(),
        headers: "/usr/include/site".to_owned(),
        data: "/usr".to_owned(),
        archive: None,
    }
}

pub fn scheme() -> Scheme {
    Scheme::from_lock(&python()).unwrap()
}

/// Files of a tree: path, then mode in octal and text.
pub fn files(tree: &Tree) -> BTreeMap<String, (u32, String)> {
    let mut found = BTreeMap::new();
    for entry in tree.iter() {
        match &entry.kind {
            Kind::Dir => assert_eq!(entry.mode, 0o755),
            Kind::File(content) => {
                let bytes = layer::read_small(content.as_ref(), 64 << 20).unwrap();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                found.insert(entry.path.to_string(), (entry.mode, text));
            }
            other => panic!("{}: {}", entry.path, other.word()),
        }
    }
    found
}
