//! The central directory: end records, zip64, and one entry for each file.

use std::{
    collections::BTreeSet,
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use layer::EntryPath;

use crate::{Error, Result};

/// A central directory larger than this is not a package's.
const LARGEST_DIRECTORY: u64 = 256 << 20;

/// An open zip. Clones share the file.
#[derive(Debug, Clone)]
pub struct ZipFile(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) entries: Vec<ZipEntry>,
}

/// How an entry is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As it is.
    Stored,
    /// Deflate (RFC 1951).
    Deflated,
}

/// One entry, as the central directory has it.
#[derive(Debug, Clone)]
pub struct ZipEntry {
    /// Its checked path.
    pub path: EntryPath,
    /// Whether it is a folder (its name ends with a slash).
    pub is_dir: bool,
    /// The Unix mode, where a Unix system made the zip or the type bits are set.
    pub unix_mode: Option<u32>,
    /// How it is packed.
    pub method: Method,
    /// Size in bytes.
    pub size: u64,
    /// Packed size in bytes.
    pub compressed_size: u64,
    /// CRC-32 of the content.
    pub crc32: u32,
    pub(crate) header_offset: u64,
    pub(crate) raw_name: Vec<u8>,
}

impl ZipEntry {
    /// Whether any execute bit is set.
    pub fn is_executable(&self) -> bool {
        self.unix_mode.is_some_and(|mode| mode & 0o111 != 0)
    }

    /// Whether its mode says that it is a regular file. Some writers leave the type out.
    pub fn is_regular(&self) -> bool {
        self.unix_mode
            .is_some_and(|mode| mode & 0o170_000 == 0o100_000)
    }

    /// Whether it is a symbolic link (Info-ZIP's way).
    pub fn is_symlink(&self) -> bool {
        self.unix_mode
            .is_some_and(|mode| mode & 0o170_000 == 0o120_000)
    }
}

impl ZipFile {
    /// Reads and checks the central directory.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(path: &Path) -> Result<Self> {
        let io = |source| Error::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let source = Bytes {
            file: &file,
            path,
            length,
        };
        let end = end_record(&source)?;
        let directory = source.read(end.offset, end.size, "central directory")?;
        let entries = entries(&directory, &end, end.offset)?;
        check_overlaps(&entries, end.offset)?;
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            file,
            entries,
        })))
    }

    /// The entries, in the order of the central directory.
    pub fn entries(&self) -> &[ZipEntry] {
        &self.0.entries
    }

    /// The file on disk.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

struct Bytes<'f> {
    file: &'f File,
    path: &'f Path,
    length: u64,
}

impl Bytes<'_> {
    fn read(&self, offset: u64, size: u64, what: &str) -> Result<Vec<u8>> {
        let whole = offset
            .checked_add(size)
            .is_some_and(|end| end <= self.length);
        if !whole || size > LARGEST_DIRECTORY {
            let problem = format!(
                "the {what} should have {size} bytes here, the file has {} in all",
                self.length
            );
            return Err(Error::Damaged { offset, problem });
        }
        let mut bytes = vec![0; size as usize];
        self.file
            .read_exact_at(&mut bytes, offset)
            .map_err(|source| Error::Io {
                path: self.path.to_owned(),
                source,
            })?;
        Ok(bytes)
    }
}

struct End {
    offset: u64,
    size: u64,
    count: u64,
}

/// Little-endian numbers out of a record, in order.
pub(crate) struct Fields<'b>(pub(crate) &'b [u8]);

impl<'b> Fields<'b> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn number(&mut self, bytes: usize) -> Option<u64> {
        Some(
            self.take(bytes)?
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }
}

fn end_record(source: &Bytes<'_>) -> Result<End> {
    // 22 bytes and a comment of at most 65,535.
    let tail_size = source.length.min(22 + 65_535);
    let tail_at = source.length - tail_size;
    let tail = source.read(tail_at, tail_size, "end")?;
    let at = (0..tail.len().saturating_sub(21))
        .rev()
        .find(|at| {
            let comment = || u16::from_le_bytes([tail[at + 20], tail[at + 21]]) as usize;
            tail[*at..].starts_with(b"PK\x05\x06") && at + 22 + comment() == tail.len()
        })
        .ok_or(Error::NoEnd)?;
    let offset = tail_at + at as u64;
    let damaged = |problem: &str| Error::Damaged {
        offset,
        problem: problem.to_owned(),
    };
    let mut fields = Fields(&tail[at + 4..]);
    let mut next = |bytes| fields.number(bytes).ok_or(Error::NoEnd);
    let (disk, first_disk, _, count, size, start) =
        (next(2)?, next(2)?, next(2)?, next(2)?, next(4)?, next(4)?);
    let needs_64 = count == 0xffff || size == 0xffff_ffff || start == 0xffff_ffff;
    let locator = offset
        .checked_sub(20)
        .map(|at| source.read(at, 20, "zip64 locator"))
        .transpose()?
        .filter(|locator| locator.starts_with(b"PK\x06\x07"));
    let end = match (needs_64, locator) {
        (true, Some(locator)) => {
            let mut fields = Fields(&locator[8..]);
            let at = fields
                .number(8)
                .ok_or_else(|| damaged("zip64 locator cut short"))?;
            let record = source.read(at, 56, "zip64 end record")?;
            if !record.starts_with(b"PK\x06\x06") {
                let problem = "expected the zip64 end record".to_owned();
                return Err(Error::Damaged {
                    offset: at,
                    problem,
                });
            }
            let mut fields = Fields(&record[32..]);
            let mut next = || {
                fields
                    .number(8)
                    .ok_or_else(|| damaged("zip64 end cut short"))
            };
            let (count, size, start) = (next()?, next()?, next()?);
            End {
                offset: start,
                size,
                count,
            }
        }
        (true, None) => return Err(damaged("a zip64 locator is expected before the end record")),
        (false, _) if disk != 0 || first_disk != 0 => return Err(Error::MultiDisk),
        (false, _) => End {
            offset: start,
            size,
            count,
        },
    };
    if end
        .offset
        .checked_add(end.size)
        .is_none_or(|stop| stop > offset)
    {
        return Err(damaged(
            "the central directory reaches beyond the end record",
        ));
    }
    Ok(end)
}

fn entries(directory: &[u8], end: &End, base: u64) -> Result<Vec<ZipEntry>> {
    let mut fields = Fields(directory);
    let mut entries = Vec::new();
    let mut names = BTreeSet::new();
    while !fields.0.is_empty() {
        let offset = base + (directory.len() - fields.0.len()) as u64;
        let entry = entry(&mut fields).unwrap_or_else(|| {
            Err(Error::Damaged {
                offset,
                problem: "a directory entry is cut short".to_owned(),
            })
        })?;
        if !names.insert(entry.path.clone()) {
            return Err(Error::Duplicate(entry.path.to_string()));
        }
        entries.push(entry);
    }
    if entries.len() as u64 != end.count {
        let problem = format!("{} entries announced, {} found", end.count, entries.len());
        return Err(Error::Damaged {
            offset: end.offset,
            problem,
        });
    }
    Ok(entries)
}

/// One record of the central directory; `None` where it is cut short.
fn entry(fields: &mut Fields<'_>) -> Option<Result<ZipEntry>> {
    let head = fields.take(46)?;
    if !head.starts_with(b"PK\x01\x02") {
        return None;
    }
    let mut head = Fields(&head[4..]);
    let made_by = head.number(2)?;
    let _needs = head.number(2)?;
    let flags = head.number(2)?;
    let method = head.number(2)?;
    let _time = head.number(4)?;
    let crc32 = head.number(4)? as u32;
    let mut compressed_size = head.number(4)?;
    let mut size = head.number(4)?;
    let (name, extra, comment) = (head.number(2)?, head.number(2)?, head.number(2)?);
    let _disk = head.number(2)?;
    let _internal = head.number(2)?;
    let external = head.number(4)? as u32;
    let mut header_offset = head.number(4)?;
    let raw_name = fields.take(name as usize)?.to_vec();
    let mut extras = Fields(fields.take(extra as usize)?);
    fields.take(comment as usize)?;
    while extras.0.len() >= 4 {
        let (id, length) = (extras.number(2)?, extras.number(2)?);
        let mut data = Fields(extras.take(length as usize)?);
        if id == 1 {
            // Zip64: only the fields that do not fit stand here, in this order.
            for field in [&mut size, &mut compressed_size, &mut header_offset] {
                if *field == 0xffff_ffff {
                    *field = data.number(8)?;
                }
            }
        }
    }
    let shown = String::from_utf8_lossy(&raw_name).into_owned();
    let unsupported = |feature: String| {
        Some(Err(Error::Unsupported {
            entry: shown.clone(),
            feature,
        }))
    };
    if flags & 1 != 0 {
        return unsupported("encryption".to_owned());
    }
    let method = match method {
        0 => Method::Stored,
        8 => Method::Deflated,
        other => return unsupported(format!("compression method {other}")),
    };
    let path = match EntryPath::new(&raw_name) {
        Ok(path) => path,
        Err(source) => {
            return Some(Err(Error::Path {
                entry: shown,
                source,
            }));
        }
    };
    if method == Method::Stored && size != compressed_size {
        let found = compressed_size.to_string();
        return Some(Err(Error::Size {
            entry: shown,
            expected: size,
            found,
        }));
    }
    Some(Ok(ZipEntry {
        path,
        is_dir: raw_name.last() == Some(&b'/'),
        // Writers on other systems set it too; then the type bits tell that it is one.
        unix_mode: (made_by >> 8 == 3 || external >> 28 != 0).then_some(external >> 16),
        method,
        size,
        compressed_size,
        crc32,
        header_offset,
        raw_name,
    }))
}

fn check_overlaps(entries: &[ZipEntry], directory: u64) -> Result<()> {
    let mut by_offset: Vec<&ZipEntry> = entries.iter().collect();
    by_offset.sort_by_key(|entry| entry.header_offset);
    let mut free = 0;
    for entry in by_offset {
        let least = 30 + entry.raw_name.len() as u64 + entry.compressed_size;
        let end = entry
            .header_offset
            .checked_add(least)
            .filter(|end| *end <= directory);
        match end {
            Some(end) if entry.header_offset >= free => free = end,
            _ => {
                return Err(Error::Overlap {
                    entry: entry.path.to_string(),
                });
            }
        }
    }
    Ok(())
}
