//! Where an edition's files and the store are.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use store::Store;

/// The repository's root: the folder above this crate's.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// An edition's file with this ending, `toml` or `lock`. `edition` is a name in editions/, or the path
/// of one of the two files, which has a `/` in it or one of the endings. A path with neither ending is
/// the file itself where there is one, else what the ending belongs to.
pub fn edition(edition: &str, ending: &str) -> Result<PathBuf> {
    let path = Path::new(edition);
    let has_ending = path
        .extension()
        .is_some_and(|ending| ending == "toml" || ending == "lock");
    if has_ending {
        return Ok(path.with_extension(ending));
    }
    if edition.contains('/') {
        if path.is_file() {
            return Ok(path.to_owned());
        }
        return Ok(PathBuf::from(format!("{edition}.{ending}")));
    }
    let folder = root().join("editions");
    let path = folder.join(format!("{edition}.{ending}"));
    if path.exists() {
        return Ok(path);
    }
    let known = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let suffix = format!(".{ending}");
    let mut known: Vec<String> = known
        .filter_map(|name| name.strip_suffix(&suffix).map(str::to_owned))
        .collect();
    known.sort();
    bail!(
        "no edition is called {edition:?} (there are: {})",
        known.join(", ")
    )
}

/// The store in `folder`, or the user's own.
pub fn store(folder: Option<&Path>) -> Result<Store> {
    Ok(match folder {
        Some(folder) => Store::open(folder)?,
        None => Store::open_default()?,
    })
}
