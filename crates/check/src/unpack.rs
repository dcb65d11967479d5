//! The image as a folder, for running its own interpreter: in a scratch folder of the store, which is
//! gone when the check ends.

use std::{io, path::Path};

use assembler::Image;
use layer::Context;
use store::{ProgressTask, Scratch, TaskKind};

use crate::{Error, Result, facts::walk};

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// Unpacks all parts over each other.
pub(crate) fn image(cx: &Context, image: &Image) -> Result<Scratch> {
    let size: u64 = image.parts().map(|part| part.diff_size).sum();
    cx.store.require_space(size, "the unpacked image")?;
    let scratch = cx.store.scratch("check-root")?;
    let what = format!("{}: unpacking it", image.meta.edition);
    let task = ProgressTask::start(cx.progress.clone(), TaskKind::Check, what, Some(size));
    for part in image.parts() {
        walk(part, &|bytes| task.advance(bytes), |entry| {
            one(entry, scratch.path())
        })
        .map_err(|source| Error::Unpack {
            part: part.name.clone(),
            source,
        })?;
    }
    task.done();
    Ok(scratch)
}

fn one(entry: &mut tar::Entry<'_, impl io::Read>, root: &Path) -> io::Result<()> {
    let path = entry.path()?.into_owned();
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let folder = root.join(path.parent().unwrap_or(Path::new("")));
    match name.strip_prefix(WHITEOUT) {
        Some(_) if name == OPAQUE => {
            for inner in std::fs::read_dir(&folder)? {
                remove(&inner?.path())?;
            }
            Ok(())
        }
        Some(gone) => remove(&folder.join(gone)),
        None => {
            entry.set_preserve_mtime(false);
            // What leads out of the root is passed over by the tar crate; it cannot stand in a part.
            entry.unpack_in(root).map(drop)
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
