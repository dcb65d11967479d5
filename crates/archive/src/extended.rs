//! What stands before an entry's header and is about it: GNU's long names and PAX records.

use crate::{
    pax::{number, records},
    sparse::{Sparse, from_list},
};

/// What the headers before an entry say of it.
#[derive(Debug, Default)]
pub(crate) struct Extended {
    pub(crate) long_name: Option<Vec<u8>>,
    pub(crate) long_link: Option<Vec<u8>>,
    pub(crate) pax: Option<Pax>,
}

/// The records of a local PAX header that matter here.
#[derive(Debug, Default)]
pub(crate) struct Pax {
    pub(crate) path: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    sparse: SparseRecords,
}

#[derive(Debug, Default)]
struct SparseRecords {
    major: Option<u64>,
    minor: Option<u64>,
    name: Option<Vec<u8>>,
    size: Option<u64>,
    count: Option<u64>,
    list: Option<Vec<(u64, u64)>>,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
}

/// A sparse file as PAX records tell it.
#[derive(Debug)]
pub(crate) struct PaxSparse {
    /// Its true name, where the header has a made-up one.
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) sparse: Sparse,
    /// The map stands before the data.
    pub(crate) map_in_data: bool,
}

impl Extended {
    pub(crate) fn is_empty(&self) -> bool {
        self.long_name.is_none() && self.long_link.is_none() && self.pax.is_none()
    }
}

/// Puts `value` into an empty place. Saying it twice is an error.
pub(crate) fn once<T>(place: &mut Option<T>, value: T, what: &str) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("it has {what} twice")),
    }
}

impl Pax {
    /// Reads a local header's records. The error is a sentence.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let malformed = || "its PAX header is malformed".to_owned();
        let mut pax = Self::default();
        let sparse = &mut pax.sparse;
        for (key, value) in records(bytes).ok_or_else(malformed)? {
            let text = String::from_utf8_lossy(key);
            let value_as_number =
                || number(value).ok_or_else(|| format!("its PAX record {text} is no number"));
            match key {
                b"path" => once(&mut pax.path, value.to_vec(), &text)?,
                b"linkpath" => once(&mut pax.link, value.to_vec(), &text)?,
                b"size" => once(&mut pax.size, value_as_number()?, &text)?,
                b"GNU.sparse.major" => once(&mut sparse.major, value_as_number()?, &text)?,
                b"GNU.sparse.minor" => once(&mut sparse.minor, value_as_number()?, &text)?,
                b"GNU.sparse.name" => once(&mut sparse.name, value.to_vec(), &text)?,
                b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                    once(&mut sparse.size, value_as_number()?, &text)?;
                }
                b"GNU.sparse.numblocks" => once(&mut sparse.count, value_as_number()?, &text)?,
                b"GNU.sparse.offset" => sparse.offsets.push(value_as_number()?),
                b"GNU.sparse.numbytes" => sparse.lengths.push(value_as_number()?),
                b"GNU.sparse.map" => {
                    let list = from_list(value).ok_or_else(malformed)?;
                    once(&mut sparse.list, list, &text)?;
                }
                // Times, owners, attributes: normalised anyway.
                _ => {}
            }
        }
        Ok(pax)
    }

    /// The sparse file that the records tell of, if they do. The error is a sentence.
    pub(crate) fn sparse(&mut self) -> Result<Option<PaxSparse>, String> {
        let found = std::mem::take(&mut self.sparse);
        let map_in_data = match (found.major, found.minor) {
            (None, None) | (Some(0), Some(0 | 1)) => false,
            (Some(1), Some(0)) => true,
            (major, minor) => {
                let text = |part: Option<u64>| part.map_or("?".to_owned(), |part| part.to_string());
                let (major, minor) = (text(major), text(minor));
                return Err(format!("sparse form {major}.{minor} is not supported"));
            }
        };
        let Some(size) = found.size else {
            let told = map_in_data
                || found.name.is_some()
                || found.list.is_some()
                || !found.offsets.is_empty();
            return match told {
                true => Err("it is sparse, but its size is missing".to_owned()),
                false => Ok(None),
            };
        };
        let stretches = match found.list {
            Some(list) => list,
            None if found.offsets.len() == found.lengths.len() => {
                found.offsets.into_iter().zip(found.lengths).collect()
            }
            None => return Err("its map of holes has a length without an offset".to_owned()),
        };
        if found
            .count
            .is_some_and(|count| count != stretches.len() as u64)
        {
            return Err("its map of holes is not as long as it says".to_owned());
        }
        Ok(Some(PaxSparse {
            name: found.name,
            sparse: Sparse { size, stretches },
            map_in_data,
        }))
    }
}

/// Checks a global header: one that changes later entries' names or sizes is refused, anything
/// else (a commit's name, as git writes it) says nothing to us. The error is a sentence.
pub(crate) fn check_global(bytes: &[u8]) -> Result<(), String> {
    let records = records(bytes).ok_or("a global PAX header is malformed")?;
    let harmful = records.iter().find(|(key, _)| {
        matches!(*key, b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.")
    });
    match harmful {
        Some((key, _)) => Err(format!(
            "a global PAX header sets {} for all that follows, which is not supported",
            String::from_utf8_lossy(key)
        )),
        None => Ok(()),
    }
}
