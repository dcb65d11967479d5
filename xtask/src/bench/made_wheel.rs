//! Wheels and zips that are made up, of any size, without compressing any size: one block, deflated once,
//! is every file's content.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Result, bail};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use lock::{LayerName, Sha256, Source, SourceKind, Wheel};
use sha2::Digest;

/// A content, deflated.
#[derive(Debug, Clone)]
pub struct Block {
    size: u32,
    crc32: u32,
    deflated: Vec<u8>,
    record: String,
}

impl Block {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> Result<Self> {
        let mut deflater = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
        let mut deflated = vec![0; deflater.deflate_compress_bound(bytes.len())];
        let size = deflater.deflate_compress(bytes, &mut deflated)?;
        deflated.truncate(size);
        let hash = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(bytes));
        Ok(Self {
            size: bytes.len() as u32,
            crc32: crc32fast::hash(bytes),
            deflated,
            record: format!("sha256={hash}"),
        })
    }

    /// Of `size` bytes that pack to about half: what libraries do. Others for another `seed`.
    pub fn like_a_library(size: usize, seed: u64) -> Result<Self> {
        let mut state = seed | 1;
        let mut bytes = Vec::with_capacity(size + 64);
        while bytes.len() < size {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
            bytes.extend_from_slice(&(state & 0xff).to_le_bytes());
        }
        bytes.truncate(size);
        Self::of(&bytes)
    }
}

/// Writes a zip of files by name. Below 4 GiB, and 65,535 files.
fn zip(path: &Path, files: &[(String, &Block)]) -> Result<(u64, Sha256)> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut directory = Vec::new();
    let mut offset = 0_u64;
    for (name, block) in files {
        let start = u32::try_from(offset)?;
        let length = u16::try_from(name.len())?;
        let mut fields = Vec::new();
        // Version, flags, method 8, time and date of 1980.
        fields.extend_from_slice(&[20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0]);
        for number in [
            block.crc32,
            u32::try_from(block.deflated.len())?,
            block.size,
        ] {
            fields.extend_from_slice(&number.to_le_bytes());
        }
        fields.extend_from_slice(&length.to_le_bytes());
        fields.extend_from_slice(&[0; 2]);
        out.write_all(b"PK\x03\x04")?;
        out.write_all(&fields)?;
        out.write_all(name.as_bytes())?;
        out.write_all(&block.deflated)?;
        offset += 30 + u64::from(length) + block.deflated.len() as u64;
        directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        directory.extend_from_slice(&fields);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(0o100_644_u32 << 16).to_le_bytes());
        directory.extend_from_slice(&start.to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
    }
    let count = u16::try_from(files.len())?;
    out.write_all(&directory)?;
    out.write_all(b"PK\x05\x06\0\0\0\0")?;
    out.write_all(&count.to_le_bytes())?;
    out.write_all(&count.to_le_bytes())?;
    out.write_all(&u32::try_from(directory.len())?.to_le_bytes())?;
    out.write_all(&u32::try_from(offset)?.to_le_bytes())?;
    out.write_all(&[0; 2])?;
    out.into_inner()?.sync_all()?;
    Ok(store::sha256(&mut File::open(path)?)?)
}

/// Makes a wheel in a folder below the locks', with these files beside its metadata.
pub fn wheel(locks: &Path, name: &str, version: &str, files: &[(String, &Block)]) -> Result<Wheel> {
    let (info, filename) = (
        format!("{name}-{version}.dist-info"),
        format!("{name}-{version}-py3-none-any.whl"),
    );
    let metadata =
        Block::of(format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n").as_bytes())?;
    let about = Block::of(b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")?;
    let mut all: Vec<(String, &Block)> = files.to_vec();
    all.push((format!("{info}/METADATA"), &metadata));
    all.push((format!("{info}/WHEEL"), &about));
    let mut record: String = all
        .iter()
        .map(|(path, block)| format!("{path},{},{}\n", block.record, block.size))
        .collect();
    record.push_str(&format!("{info}/RECORD,,\n"));
    let record = Block::of(record.as_bytes())?;
    all.push((format!("{info}/RECORD"), &record));
    if all.len() > 60_000 {
        bail!("{name}: too many files for one zip");
    }
    std::fs::create_dir_all(locks.join("made"))?;
    let file = format!("made/{filename}");
    let (size, sha256) = zip(&locks.join(&file), &all)?;
    Ok(Wheel {
        layer: LayerName::Deps,
        name: lock::normalised(name),
        version: version.to_owned(),
        filename,
        size,
        sha256,
        requested: false,
        url: None,
        file: Some(file),
        index: None,
    })
}

/// Makes a custom node as a zip, which says `text`.
pub fn node(locks: &Path, name: &str, text: &str) -> Result<Source> {
    let main = Block::of(format!("NODE_CLASS_MAPPINGS = {{}}\nTEXT = {text:?}\n").as_bytes())?;
    let other = Block::of(
        "def work(value):\n    return value + 1\n"
            .repeat(200)
            .as_bytes(),
    )?;
    let files: Vec<(String, &Block)> = (0..20)
        .map(|at| (format!("module_{at}.py"), &other))
        .chain([("__init__.py".to_owned(), &main)])
        .collect();
    std::fs::create_dir_all(locks.join("made"))?;
    let filename = format!("made/{name}-{text}.zip");
    let (size, sha256) = zip(&locks.join(&filename), &files)?;
    Ok(Source {
        layer: LayerName::Comfy,
        name: name.to_owned(),
        version: text.to_owned(),
        kind: SourceKind::Zip,
        project: None,
        url: None,
        filename,
        size,
        sha256,
        subfolder: String::new(),
        to: format!("/opt/comfyui/custom_nodes/{name}"),
        exclude: Vec::new(),
    })
}
