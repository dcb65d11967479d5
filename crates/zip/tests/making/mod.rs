//! Zips made byte by byte, so that every field can be wrong. Tests of the crates that read zips
//! take this file too.
#![allow(clippy::unwrap_used, dead_code)] // helpers outside of #[test] functions

use std::io::Write;

/// An entry, with what its headers shall say.
#[derive(Clone)]
pub struct Entry {
    pub name: String,
    pub local_name: Option<String>,
    pub packed: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub size: u64,
    pub crc: u32,
    pub zip64: bool,
    pub mode: u32,
}

pub fn stored(name: impl Into<String>, bytes: &[u8]) -> Entry {
    Entry {
        name: name.into(),
        local_name: None,
        packed: bytes.to_vec(),
        method: 0,
        flags: 0,
        size: bytes.len() as u64,
        crc: crc32fast::hash(bytes),
        zip64: false,
        mode: 0o100_644,
    }
}

pub fn deflated(name: impl Into<String>, bytes: &[u8]) -> Entry {
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    Entry {
        packed: packer.finish().unwrap(),
        method: 8,
        ..stored(name, bytes)
    }
}

pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = out.len() as u32;
        let local = entry.local_name.as_ref().unwrap_or(&entry.name);
        // With a data descriptor the local header has no sizes: they follow the data.
        let later = entry.flags & 8 != 0;
        let (crc, packed, size) = match later {
            true => (0, 0, 0),
            false => (entry.crc, entry.packed.len() as u32, entry.size as u32),
        };
        out.extend_from_slice(b"PK\x03\x04\x14\0");
        out.extend_from_slice(&entry.flags.to_le_bytes());
        out.extend_from_slice(&entry.method.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        for field in [crc, packed, size] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&(local.len() as u16).to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(local.as_bytes());
        out.extend_from_slice(&entry.packed);
        if later {
            out.extend_from_slice(b"PK\x07\x08");
            for field in [entry.crc, entry.packed.len() as u32, entry.size as u32] {
                out.extend_from_slice(&field.to_le_bytes());
            }
        }
        let mut extra = Vec::new();
        let (packed, size) = if entry.zip64 {
            extra.extend_from_slice(&[1, 0, 16, 0]);
            extra.extend_from_slice(&entry.size.to_le_bytes());
            extra.extend_from_slice(&(entry.packed.len() as u64).to_le_bytes());
            (u32::MAX, u32::MAX)
        } else {
            (entry.packed.len() as u32, entry.size as u32)
        };
        directory.extend_from_slice(b"PK\x01\x02\x14\x03\x14\0");
        directory.extend_from_slice(&entry.flags.to_le_bytes());
        directory.extend_from_slice(&entry.method.to_le_bytes());
        directory.extend_from_slice(&[0; 4]);
        for field in [entry.crc, packed, size] {
            directory.extend_from_slice(&field.to_le_bytes());
        }
        directory.extend_from_slice(&(entry.name.len() as u16).to_le_bytes());
        directory.extend_from_slice(&(extra.len() as u16).to_le_bytes());
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(entry.mode << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(entry.name.as_bytes());
        directory.extend_from_slice(&extra);
    }
    let start = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        out.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    }
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&[0; 2]);
    out
}
