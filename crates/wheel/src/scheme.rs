//! Where the parts of a wheel go (PyPA "Installation paths").

use layer::EntryPath;

use crate::{Error, Result};

/// An installation scheme: paths in the image, and the interpreter for scripts.
#[derive(Debug, Clone)]
pub struct Scheme {
    pub(crate) purelib: EntryPath,
    pub(crate) platlib: EntryPath,
    pub(crate) scripts: EntryPath,
    pub(crate) headers: EntryPath,
    pub(crate) data: EntryPath,
    pub(crate) interpreter: String,
    pub(crate) version: String,
}

impl Scheme {
    /// The scheme of a lock.
    ///
    /// # Errors
    /// [`Error::Path`] for a path that is not absolute or leads outside.
    pub fn from_lock(python: &lock::Python) -> Result<Self> {
        let path = |path: &String| {
            EntryPath::from_absolute(path).map_err(|source| Error::Path {
                path: path.clone(),
                source,
            })
        };
        Ok(Self {
            purelib: path(&python.purelib)?,
            platlib: path(&python.platlib)?,
            scripts: path(&python.scripts)?,
            headers: path(&python.headers)?,
            data: path(&python.data)?,
            interpreter: python.interpreter.clone(),
            version: python.version.clone(),
        })
    }
}
