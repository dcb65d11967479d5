//! The OCI image layout as a folder: blobs hard-linked from the store, reflinked or copied where a
//! link cannot be.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use lock::Sha256;

use crate::{Error, Image, Result, document::LAYOUT};

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
/// The new layout is made aside and put in place with a rename: a kill leaves the old one or the
/// new one.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn write_layout(image: &Image, folder: &Path) -> Result<LayoutOutcome> {
    let index = image.index()?;
    if is_whole(image, folder, &index) {
        return Ok(LayoutOutcome::Unchanged);
    }
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    fs::create_dir_all(parent).map_err(io(parent))?;
    let aside = tempfile::Builder::new()
        .prefix(".layout-")
        .tempdir_in(parent)
        .map_err(io(parent))?;
    let blobs = aside.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(io(&blobs))?;
    for part in image.layers.iter().flat_map(|layer| &layer.parts) {
        let to = blobs.join(part.digest.to_string());
        if !to.exists() && fs::hard_link(&part.path, &to).is_err() {
            // Another file system, or one without links; `copy` reflinks where it can.
            fs::copy(&part.path, &to).map_err(io(&to))?;
        }
    }
    let write = |path: PathBuf, bytes: &[u8]| {
        let mut file = fs::File::create(&path).map_err(io(&path))?;
        file.write_all(bytes).map_err(io(&path))
    };
    write(blobs.join(image.config_digest.to_string()), &image.config)?;
    write(blobs.join(image.digest.to_string()), &image.manifest)?;
    write(aside.path().join("oci-layout"), LAYOUT)?;
    write(aside.path().join("index.json"), &index)?;
    let made = aside.keep();
    readable(&made).map_err(io(&made))?;
    let old = parent.join(format!(
        ".old-{}",
        made.file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    ));
    let had_one = folder.exists();
    if had_one {
        fs::rename(folder, &old).map_err(io(folder))?;
    }
    fs::rename(&made, folder).map_err(io(folder))?;
    if had_one {
        fs::remove_dir_all(&old).map_err(io(&old))?;
    }
    Ok(LayoutOutcome::Written)
}

/// Temporary folders are private; a layout is not.
fn readable(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn is_whole(image: &Image, folder: &Path, index: &[u8]) -> bool {
    let has = |digest: &Sha256, size: u64| {
        let path = folder.join("blobs/sha256").join(digest.to_string());
        fs::metadata(path).is_ok_and(|found| found.len() == size)
    };
    fs::read(folder.join("index.json")).is_ok_and(|found| found == index)
        && fs::read(folder.join("oci-layout")).is_ok_and(|found| found == LAYOUT)
        && has(&image.digest, image.manifest.len() as u64)
        && has(&image.config_digest, image.config.len() as u64)
        && image
            .layers
            .iter()
            .flat_map(|layer| &layer.parts)
            .all(|part| has(&part.digest, part.size))
}
