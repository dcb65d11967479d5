//! A package file: its control information, and its data as a stream.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, Result,
    ar::{Member, members},
    error::io as io_error,
};

/// Control files larger than this are not a package's.
const LARGEST_CONTROL: u64 = 64 << 20;

/// A Debian binary package.
#[derive(Debug)]
pub struct Package {
    /// What a person calls it: name and version.
    pub artifact: String,
    /// `Package`.
    pub name: String,
    /// The control file's text.
    pub control: String,
    /// The other members of the control archive, by name: scripts, conffiles, triggers, md5sums.
    pub members: BTreeMap<String, Vec<u8>>,
    path: PathBuf,
    file: Arc<File>,
    data: Member,
}

impl Package {
    /// Opens a package and checks that it is what the lock says.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(path: &Path, expected: &lock::Deb) -> Result<Self> {
        let artifact = expected.artifact().to_string();
        let format = |problem| Error::Format {
            artifact: artifact.clone(),
            problem,
        };
        let file = Arc::new(File::open(path).map_err(io_error(path))?);
        let members = members(&file).map_err(format)?;
        let [version, rest @ ..] = members.as_slice() else {
            return Err(format("the ar archive is empty".to_owned()));
        };
        if version.name != "debian-binary" {
            let found = &version.name;
            return Err(format(format!(
                "expected debian-binary as the first member, found {found}"
            )));
        }
        let find = |stem: &str| {
            rest.iter()
                .find(|member| member.name == stem || member.name.starts_with(&format!("{stem}.")))
                .cloned()
                .ok_or_else(|| format(format!("it has no {stem} member")))
        };
        let (control, data) = (find("control.tar")?, find("data.tar")?);
        let mut files = BTreeMap::new();
        let reader = decoder(&file, &control).map_err(format)?;
        let mut archive = tar::Archive::new(reader);
        for entry in archive
            .entries()
            .map_err(|error| format(error.to_string()))?
        {
            let mut entry = entry.map_err(|error| format(format!("control.tar: {error}")))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = name.trim_start_matches("./").to_owned();
            if !entry.header().entry_type().is_file() || name.contains('/') {
                continue;
            }
            if entry.size() > LARGEST_CONTROL {
                return Err(format(format!(
                    "control file {name} has {} bytes",
                    entry.size()
                )));
            }
            let mut bytes = Vec::new();
            entry
                .read_to_end(&mut bytes)
                .map_err(|error| format(format!("{name}: {error}")))?;
            files.insert(name, bytes);
        }
        let control = files
            .remove("control")
            .ok_or_else(|| format("no control file".to_owned()))?;
        let control = String::from_utf8_lossy(&control).trim_end().to_owned();
        let package = Self {
            artifact: artifact.clone(),
            name: expected.name.clone(),
            control,
            members: files,
            path: path.to_owned(),
            file,
            data,
        };
        for (field, expected) in [
            ("Package", &expected.name),
            ("Version", &expected.version),
            ("Architecture", &expected.architecture),
        ] {
            let found = package.field(field).unwrap_or_default();
            if found != *expected {
                let expected = expected.clone();
                return Err(Error::Other {
                    artifact,
                    field,
                    expected,
                    found,
                });
            }
        }
        Ok(package)
    }

    /// A field of the control file.
    pub fn field(&self, name: &str) -> Option<String> {
        let paragraph: deb822_fast::Paragraph = self.control.parse().ok()?;
        paragraph.get(name).map(|value| value.trim().to_owned())
    }

    /// Whether several architectures of it may be installed: its database files are then named
    /// with the architecture.
    pub fn is_multi_arch_same(&self) -> bool {
        self.field("Multi-Arch")
            .is_some_and(|value| value == "same")
    }

    /// The name of its database files: `libc6:amd64`, `bash`.
    pub fn database_name(&self) -> String {
        match self.field("Architecture") {
            Some(architecture) if self.is_multi_arch_same() => {
                format!("{}:{architecture}", self.name)
            }
            _ => self.name.clone(),
        }
    }

    /// The lines of a control member, without comments and empty ones.
    pub fn lines(&self, member: &str) -> Vec<String> {
        let bytes = self
            .members
            .get(member)
            .map(Vec::as_slice)
            .unwrap_or_default();
        String::from_utf8_lossy(bytes)
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect()
    }

    /// Paths of its conffiles, absolute.
    pub fn conffiles(&self) -> Vec<String> {
        let flagged = |line: String| !line.starts_with("remove-on-upgrade");
        self.lines("conffiles")
            .into_iter()
            .filter(|line| flagged(line.clone()))
            .collect()
    }

    /// The data archive, unpacked as it is read.
    ///
    /// # Errors
    /// A compression that deb(5) does not have.
    pub fn data(&self) -> Result<tar::Archive<Box<dyn Read>>> {
        let format = |problem| Error::Format {
            artifact: self.artifact.clone(),
            problem,
        };
        Ok(tar::Archive::new(
            decoder(&self.file, &self.data).map_err(format)?,
        ))
    }

    /// The file on disk.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

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
    Ok(match ending {
        "" => Box::new(raw),
        ".gz" => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
        ".xz" => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(raw)),
        ".zst" => Box::new(zstd::Decoder::with_buffer(raw).map_err(|error| error.to_string())?),
        other => {
            return Err(format!(
                "{}: compression {other} is not supported",
                member.name
            ));
        }
    })
}
