//! A wheel as it lies there: its zip, its `.dist-info`, and whether it is the one that is wanted.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use zip_reader::ZipFile;

use crate::{
    Error, Result,
    metadata::{field, same_version},
    record,
};

/// Metadata files larger than this are not a package's.
pub(crate) const SMALL: u64 = 64 << 20;

/// An open, checked wheel.
#[derive(Debug, Clone)]
pub struct Wheel {
    pub(crate) zip: ZipFile,
    /// `name-version`, the stem of the `.dist-info` and `.data` folders.
    pub(crate) stem: String,
    pub(crate) name: String,
    pub(crate) purelib: bool,
    /// RECORD: path to hash.
    pub(crate) record: BTreeMap<String, String>,
    pub(crate) entry_points: Option<String>,
}

impl Wheel {
    /// Opens a wheel and checks that it is what the lock says: name, version, format, RECORD.
    ///
    /// Contents are not hashed: the file's own sha256 is the lock's, and every entry has a CRC-32
    /// that is verified when it is read.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(path: &Path, expected: &lock::Wheel) -> Result<Self> {
        let zip = ZipFile::open(path)?;
        let stem = dist_info(&zip)?;
        let text = |name: &str| -> Result<Option<String>> {
            let wanted = format!("{stem}.dist-info/{name}");
            let at = zip
                .entries()
                .iter()
                .position(|e| e.path.as_bytes() == wanted.as_bytes());
            let bytes = at.map(|at| zip.read(at, SMALL)).transpose()?;
            Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        };
        let must = |name: &str| {
            text(name)?.ok_or_else(|| Error::Missing(format!("{stem}.dist-info/{name}")))
        };
        let (metadata, wheel, record) = (must("METADATA")?, must("WHEEL")?, must("RECORD")?);
        let format = field(&wheel, "Wheel-Version").unwrap_or("none");
        if !format.starts_with("1.") {
            return Err(Error::WheelVersion(format.to_owned()));
        }
        let name = field(&metadata, "Name").unwrap_or_default().to_owned();
        let version = field(&metadata, "Version").unwrap_or_default();
        let other = |field, expected: &str, found: &str| {
            let (expected, found) = (expected.to_owned(), found.to_owned());
            Err(Error::Other {
                field,
                expected,
                found,
            })
        };
        if lock::normalised(&name) != lock::normalised(&expected.name) {
            return other("Name", &expected.name, &name);
        }
        if !same_version(version, &expected.version) {
            return other("Version", &expected.version, version);
        }
        let purelib =
            field(&wheel, "Root-Is-Purelib").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let record = record::parse(&record)?;
        check_record(&zip, &record, &stem)?;
        let entry_points = text("entry_points.txt")?;
        Ok(Self {
            zip,
            stem,
            name,
            purelib,
            record,
            entry_points,
        })
    }
}

fn dist_info(zip: &ZipFile) -> Result<String> {
    let mut stems = BTreeSet::new();
    for entry in zip.entries() {
        let path = String::from_utf8_lossy(entry.path.as_bytes()).into_owned();
        let top = path.split('/').next().unwrap_or_default();
        if let Some(stem) = top.strip_suffix(".dist-info") {
            stems.insert(stem.to_owned());
        }
    }
    let mut stems = stems.into_iter();
    match (stems.next(), stems.next()) {
        (Some(stem), None) => Ok(stem),
        (None, _) => Err(Error::Missing(".dist-info folder".to_owned())),
        (Some(one), Some(other)) => Err(Error::TwoDistInfo(one, other)),
    }
}

/// Every file stands in RECORD, but for RECORD itself and its signatures; every line has a file.
fn check_record(zip: &ZipFile, record: &BTreeMap<String, String>, stem: &str) -> Result<()> {
    let exempt = |path: &str| {
        path.strip_prefix(stem)
            .and_then(|rest| rest.strip_prefix(".dist-info/RECORD"))
            .is_some_and(|rest| matches!(rest, "" | ".jws" | ".p7s"))
    };
    let mut files = BTreeSet::new();
    for entry in zip.entries().iter().filter(|entry| !entry.is_dir) {
        let path = entry.path.to_string();
        if entry.is_symlink() {
            return Err(Error::Kind {
                path,
                kind: "symbolic link",
            });
        }
        if !exempt(&path) && !record.contains_key(&path) {
            return Err(Error::Record {
                path,
                problem: "in the wheel but not in its RECORD",
            });
        }
        files.insert(path);
    }
    for path in record.keys() {
        if !files.contains(path) && !exempt(path) {
            let path = path.clone();
            return Err(Error::Record {
                path,
                problem: "in RECORD but not in the wheel",
            });
        }
    }
    Ok(())
}
