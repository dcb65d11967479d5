//! Which entries of an archive (or of a git tree) are taken: those of a subfolder, less what is excluded.

use std::collections::BTreeSet;

use layer::EntryPath;

use crate::{Error, Result};

/// How many folders a message names.
const SHOWN: usize = 20;

/// What is taken of a tree, and what has been seen of it so far.
#[derive(Debug)]
pub struct Selection<'s> {
    subfolder: Option<EntryPath>,
    exclude: &'s [String],
    /// Exclusions that have matched nothing so far.
    unused: BTreeSet<&'s str>,
    /// Every folder of the archive, for the message when the subfolder is none of them.
    folders: BTreeSet<EntryPath>,
}

impl<'s> Selection<'s> {
    /// Takes what lies in `subfolder` (empty: everything), less the paths below it that `exclude` names:
    /// files, or folders with a `/` at the end.
    ///
    /// # Errors
    /// A subfolder that is no path.
    pub fn new(subfolder: &str, exclude: &'s [String]) -> Result<Self> {
        let subfolder = match subfolder {
            "" => None,
            text => Some(EntryPath::new(text).map_err(bad_path(text))?),
        };
        Ok(Self {
            subfolder,
            exclude,
            unused: exclude.iter().map(String::as_str).collect(),
            folders: BTreeSet::new(),
        })
    }

    /// The entry's path below the subfolder; `None` for one that is not taken.
    pub fn take(&mut self, path: &EntryPath, is_dir: bool) -> Option<EntryPath> {
        let mut folder = if is_dir {
            Some(path.clone())
        } else {
            path.parent()
        };
        while let Some(path) = folder {
            folder = path.parent();
            if !self.folders.insert(path) {
                break;
            }
        }
        let below = match &self.subfolder {
            Some(folder) => path.below(folder)?,
            None => path.clone(),
        };
        let shown = below.as_bytes();
        let excludes = |out: &&String| match out.strip_suffix('/') {
            Some(folder) => shown == folder.as_bytes() || shown.starts_with(out.as_bytes()),
            None => shown == out.as_bytes(),
        };
        match self.exclude.iter().find(excludes) {
            Some(excluded) => {
                self.unused.remove(excluded.as_str());
                None
            }
            None => Some(below),
        }
    }

    /// The path in the archive of what lies at `below` in the tree.
    pub fn in_archive(&self, below: &EntryPath) -> EntryPath {
        match &self.subfolder {
            Some(folder) => folder.join(below),
            None => below.clone(),
        }
    }

    /// Complains when the subfolder or an exclusion has matched nothing, or nothing was taken.
    ///
    /// # Errors
    /// [`Error::NoFolder`], [`Error::Absent`], [`Error::Empty`].
    pub fn finish(&self, empty: bool) -> Result<()> {
        if let Some(folder) = &self.subfolder
            && !self.folders.contains(folder)
        {
            return Err(Error::NoFolder {
                wanted: folder.to_string(),
                there: self.what_is_there(folder),
            });
        }
        match self.unused.first() {
            Some(unused) => Err(Error::Absent((*unused).to_owned())),
            None if empty => {
                let folder = self.subfolder.as_ref().map(ToString::to_string);
                Err(Error::Empty(folder.unwrap_or_default()))
            }
            None => Ok(()),
        }
    }

    /// The folders in the deepest folder that does lie on the way to `wanted`.
    fn what_is_there(&self, wanted: &EntryPath) -> String {
        let mut stands = wanted.parent();
        while let Some(folder) = &stands
            && !self.folders.contains(folder)
        {
            stands = folder.parent();
        }
        let mut names: Vec<String> = self
            .folders
            .iter()
            .filter(|folder| folder.parent() == stands)
            .map(ToString::to_string)
            .collect();
        let count = names.len();
        if count > SHOWN {
            names.truncate(SHOWN);
            names.push(format!("and {} more", count - SHOWN));
        }
        let place = match &stands {
            Some(folder) => format!("in {:?}", folder.to_string()),
            None => "at its top".to_owned(),
        };
        match names.is_empty() {
            true => format!("there are no folders {place}"),
            false => format!("{place} there are: {}", names.join(", ")),
        }
    }
}

/// Names the path that a path's error is about.
pub(crate) fn bad_path(text: &str) -> impl FnOnce(layer::PathError) -> Error {
    let path = text.to_owned();
    move |source| Error::Path { path, source }
}
