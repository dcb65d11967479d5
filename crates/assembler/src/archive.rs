//! The image as one tar: an OCI archive that `docker load` reads too, through the `manifest.json`
//! in it. Streamed: nothing is held in memory but one buffer.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{Read, Write},
};

use crate::{Error, Image, Result, document::LAYOUT};

/// 1980-01-01T00:00:00Z, as inside the layers.
const MTIME: u64 = 315_532_800;

/// Writes the image to `out` for an engine that cannot read zstd (Docker before 23): Docker's
/// `manifest.json` and config, with the layers' tars as they are.
///
/// # Errors
/// As [`write_archive`].
pub fn write_plain_archive(
    image: &Image,
    out: &mut dyn Write,
    advance: &dyn Fn(u64),
) -> Result<()> {
    let mut tar = tar::Builder::new(out);
    let mut seen = BTreeSet::new();
    for part in image.layers.iter().flat_map(|layer| &layer.parts) {
        if !seen.insert(part.diff_id) {
            continue;
        }
        let io = |source| Error::Io {
            path: part.path.clone(),
            source,
        };
        let file = File::open(&part.path).map_err(io)?;
        let reader = part.compression.decoder(file).map_err(io)?;
        let mut header = header(tar::EntryType::Regular, 0o644, part.diff_size);
        let reader = Telling {
            file: reader.take(part.diff_size),
            advance,
        };
        tar.append_data(&mut header, plain_path(&part.diff_id), reader)
            .map_err(Error::Write)?;
    }
    let small = [
        (
            format!("{}.json", image.config_digest),
            image.config.clone(),
        ),
        ("manifest.json".to_owned(), image.plain_manifest()?),
    ];
    for (path, bytes) in small {
        let mut header = header(tar::EntryType::Regular, 0o644, bytes.len() as u64);
        tar.append_data(&mut header, path, bytes.as_slice())
            .map_err(Error::Write)?;
    }
    tar.into_inner()
        .map_err(Error::Write)?
        .flush()
        .map_err(Error::Write)
}

/// Where a plain archive has the tar of a part.
pub(crate) fn plain_path(diff_id: &lock::Sha256) -> String {
    format!("{diff_id}/layer.tar")
}

/// Writes the image to `out` as one tar archive; the same image gives the same bytes.
/// `advance` hears of every stretch of bytes written.
///
/// # Errors
/// [`Error::Io`] for a blob that cannot be read, [`Error::Write`] for `out`.
pub fn write_archive(image: &Image, out: &mut dyn Write, advance: &dyn Fn(u64)) -> Result<()> {
    let mut tar = tar::Builder::new(out);
    for folder in ["blobs/", "blobs/sha256/"] {
        let mut header = header(tar::EntryType::Directory, 0o755, 0);
        tar.append_data(&mut header, folder, std::io::empty())
            .map_err(Error::Write)?;
    }
    let blob = |digest: &lock::Sha256| format!("blobs/sha256/{digest}");
    let mut small = vec![
        (blob(&image.config_digest), image.config.clone()),
        (blob(&image.digest), image.manifest.clone()),
    ];
    let mut seen = BTreeSet::new();
    for part in image.layers.iter().flat_map(|layer| &layer.parts) {
        if !seen.insert(part.digest) {
            continue;
        }
        let io = |source| Error::Io {
            path: part.path.clone(),
            source,
        };
        let file = File::open(&part.path).map_err(io)?;
        let found = file.metadata().map_err(io)?.len();
        if found != part.size {
            let message = format!("expected {} bytes, found {found}", part.size);
            return Err(io(std::io::Error::other(message)));
        }
        let mut header = header(tar::EntryType::Regular, 0o644, part.size);
        let reader = Telling { file, advance };
        tar.append_data(&mut header, blob(&part.digest), reader)
            .map_err(Error::Write)?;
    }
    small.push(("index.json".to_owned(), image.index()?));
    small.push(("manifest.json".to_owned(), image.docker_manifest()?));
    small.push(("oci-layout".to_owned(), LAYOUT.to_vec()));
    for (path, bytes) in small {
        let mut header = header(tar::EntryType::Regular, 0o644, bytes.len() as u64);
        tar.append_data(&mut header, path, bytes.as_slice())
            .map_err(Error::Write)?;
    }
    tar.into_inner()
        .map_err(Error::Write)?
        .flush()
        .map_err(Error::Write)
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(MTIME);
    header
}

struct Telling<'a, R> {
    file: R,
    advance: &'a dyn Fn(u64),
}

impl<R: Read> Read for Telling<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        (self.advance)(read as u64);
        Ok(read)
    }
}
