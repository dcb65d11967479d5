//! The image as one tar: an OCI archive that `docker load` reads too, through the `manifest.json`
//! in it. Streamed: nothing is held in memory but one buffer.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
};

use layer::MTIME;
use lock::Sha256;

use crate::{
    Blob, Error, Image, Result,
    document::LAYOUT,
    image::{blob_path, index_json},
};

/// Writes the image to `out` as one tar archive; the same image gives the same bytes.
/// `advance` hears of every stretch of bytes written.
///
/// # Errors
/// [`Error::Io`] for a blob that cannot be read, [`Error::Write`] for `out`.
pub fn write_archive(image: &Image, out: &mut dyn Write, advance: &dyn Fn(u64)) -> Result<()> {
    image.bring()?;
    let mut archive = Archive::new(out, advance);
    for folder in ["blobs/", "blobs/sha256/"] {
        archive.add(
            tar::EntryType::Directory,
            0o755,
            folder,
            0,
            std::io::empty(),
        )?;
    }
    archive.blobs(image, |blob| blob.digest, blob_path, whole)?;
    archive.finish(vec![
        (blob_path(&image.config_digest), image.config.clone()),
        (blob_path(&image.digest), image.manifest.clone()),
        (
            "index.json".to_owned(),
            index_json(&image.meta.name, &image.manifest)?,
        ),
        ("manifest.json".to_owned(), image.docker_manifest()?),
        ("oci-layout".to_owned(), LAYOUT.to_vec()),
    ])
}

/// A blob as it is, if it is as long as it should be.
fn whole(blob: &Blob) -> Result<(u64, Box<dyn Read>)> {
    let (path, file) = blob.file()?;
    let length = file.metadata().and_then(|about| match about.len() {
        found if found == blob.size => Ok(found),
        found => Err(std::io::Error::other(format!(
            "expected {} bytes, found {found}",
            blob.size
        ))),
    });
    let length = length.map_err(|source| Error::Io {
        path: path.clone(),
        source,
    })?;
    Ok((length, Box::new(file)))
}

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
    image.bring()?;
    let mut archive = Archive::new(out, advance);
    archive.blobs(image, |blob| blob.diff_id, plain_path, Blob::tar)?;
    archive.finish(vec![
        (
            format!("{}.json", image.config_digest),
            image.config.clone(),
        ),
        ("manifest.json".to_owned(), image.plain_manifest()?),
    ])
}

/// Where a plain archive has the tar of a layer.
pub(crate) fn plain_path(diff_id: &Sha256) -> String {
    format!("{diff_id}/layer.tar")
}

/// A tar that is being written.
struct Archive<'a> {
    tar: tar::Builder<&'a mut dyn Write>,
    advance: &'a dyn Fn(u64),
}

impl<'a> Archive<'a> {
    fn new(out: &'a mut dyn Write, advance: &'a dyn Fn(u64)) -> Self {
        Self {
            tar: tar::Builder::new(out),
            advance,
        }
    }

    fn add(
        &mut self,
        kind: tar::EntryType,
        mode: u32,
        path: &str,
        size: u64,
        content: impl Read,
    ) -> Result<()> {
        let mut header = header(kind, mode, size);
        self.tar
            .append_data(&mut header, path, content)
            .map_err(Error::Write)
    }

    /// Adds every layer once, by what names it, at its path, as `open` gives it with its size.
    fn blobs(
        &mut self,
        image: &Image,
        name: impl Fn(&Blob) -> Sha256,
        path: impl Fn(&Sha256) -> String,
        open: impl Fn(&Blob) -> Result<(u64, Box<dyn Read>)>,
    ) -> Result<()> {
        let mut seen = BTreeSet::new();
        for blob in image.blobs() {
            let name = name(&blob);
            if !seen.insert(name) {
                continue;
            }
            let (size, content) = open(&blob)?;
            let content = Telling {
                content: content.take(size),
                advance: self.advance,
            };
            self.add(tar::EntryType::Regular, 0o644, &path(&name), size, content)?;
        }
        Ok(())
    }

    /// Adds the documents and ends the archive.
    fn finish(mut self, documents: Vec<(String, Vec<u8>)>) -> Result<()> {
        for (path, bytes) in documents {
            let size = bytes.len() as u64;
            self.add(
                tar::EntryType::Regular,
                0o644,
                &path,
                size,
                bytes.as_slice(),
            )?;
        }
        let out = self.tar.into_inner().map_err(Error::Write)?;
        out.flush().map_err(Error::Write)
    }
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
    content: R,
    advance: &'a dyn Fn(u64),
}

impl<R: Read> Read for Telling<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.content.read(buffer)?;
        (self.advance)(read as u64);
        Ok(read)
    }
}
