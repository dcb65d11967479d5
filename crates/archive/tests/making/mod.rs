//! What the tests share: tars made block by block, sources, and trees as plain text.
#![allow(clippy::unwrap_used, dead_code)] // helpers outside of #[test] functions

use std::{collections::BTreeMap, io::Write, path::Path};

use layer::{Kind, Tree};
use lock::{LayerName, Sha256, Source, SourceKind};
use store::Store;
use strata_archive::{Result, tree};

/// A tar, member by member, past all checks: hostile ones are wanted.
#[derive(Debug, Default, Clone)]
pub struct Tar(pub Vec<u8>);

impl Tar {
    pub fn member(mut self, kind: u8, name: &str, mode: u32, link: &str, data: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        old.linkflag = [kind];
        header.set_mode(mode);
        header.set_uid(1234);
        header.set_gid(5678);
        header.set_mtime(987_654_321);
        header.set_size(data.len() as u64);
        header.set_cksum();
        self.append(&header, data);
        self
    }

    pub fn dir(self, name: &str) -> Self {
        self.member(b'5', name, 0o700, "", b"")
    }

    pub fn file(self, name: &str, data: &str) -> Self {
        self.member(b'0', name, 0o600, "", data.as_bytes())
    }

    pub fn program(self, name: &str, data: &str) -> Self {
        self.member(b'0', name, 0o4710, "", data.as_bytes())
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.member(b'2', name, 0o777, target, b"")
    }

    pub fn hardlink(self, name: &str, target: &str) -> Self {
        self.member(b'1', name, 0o644, target, b"")
    }

    /// A PAX header for the next member, or (`g`) for all that follow.
    pub fn pax(self, kind: u8, records: &[(&str, &str)]) -> Self {
        let mut text = Vec::new();
        for (key, value) in records {
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while length != rest + length.to_string().len() {
                length = rest + length.to_string().len();
            }
            text.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
        }
        self.member(kind, "pax", 0o644, "", &text)
    }

    pub fn append(&mut self, header: &tar::Header, data: &[u8]) {
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    /// With the two blocks of zeros that end it.
    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

pub fn source(kind: SourceKind) -> Source {
    Source {
        layer: LayerName::Comfy,
        name: "thing".to_owned(),
        version: "1".to_owned(),
        kind,
        project: None,
        url: None,
        filename: "thing".to_owned(),
        size: 1,
        sha256: Sha256([0; 32]),
        subfolder: String::new(),
        to: "/opt/thing".to_owned(),
        exclude: Vec::new(),
    }
}

/// Gives the tree of a source, and keeps the store that it reads from.
pub struct Built {
    pub tree: Tree,
    _folder: tempfile::TempDir,
}

pub fn build(source: &Source, bytes: &[u8]) -> Result<Built> {
    let folder = tempfile::tempdir().unwrap();
    // Nothing in the name says what it is.
    let path = folder.path().join("artifact");
    std::fs::File::create(&path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
    build_at(source, &path, folder)
}

pub fn build_at(source: &Source, path: &Path, folder: tempfile::TempDir) -> Result<Built> {
    let store = Store::open(folder.path().join("store")).unwrap();
    let tree = tree(source, path, &store)?;
    // The store's folder may go; open files stay.
    assert_eq!(
        std::fs::read_dir(store.root().join("tmp")).unwrap().count(),
        0
    );
    Ok(Built {
        tree,
        _folder: folder,
    })
}

pub fn tar_tree(bytes: &[u8]) -> Result<Built> {
    build(&source(SourceKind::Tar), bytes)
}

pub fn refused(tar: Tar) -> String {
    match tar_tree(&tar.end()) {
        Ok(built) => panic!("taken: {:?}", text(&built.tree)),
        Err(error) => error.to_string(),
    }
}

/// What a tree says of each path, without the place where it goes.
pub fn text(tree: &Tree) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in tree.iter() {
        assert_eq!((entry.uid, entry.gid, entry.xattrs.len()), (0, 0, 0));
        let path = entry.path.to_string();
        let Some(path) = path.strip_prefix("opt/thing/") else {
            continue;
        };
        let what = match &entry.kind {
            Kind::Dir => String::new(),
            Kind::File(content) => {
                let bytes = layer::read_small(content.as_ref(), 64 << 20).unwrap();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Kind::Symlink(target) => String::from_utf8_lossy(target).into_owned(),
            Kind::Hardlink(target) => target.to_string(),
        };
        let line = format!("{} {:o} {what}", entry.kind.word(), entry.mode);
        found.insert(path.to_owned(), line.trim_end().to_owned());
    }
    found
}

/// [`text`] of what is expected.
pub fn lines(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = |(path, line): &(&str, &str)| ((*path).to_owned(), (*line).to_owned());
    expected.iter().map(own).collect()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}
