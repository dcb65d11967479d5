//! Paths that two parts have: the same there is fine, anything else is an error. Inside one part
//! `wheel` has looked already; this is for parts and layers, which are built without knowing each
//! other.

use std::collections::{HashMap, hash_map::Entry};

use layer::{Context, FileKind, FileRecord, Part, Rank, read_index};
use store::{Key, KeyBuilder};

use crate::{Error, Image, Result};

const KIND: &str = "ownership";
const FORMAT: &str = "strata ownership 1";

/// Checks that no part hides what another one below it has. The answer for a list of parts is kept.
///
/// # Errors
/// [`Error::Owned`] with the first such path; an index that cannot be read.
pub(crate) fn check<'p>(cx: &Context, parts: impl Iterator<Item = &'p Part>) -> Result<()> {
    let parts: Vec<&Part> = parts.collect();
    distinct(&parts)?;
    // One part has nothing beside it; inside of it paths are looked at where it is made.
    if parts.len() < 2 {
        return Ok(());
    }
    let key = key(parts.iter().copied());
    if cx.store.result::<bool>(KIND, &key)? == Some(true) {
        return Ok(());
    }
    // Others may have looked; only parts that are not here make it worth asking.
    if parts.iter().any(|part| !part.is_here())
        && cx.caches().iter().any(|cache| cache.is_owned(&key))
    {
        // Not kept: nobody has looked here.
        return Ok(());
    }
    // Folders are left out of the map but for those that stand where another part has something
    // else; so what is kept is the files.
    let mut owners: HashMap<String, (usize, FileRecord)> = HashMap::new();
    for (at, part) in parts.iter().enumerate() {
        for file in read_index(&cx.store, part)? {
            match owners.entry(file.path.clone()) {
                Entry::Vacant(free) => {
                    free.insert((at, file));
                }
                Entry::Occupied(taken) => {
                    let (below, other) = taken.get();
                    let stages = part.rank == Rank::Stage && parts[*below].rank == Rank::Stage;
                    if !stages && !same(other, &file) {
                        // What is made here may not have it.
                        let said = "it has a file that another part has otherwise";
                        for part in [part, parts[*below]] {
                            refuse_cached(part, said)?;
                        }
                        return Err(Error::Owned {
                            lower: owner(parts[*below], other),
                            upper: owner(part, &file),
                            lower_kind: word(other.kind),
                            upper_kind: word(file.kind),
                            path: file.path,
                        });
                    }
                }
            }
        }
    }
    cx.store.put_result(KIND, &key, &true)?;
    Ok(())
}

/// Refuses a part of a cache that another part of the image is as well: nothing is there twice, so what stands
/// under one of the two keys is the other's.
fn distinct(parts: &[&Part]) -> Result<()> {
    for (at, part) in parts.iter().enumerate() {
        let mut others = parts.iter().enumerate().filter(|(other, _)| *other != at);
        if let Some((_, other)) = others.find(|(_, other)| other.diff_id == part.diff_id) {
            let said = format!(
                "what it gives is another part of the image, {:?}",
                other.name
            );
            refuse_cached(part, &said)?;
        }
    }
    Ok(())
}

/// The error that a part of a cache is not to be taken; nothing for one that is from here.
fn refuse_cached(part: &Part, problem: &str) -> Result<()> {
    match &part.elsewhere {
        Some(elsewhere) => Err(Error::Part(elsewhere.error(part, problem.into()))),
        None => Ok(()),
    }
}

/// Whether it was looked at here, and no part hides another's files.
///
/// # Errors
/// A store that cannot be read.
pub fn is_owned(cx: &Context, image: &Image) -> Result<bool> {
    let key = key(image.parts());
    Ok(cx.store.result::<bool>(KIND, &key)? == Some(true))
}

/// What the answer for a list of parts stands under.
pub(crate) fn key<'p>(parts: impl Iterator<Item = &'p Part>) -> Key {
    let mut key = KeyBuilder::new(FORMAT);
    for part in parts {
        key.field("part", part.diff_id.0)
            .number("stage", u64::from(part.rank == Rank::Stage));
    }
    key.finish()
}

/// Folders are shared, whatever their modes; of files the contents count.
fn same(one: &FileRecord, other: &FileRecord) -> bool {
    one.kind == other.kind && one.content == other.content && one.size == other.size
}

fn owner(part: &Part, file: &FileRecord) -> String {
    if file.package.is_empty() {
        format!("part {:?}", part.name)
    } else {
        format!("{} (part {:?})", file.package, part.name)
    }
}

fn word(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Dir => "folder",
        FileKind::File => "file",
        FileKind::Symlink => "symbolic link",
        FileKind::Hardlink => "hard link",
    }
}
