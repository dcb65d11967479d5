//! What one part holds that a check wants to know: read once, front to back, and kept in the store
//! under the part's diff-id.

use std::{
    collections::BTreeMap,
    io::{self, Read, Seek, Write},
    os::unix::fs::FileExt,
};

use layer::{Context, Part};
use object::ReadCache;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use store::{KeyBuilder, ProgressTask, TaskKind};

use crate::{Error, Result, elf, elf::Elf};

const KIND: &str = "check-facts";
/// Version of everything that shapes [`Facts`].
const FORMAT: &str = "strata check facts 3";
/// Programs and libraries up to this size are read into memory, others go through a file, in bytes.
const IN_MEMORY: u64 = 16 << 20;
/// Texts of more bytes than this are none of those that are looked for.
const LARGEST_TEXT: u64 = 16 << 20;
/// As much of a file as tells what it is.
const HEAD: u64 = 512;

/// A part's facts, by path without the slash at the start; not UTF-8 is replaced, as in the index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// Programs and libraries.
    pub elf: BTreeMap<String, Elf>,
    /// ELF files whose tables make no sense, and why.
    pub broken: BTreeMap<String, String>,
    /// First lines of executable scripts, without `#!`.
    pub scripts: BTreeMap<String, String>,
    /// Metadata, requirements and the loader's settings.
    pub texts: BTreeMap<String, String>,
}

/// The facts of all parts, in their order; what the store lacks is read in parallel.
pub(crate) fn of_parts(cx: &Context, parts: &[&Part]) -> Result<Vec<Facts>> {
    cx.install(|| parts.par_iter().map(|part| of_part(cx, part)).collect())
}

fn of_part(cx: &Context, part: &Part) -> Result<Facts> {
    let mut key = KeyBuilder::new(FORMAT);
    key.field("diff id", part.diff_id.0);
    let key = key.finish();
    let _once = cx.store.lock(KIND, &key)?;
    if let Some(facts) = cx.store.result(KIND, &key)? {
        return Ok(facts);
    }
    let name = format!("part {}", part.name);
    let task = ProgressTask::start(
        cx.progress.clone(),
        TaskKind::Check,
        name,
        Some(part.diff_size),
    );
    let facts = read(cx, part, &|bytes| task.advance(bytes)).map_err(|source| Error::Part {
        part: part.name.clone(),
        path: part.path.clone(),
        source,
    })?;
    cx.store.put_result(KIND, &key, &facts)?;
    task.done();
    Ok(facts)
}

/// Reads a part's tar once.
fn read(cx: &Context, part: &Part, advance: &dyn Fn(u64)) -> io::Result<Facts> {
    let mut facts = Facts::default();
    walk(part, advance, |entry| {
        let header = entry.header();
        if !header.entry_type().is_file() {
            return Ok(());
        }
        let (size, mode) = (entry.size(), header.mode()?);
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut head = Vec::new();
        entry.take(HEAD).read_to_end(&mut head)?;
        if head.starts_with(b"\x7fELF") && head.len() >= 64 {
            let found = match size {
                ..=IN_MEMORY => in_memory(head, entry),
                _ => through_file(cx, &head, entry),
            };
            match found {
                Ok(elf) => drop(facts.elf.insert(path, elf)),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    facts.broken.insert(path, error.to_string());
                }
                Err(error) => return Err(error),
            }
        } else if head.starts_with(b"#!") && mode & 0o111 != 0 {
            let line = head[2..].split(|byte| *byte == b'\n').next();
            let line = String::from_utf8_lossy(line.unwrap_or_default());
            facts.scripts.insert(path, line.trim().to_owned());
        } else if is_wanted(&path) && size <= LARGEST_TEXT {
            entry.read_to_end(&mut head)?;
            let text = String::from_utf8_lossy(&head);
            let text = match path.ends_with("METADATA") || path.ends_with("PKG-INFO") {
                // What follows the first empty line is prose.
                true => text.split("\n\n").next().unwrap_or_default(),
                false => &text,
            };
            facts.texts.insert(path, text.to_owned());
        }
        Ok(())
    })?;
    Ok(facts)
}

/// Calls `each` with every entry of a part's tar, and sees that the tar is read to its end.
pub(crate) fn walk<F>(part: &Part, advance: &dyn Fn(u64), mut each: F) -> io::Result<()>
where
    F: FnMut(&mut tar::Entry<'_, Counted<'_>>) -> io::Result<()>,
{
    let blob = std::fs::File::open(&part.path)?;
    let reader = part.compression.decoder(blob)?;
    let mut tar = tar::Archive::new(Counted {
        reader,
        count: 0,
        told: 0,
        advance,
    });
    for entry in tar.entries()? {
        each(&mut entry?)?;
    }
    let mut rest = tar.into_inner();
    io::copy(&mut rest, &mut io::sink())?;
    // The tar crate takes a tar that stops between two entries for a whole one.
    match rest.count == part.diff_size {
        true => Ok(()),
        false => {
            let message = format!("{} bytes of tar, {} expected", rest.count, part.diff_size);
            Err(io::Error::new(io::ErrorKind::UnexpectedEof, message))
        }
    }
}

/// A part's tar, with what has been read of it.
pub(crate) struct Counted<'a> {
    reader: Box<dyn Read>,
    count: u64,
    told: u64,
    advance: &'a dyn Fn(u64),
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(buffer)?;
        self.count += length as u64;
        // Small reads are many: told in larger steps.
        if self.count - self.told >= 1 << 20 || length == 0 {
            (self.advance)(self.count - self.told);
            self.told = self.count;
        }
        Ok(length)
    }
}

fn in_memory(mut head: Vec<u8>, rest: &mut impl Read) -> io::Result<Elf> {
    rest.read_to_end(&mut head)?;
    let bytes = head.as_slice();
    elf::read(bytes, &|offset, out| {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = bytes.get(start..start.saturating_add(out.len()));
        let found = found.ok_or_else(|| beyond(offset))?;
        out.copy_from_slice(found);
        Ok(())
    })
}

/// The file's tables stand at both its ends, and it may be larger than memory.
fn through_file(cx: &Context, head: &[u8], rest: &mut impl Read) -> io::Result<Elf> {
    let mut file = cx.store.unnamed_file().map_err(io::Error::other)?;
    file.write_all(head)?;
    io::copy(rest, &mut file)?;
    file.rewind()?;
    let cached = ReadCache::new(file.try_clone()?);
    elf::read(&cached, &|offset, out| {
        file.read_exact_at(out, offset)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => beyond(offset),
                _ => error,
            })
    })
}

fn beyond(offset: u64) -> io::Error {
    let message = format!("the file names bytes at {offset}, beyond its end");
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Whether a file's text is kept.
fn is_wanted(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is = |ending: &str, names: &[&str]| folder.ends_with(ending) && names.contains(&name);
    is(".dist-info", &["METADATA", "RECORD", "top_level.txt"])
        || is(".egg-info", &["PKG-INFO", "top_level.txt"])
        || path.ends_with(".egg-info")
        || path == "etc/ld.so.conf"
        || (folder == "etc/ld.so.conf.d" && name.ends_with(".conf"))
        || (folder == "var/lib/dpkg/info" && name.ends_with(".list"))
        || (!path.starts_with("usr/") && is_requirements(folder, name))
}

/// Requirement files of ComfyUI and nodes; `-r` may name any text file beside them.
fn is_requirements(folder: &str, name: &str) -> bool {
    name == "pyproject.toml"
        || (name.ends_with(".txt") && (name.contains("require") || folder.split('/').count() <= 3))
}
