//! Packages made by tests: by hand, so that hostile ones can be made too.

#![allow(clippy::unwrap_used)]

use std::{fs, io::Write, os::unix::fs::MetadataExt, path::Path, sync::Arc};

use lock::{Deb, LayerName, Sha256};
use store::{Fetcher, Places, Silent, Store};
use tar::{EntryType, Header};

use crate::Package;

/// A tar, member by member.
#[derive(Debug, Default)]
pub(crate) struct Tar(pub(crate) Vec<u8>);

impl Tar {
    pub(crate) fn member(mut self, kind: EntryType, name: &str, mode: u32, data: &[u8]) -> Self {
        let header = header(kind, name, mode, data.len() as u64, "");
        self.append(&header, data);
        self
    }

    pub(crate) fn dir(self, name: &str, mode: u32) -> Self {
        self.member(EntryType::Directory, name, mode, b"")
    }

    pub(crate) fn file(self, name: &str, data: &str) -> Self {
        self.member(EntryType::Regular, name, 0o644, data.as_bytes())
    }

    pub(crate) fn owned(mut self, name: &str, mode: u32, uid: u64, gid: u64) -> Self {
        let mut header = header(EntryType::Regular, name, mode, 0, "");
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_cksum();
        self.append(&header, b"");
        self
    }

    pub(crate) fn link(mut self, kind: EntryType, name: &str, target: &str) -> Self {
        let header = header(kind, name, 0o777, 0, target);
        self.append(&header, b"");
        self
    }

    /// With names of any length, as GNU tar writes them.
    pub(crate) fn long(mut self, name: &str, data: &str) -> Self {
        let mut longer = header(EntryType::GNULongName, "././@LongLink", 0, 0, "");
        longer.set_size(name.len() as u64 + 1);
        longer.set_cksum();
        self.append(&longer, format!("{name}\0").as_bytes());
        self.file("cut", data)
    }

    pub(crate) fn append(&mut self, header: &Header, data: &[u8]) {
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(data);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn header(kind: EntryType, name: &str, mode: u32, size: u64, link: &str) -> Header {
    let mut header = Header::new_gnu();
    // Past the crate's own checks: hostile names are wanted.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1);
    header.set_size(size);
    header.set_cksum();
    header
}

/// How a data archive is stored.
pub(crate) fn compressed(ending: &str, tar: &[u8]) -> Vec<u8> {
    match ending {
        "" => tar.to_vec(),
        ".gz" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(tar).unwrap();
            out.finish().unwrap()
        }
        ".xz" => {
            let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
            out.write_all(tar).unwrap();
            out.finish().unwrap()
        }
        ".zst" => zstd::encode_all(tar, 1).unwrap(),
        other => panic!("{other}"),
    }
}

/// An ar archive of these members.
pub(crate) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, data) in members {
        let head = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            0,
            0,
            0,
            100_644,
            data.len()
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

/// A lock's entry.
pub(crate) fn deb(name: &str) -> Deb {
    Deb {
        layer: LayerName::Base,
        name: name.to_owned(),
        version: "1.0".to_owned(),
        architecture: "all".to_owned(),
        filename: format!("pool/{name}_1.0_all.deb"),
        size: 1,
        sha256: Sha256([0; 32]),
        essential: false,
        depends: Vec::new(),
        pre_depends: Vec::new(),
    }
}

/// A package with more control fields (`Replaces: x`, each with its newline) and members.
pub(crate) fn package(
    folder: &Path,
    name: &str,
    fields: &str,
    members: &[(&str, &str)],
    data: Tar,
) -> Package {
    let control = format!("Package: {name}\nVersion: 1.0\nArchitecture: all\n{fields}");
    let mut archive = Tar::default().dir("./", 0o755).file("./control", &control);
    for (name, text) in members {
        archive = archive.file(&format!("./{name}"), text);
    }
    let control = compressed(".gz", &archive.end());
    let data = compressed(".xz", &data.end());
    let bytes = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", &control),
        ("data.tar.xz", &data),
    ]);
    let path = folder.join(format!("{name}.deb"));
    std::fs::write(&path, bytes).unwrap();
    Package::open(&path, &deb(name)).unwrap()
}

/// A context that fetches nothing.
pub(crate) fn context(folder: &Path) -> layer::Context {
    context_of(folder, 2)
}

/// The same with so many threads.
pub(crate) fn context_of(folder: &Path, threads: usize) -> layer::Context {
    let store = Store::open(folder.join("store")).unwrap();
    let fetcher = Fetcher::new(Places::none(), Arc::new(Silent), true);
    layer::Context::with_threads(store, fetcher, threads).unwrap()
}

/// Every path below a folder; of files the mode, number of names, time and content, too.
pub(crate) fn all_below(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            let shown = path.strip_prefix(root).unwrap().display();
            found.push(if about.is_dir() {
                folders.push(path.clone());
                shown.to_string()
            } else if about.is_symlink() {
                format!("{shown} {:?}", fs::read_link(&path).unwrap())
            } else {
                let (mode, links, time) = (about.mode(), about.nlink(), about.mtime());
                let holds = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                format!("{shown} {mode:o} {links} {time} {holds}")
            });
        }
    }
    found.sort();
    found
}
