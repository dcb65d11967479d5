//! The OCI image layout as a folder: blobs hard-linked from the store, reflinked or copied where a
//! link cannot be.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use lock::Sha256;
use oci_spec::image::ImageManifest;
use ocipkg::ImageName;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use store::sha256_of;
use tempfile::TempDir;

use crate::{
    Blob, Error, Image, Result,
    document::LAYOUT,
    image::{blob_path, index_json, manifest_json},
};

/// Whether a layout had to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutOutcome {
    /// It was written.
    Written,
    /// It stood there already, whole.
    Unchanged,
}

/// Writes the image as an OCI layout into `folder`, replacing a layout that is there.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn write_layout(image: &Image, folder: &Path) -> Result<LayoutOutcome> {
    let index = index_json(&image.meta.name, &image.manifest)?;
    if is_whole(image, folder, &index) {
        return Ok(LayoutOutcome::Unchanged);
    }
    image.bring()?;
    let mut layout = LayoutBuilder::new(folder, image.meta.name.clone())?;
    for blob in image.blobs() {
        layout.add_blob_file(&blob)?;
    }
    layout.add_document(&image.config)?;
    layout.finish(&image.manifest)?;
    Ok(LayoutOutcome::Written)
}

/// A layout that is being written: beside its folder, and put in place with a rename when it is
/// whole. A kill leaves the old layout or the new one.
///
/// It is an [`ocipkg::image::ImageBuilder`] too, for blobs that fit into memory.
#[derive(Debug)]
pub struct LayoutBuilder {
    folder: PathBuf,
    name: ImageName,
    aside: TempDir,
    /// Locked as long as it is written to: an unlocked one was left by a kill.
    _alive: fs::File,
}

impl LayoutBuilder {
    /// Begins a layout that will stand at `folder`. What a killed one has left there is removed.
    ///
    /// # Errors
    /// [`Error::Io`] with the path.
    pub fn new(folder: &Path, name: ImageName) -> Result<Self> {
        let parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).map_err(io(parent))?;
        let mut prefix = OsString::from(".layout-");
        prefix.push(folder.file_name().unwrap_or_default());
        prefix.push(".");
        // Between its making and its locking a folder looks left; so that takes a lock too.
        let beginning = locked(parent).map_err(io(parent))?;
        remove_left(parent, &prefix).map_err(io(parent))?;
        let aside = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(parent)
            .map_err(io(parent))?;
        let alive = locked(aside.path()).map_err(io(aside.path()))?;
        drop(beginning);
        let blobs = aside.path().join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(io(&blobs))?;
        Ok(Self {
            folder: folder.to_owned(),
            name,
            aside,
            _alive: alive,
        })
    }

    /// Adds a layer's blob from where the store has it.
    ///
    /// # Errors
    /// [`Error::Io`] with the path.
    pub fn add_blob_file(&mut self, blob: &Blob) -> Result<()> {
        let (from, _) = blob.file()?;
        let to = self.path(&blob.digest);
        if !to.exists() && fs::hard_link(from, &to).is_err() {
            // Another file system, or one without links; `copy` reflinks where it can.
            fs::copy(from, &to).map_err(io(&to))?;
        }
        Ok(())
    }

    /// Adds a blob that is in memory, and gives its digest.
    ///
    /// # Errors
    /// [`Error::Io`] with the path.
    pub fn add_document(&mut self, bytes: &[u8]) -> Result<Sha256> {
        let digest = sha256_of(bytes);
        let path = self.path(&digest);
        fs::write(&path, bytes).map_err(io(&path))?;
        Ok(digest)
    }

    /// Adds the manifest and puts the layout in place.
    ///
    /// # Errors
    /// [`Error::Io`] with the path.
    pub fn finish(mut self, manifest: &[u8]) -> Result<()> {
        self.add_document(manifest)?;
        let index = index_json(&self.name, manifest)?;
        for (name, bytes) in [("oci-layout", LAYOUT), ("index.json", &index)] {
            let path = self.aside.path().join(name);
            fs::write(&path, bytes).map_err(io(&path))?;
        }
        let new = self.aside.path();
        readable(new).map_err(io(new))?;
        let folder = &self.folder;
        if !folder.exists() {
            fs::rename(new, folder).map_err(io(folder))?;
        } else if renameat_with(CWD, new, CWD, folder, RenameFlags::EXCHANGE).is_err() {
            // A file system that cannot exchange: the old one goes first.
            fs::remove_dir_all(folder).map_err(io(folder))?;
            fs::rename(new, folder).map_err(io(folder))?;
        }
        // Where the new one was, the old one is now, or nothing; it goes with `aside`.
        Ok(())
    }

    fn path(&self, digest: &Sha256) -> PathBuf {
        self.aside.path().join(blob_path(digest))
    }

    pub(crate) fn finish_spec(self, manifest: &ImageManifest) -> Result<PathBuf> {
        let folder = self.folder.clone();
        self.finish(&manifest_json(manifest)?)?;
        Ok(folder)
    }
}

/// A folder, opened and locked. Where folders cannot be locked (on some network file systems) it is
/// only opened: `remove_left` cannot lock there either, so nothing is taken for left.
fn locked(folder: &Path) -> std::io::Result<fs::File> {
    let file = fs::File::open(folder)?;
    let _ = file.lock();
    Ok(file)
}

/// Removes the folders that nobody writes to any more.
fn remove_left(parent: &Path, prefix: &OsStr) -> std::io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        if name
            .as_encoded_bytes()
            .starts_with(prefix.as_encoded_bytes())
            && fs::File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok())
        {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { path, source }
}

/// Temporary folders are private; a layout is not.
fn readable(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn is_whole(image: &Image, folder: &Path, index: &[u8]) -> bool {
    let has = |digest: &Sha256, size: u64| {
        fs::metadata(folder.join(blob_path(digest))).is_ok_and(|found| found.len() == size)
    };
    fs::read(folder.join("index.json")).is_ok_and(|found| found == index)
        && fs::read(folder.join("oci-layout")).is_ok_and(|found| found == LAYOUT)
        && has(&image.digest, image.manifest.len() as u64)
        && has(&image.config_digest, image.config.len() as u64)
        && image
            .blobs()
            .iter()
            .all(|blob| has(&blob.digest, blob.size))
}
