//! The tar form of an entry: ustar headers, PAX only where ustar cannot say it.
//!
//! Everything that differs between machines is fixed: mtime 1980-01-01T00:00:00Z, no owner names,
//! no device numbers. PAX records (POSIX.1-2008 pax) are written for paths and link targets that
//! do not fit, sizes from 8 GiB on, large owner numbers and extended attributes, in that order.

use std::io::{self, Write};

use crate::{Entry, EntryPath, Kind};

/// 1980-01-01T00:00:00Z, the earliest time that a zip can hold, in seconds since the epoch.
pub const MTIME: u64 = 315_532_800;

/// Blocks of zeros that end an archive.
pub(crate) const END: [u8; 1024] = [0; 1024];

/// Numbers from here on do not fit ustar's octal fields.
const LARGEST_ID: u64 = 0o7_777_777;
const LARGEST_SIZE: u64 = 0o77_777_777_777;

/// Bytes of padding after `size` bytes of content.
pub(crate) fn padding(size: u64) -> &'static [u8] {
    &[0; 512][..((512 - size % 512) % 512) as usize]
}

/// Bytes that the entry takes in an archive, header and padding included. An estimate: PAX
/// headers are not counted.
pub(crate) fn estimate(entry: &Entry) -> u64 {
    let size = content_size(entry);
    512 + size + padding(size).len() as u64
}

/// Size of the content that follows the entry's header.
pub(crate) fn content_size(entry: &Entry) -> u64 {
    match &entry.kind {
        Kind::File(content) => content.size(),
        _ => 0,
    }
}

/// Writes the header of `entry`, with a PAX header before it where one is needed.
pub(crate) fn write_header(entry: &Entry, out: &mut dyn Write) -> io::Result<()> {
    let size = content_size(entry);
    let (kind, link): (_, &[u8]) = match &entry.kind {
        Kind::Dir => (tar::EntryType::Directory, b""),
        Kind::File(_) => (tar::EntryType::Regular, b""),
        Kind::Symlink(target) => (tar::EntryType::Symlink, target),
        Kind::Hardlink(target) => (tar::EntryType::Link, target.as_bytes()),
    };
    let mut path = entry.path.as_bytes().to_vec();
    if matches!(entry.kind, Kind::Dir) {
        path.push(b'/');
    }
    let mut pax = Vec::new();
    let mut header = tar::Header::new_ustar();
    if !place_path(&mut header, &path) {
        record(&mut pax, "path", &path);
    }
    if link.len() <= 100 && link.is_ascii() {
        place(&mut header.as_old_mut().linkname, link);
    } else {
        record(&mut pax, "linkpath", link);
        place(&mut header.as_old_mut().linkname, &ascii_prefix(link, 100));
    }
    if size > LARGEST_SIZE {
        record(&mut pax, "size", size.to_string().as_bytes());
    }
    for (name, id) in [("uid", entry.uid), ("gid", entry.gid)] {
        if u64::from(id) > LARGEST_ID {
            record(&mut pax, name, id.to_string().as_bytes());
        }
    }
    for (name, value) in &entry.xattrs {
        record(&mut pax, &format!("SCHILY.xattr.{name}"), value);
    }
    if !pax.is_empty() {
        let mut extended = tar::Header::new_ustar();
        // A fixed name: readers that do not know PAX would write it to disk, once.
        place(&mut extended.as_old_mut().name, b"././@PaxHeader");
        finish(
            &mut extended,
            tar::EntryType::XHeader,
            0o644,
            0,
            0,
            pax.len() as u64,
        );
        out.write_all(extended.as_bytes())?;
        out.write_all(&pax)?;
        out.write_all(padding(pax.len() as u64))?;
    }
    let id = |id: u32| {
        if u64::from(id) > LARGEST_ID {
            0
        } else {
            u64::from(id)
        }
    };
    let shown = if size > LARGEST_SIZE { 0 } else { size };
    finish(
        &mut header,
        kind,
        entry.mode,
        id(entry.uid),
        id(entry.gid),
        shown,
    );
    out.write_all(header.as_bytes())
}

fn finish(
    header: &mut tar::Header,
    kind: tar::EntryType,
    mode: u32,
    uid: u64,
    gid: u64,
    size: u64,
) {
    header.set_entry_type(kind);
    header.set_mode(mode & 0o7777);
    header.set_uid(uid);
    header.set_gid(gid);
    header.set_size(size);
    header.set_mtime(MTIME);
    header.set_cksum();
}

/// Puts the path into `name`, or `prefix` and `name`; where it does not fit, a part of it, and
/// says so by `false`.
fn place_path(header: &mut tar::Header, path: &[u8]) -> bool {
    let fits = path.is_ascii();
    if fits && path.len() <= 100 {
        place(&mut header.as_old_mut().name, path);
        return true;
    }
    if fits && path.len() <= 256 {
        // The prefix ends at a slash that leaves at most 100 bytes, but some, for the name.
        let from = path.len().saturating_sub(101);
        let cut = (from..path.len().min(156)).find(|at| path[*at] == b'/' && at + 1 < path.len());
        if let (Some(cut @ 1..), Some(ustar)) = (cut, header.as_ustar_mut()) {
            place(&mut ustar.prefix, &path[..cut]);
            place(&mut ustar.name, &path[cut + 1..]);
            return true;
        }
    }
    place(&mut header.as_old_mut().name, &ascii_prefix(path, 100));
    false
}

fn ascii_prefix(bytes: &[u8], limit: usize) -> Vec<u8> {
    bytes
        .iter()
        .take(limit)
        .map(|byte| if byte.is_ascii() { *byte } else { b'_' })
        .collect()
}

fn place(field: &mut [u8], value: &[u8]) {
    let length = value.len().min(field.len());
    field[..length].copy_from_slice(&value[..length]);
}

/// Adds a PAX record: its own length in decimal, a space, `key=value`, a newline.
fn record(pax: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    pax.extend_from_slice(format!("{length} {key}=").as_bytes());
    pax.extend_from_slice(value);
    pax.push(b'\n');
}

/// The paths that hard links in a part point to, for the rule that a link and its file lie in one
/// part.
pub(crate) fn link_target(entry: &Entry) -> Option<&EntryPath> {
    match &entry.kind {
        Kind::Hardlink(target) => Some(target),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, sync::Arc};

    use super::*;

    fn read_back(entry: &Entry, content: &[u8]) -> (Vec<u8>, Option<Vec<u8>>, u64) {
        let mut archive = Vec::new();
        write_header(entry, &mut archive).unwrap();
        archive.extend_from_slice(content);
        archive.extend_from_slice(padding(content.len() as u64));
        archive.extend_from_slice(&END);
        let mut archive = tar::Archive::new(archive.as_slice());
        let mut read = archive.entries().unwrap().next().unwrap().unwrap();
        let mut bytes = Vec::new();
        read.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, content);
        let link = read.link_name_bytes().map(|link| link.into_owned());
        (
            read.path_bytes().into_owned(),
            link,
            read.header().uid().unwrap(),
        )
    }

    #[test]
    fn names_of_every_length_come_back() {
        for length in [1, 99, 100, 101, 155, 156, 200, 255, 256, 257, 400] {
            for every in [7, 60, 1000] {
                let name: String = (0..length)
                    .map(|at| if at % every == every - 1 { '/' } else { 'n' })
                    .collect();
                let Ok(path) = EntryPath::new(&name) else {
                    continue;
                };
                let entry = Entry::file(path.clone(), Arc::new(vec![7; 600]), false);
                assert_eq!(
                    read_back(&entry, &[7; 600]).0,
                    path.as_bytes(),
                    "{length} {every}"
                );
            }
        }
    }

    #[test]
    fn what_ustar_cannot_say_goes_into_pax() {
        let mut entry = Entry::symlink(EntryPath::new("grün").unwrap(), "z".repeat(150));
        entry.uid = 4_000_000_000;
        entry
            .xattrs
            .insert("security.capability".to_owned(), vec![1, 0, 10, 255]);
        let (path, link, _) = read_back(&entry, b"");
        assert_eq!(path, "grün".as_bytes());
        assert_eq!(link.unwrap(), "z".repeat(150).as_bytes());
        let mut archive = Vec::new();
        write_header(&entry, &mut archive).unwrap();
        let text = String::from_utf8_lossy(&archive).into_owned();
        assert!(text.contains("18 uid=4000000000\n") || text.contains(" uid=4000000000\n"));
        assert!(text.contains("SCHILY.xattr.security.capability="));
    }

    #[test]
    fn a_plain_header_has_no_pax() {
        let entry = Entry::dir(EntryPath::new("usr/bin").unwrap());
        let mut archive = Vec::new();
        write_header(&entry, &mut archive).unwrap();
        assert_eq!(archive.len(), 512);
    }
}
