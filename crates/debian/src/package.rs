//! A package file: its control information, and its data as a stream.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use deb822_fast::Paragraph;
use decode::Encoding;

use crate::{
    Error, Result,
    ar::{Member, members},
    error::io as io_error,
};

/// Control files larger than this, in bytes, are not a package's.
const LARGEST_CONTROL: u64 = 64 << 20;

/// A Debian binary package (deb(5)).
#[derive(Debug)]
pub struct Package {
    /// What a person calls it: name, version and file name.
    pub artifact: String,
    /// `Package`.
    pub name: String,
    /// `Version`.
    pub version: String,
    /// The control file's text, without an empty line at the end.
    pub control: String,
    /// The other members of the control archive, by name: scripts, conffiles, triggers, md5sums.
    pub members: BTreeMap<String, Vec<u8>>,
    fields: Paragraph,
    path: PathBuf,
    file: Arc<File>,
    data: Member,
}

impl Package {
    /// Opens a package and checks that it is what the lock says. Its sha256 is the fetcher's
    /// business.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Format`], and [`Error::Other`] for a package of another name,
    /// version or architecture.
    pub fn open(path: &Path, expected: &lock::Deb) -> Result<Self> {
        let artifact = expected.artifact().to_string();
        let format = |problem| Error::Format {
            artifact: artifact.clone(),
            problem,
        };
        let file = Arc::new(File::open(path).map_err(io_error(path))?);
        let (control, data) = parts(&file).map_err(format)?;
        let mut members = read_control(&file, &control).map_err(format)?;
        let control = members
            .remove("control")
            .ok_or_else(|| format("it has no control file".to_owned()))?;
        let control = String::from_utf8_lossy(&control).trim().to_owned();
        let fields: Paragraph = control
            .parse()
            .map_err(|error| format(format!("control file: {error}")))?;
        for (field, expected) in [
            ("Package", &expected.name),
            ("Version", &expected.version),
            ("Architecture", &expected.architecture),
        ] {
            let found = fields.get(field).unwrap_or_default().trim();
            if found != *expected {
                let (expected, found) = (expected.clone(), found.to_owned());
                return Err(Error::Other {
                    artifact,
                    field,
                    expected,
                    found,
                });
            }
        }
        Ok(Self {
            artifact,
            name: expected.name.clone(),
            version: expected.version.clone(),
            control,
            members,
            fields,
            path: path.to_owned(),
            file,
            data,
        })
    }

    /// A field of the control file.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(str::trim)
    }

    /// The name that dpkg's database has for it. Where several architectures of a package may be
    /// installed together (`Multi-Arch: same`), the architecture is part of it: `libc6:amd64`.
    pub fn database_name(&self) -> String {
        match (self.field("Multi-Arch"), self.field("Architecture")) {
            (Some("same"), Some(architecture)) => format!("{}:{architecture}", self.name),
            _ => self.name.clone(),
        }
    }

    /// Absolute paths of its conffiles, in the package's order (deb-conffiles(5)).
    pub fn conffiles(&self) -> Vec<String> {
        let all = self.conffile_lines().into_iter();
        all.filter(|(flag, _)| flag.is_none())
            .map(|(_, path)| path)
            .collect()
    }

    /// Lines of the conffiles member. A flag, `remove-on-upgrade`, marks a path that the package
    /// does not have any more.
    pub(crate) fn conffile_lines(&self) -> Vec<(Option<String>, String)> {
        String::from_utf8_lossy(self.member("conffiles"))
            .lines()
            .filter_map(|line| match line.trim().split_once("/") {
                Some(("", rest)) => Some((None, format!("/{rest}"))),
                Some((flag, rest)) => Some((Some(flag.trim().to_owned()), format!("/{rest}"))),
                None => None,
            })
            .collect()
    }

    /// A member of the control archive; empty where there is none.
    pub fn member(&self, name: &str) -> &[u8] {
        self.members
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Whether installing it runs a script of its own.
    pub(crate) fn is_scripted(&self) -> bool {
        ["preinst", "postinst"]
            .iter()
            .any(|name| self.members.contains_key(*name))
    }

    /// The data archive, decompressed as it is read.
    ///
    /// # Errors
    /// [`Error::Format`] for a compression that deb(5) does not have.
    pub fn data(&self) -> Result<tar::Archive<Box<dyn Read>>> {
        let format = |problem| Error::Format {
            artifact: self.artifact.clone(),
            problem,
        };
        Ok(tar::Archive::new(
            decoder(&self.file, &self.data).map_err(format)?,
        ))
    }

    /// The data archive's size as it is stored, in bytes.
    pub fn data_size(&self) -> u64 {
        self.data.size
    }

    /// The file on disk.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The control and the data member, the archive being of format 2. The error is a sentence.
fn parts(file: &File) -> Result<(Member, Member), String> {
    let members = members(file)?;
    // Members whose name begins with an underscore are for others (deb(5)).
    let mut members = members.into_iter();
    let first = members.next().ok_or("the ar archive is empty")?;
    if first.name != "debian-binary" {
        return Err(format!(
            "expected debian-binary as the first member, found {}",
            first.name
        ));
    }
    let mut version = vec![0; first.size.min(8) as usize];
    file.read_exact_at(&mut version, first.offset)
        .map_err(|error| error.to_string())?;
    if !version.starts_with(b"2.") {
        let found = String::from_utf8_lossy(&version);
        return Err(format!(
            "expected format version 2, found {:?}",
            found.trim_end()
        ));
    }
    let mut members = members.filter(|member| !member.name.starts_with('_'));
    let mut next = |stem: &str| {
        let member = members
            .next()
            .ok_or_else(|| format!("it has no {stem} member"))?;
        let ending = member.name.strip_prefix(stem);
        if ending.is_some_and(|ending| ending.is_empty() || ending.starts_with('.')) {
            Ok(member)
        } else {
            Err(format!(
                "expected {stem} as the next member, found {}",
                member.name
            ))
        }
    };
    Ok((next("control.tar")?, next("data.tar")?))
}

fn read_control(file: &Arc<File>, member: &Member) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut archive = tar::Archive::new(decoder(file, member)?);
    let mut files = BTreeMap::new();
    let mut left = LARGEST_CONTROL;
    let failed = |error: io::Error| format!("{}: {error}", member.name);
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = name.trim_start_matches("./").to_owned();
        if !entry.header().entry_type().is_file() || name.contains('/') {
            continue;
        }
        let size = entry.size();
        left = left
            .checked_sub(size)
            .ok_or_else(|| format!("control file {name} has {size} bytes, which is too much"))?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != size {
            let found = bytes.len();
            return Err(format!(
                "control file {name} should have {size} bytes, found {found}"
            ));
        }
        files.insert(name, bytes);
    }
    Ok(files)
}

/// A stretch of a file. Several can be read at once: the file's own position takes no part.
struct Stretch {
    file: Arc<File>,
    at: u64,
    end: u64,
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let want = (self.end - self.at).min(buffer.len() as u64) as usize;
        let read = self.file.read_at(&mut buffer[..want], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

fn decoder(file: &Arc<File>, member: &Member) -> Result<Box<dyn Read>, String> {
    let raw = Stretch {
        file: file.clone(),
        at: member.offset,
        end: member.offset + member.size,
    };
    let raw = BufReader::with_capacity(128 << 10, raw);
    let ending = member
        .name
        .split_once(".tar")
        .map_or("", |(_, ending)| ending);
    let encoding = match ending {
        "" => Encoding::Plain,
        ".gz" => Encoding::Gzip,
        ".xz" => Encoding::Xz,
        ".zst" => Encoding::Zstd,
        other => {
            return Err(format!(
                "{}: compression {other} is not supported",
                member.name
            ));
        }
    };
    encoding
        .reader(raw)
        .map_err(|error| format!("{}: {error}", member.name))
}
