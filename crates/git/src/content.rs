//! A file's contents out of a repository.

use std::{io::Write, sync::Arc};

use layer::{BoxError, Content};
use lock::ObjectId;

use crate::objects::{Failed, Objects};

/// A blob: read, and held against its name, each time.
#[derive(Debug)]
pub(crate) struct Blob {
    pub(crate) objects: Arc<Objects>,
    pub(crate) object: ObjectId,
    pub(crate) size: u64,
}

impl Content for Blob {
    fn size(&self) -> u64 {
        self.size
    }

    fn copy_to(&self, out: &mut dyn Write) -> Result<(), BoxError> {
        self.objects
            .copy(self.object, "blob", Some(self.size), out)
            .map_err(|failed| match failed {
                Failed::Git(error) => error.into(),
                Failed::Out(error) => error.into(),
            })
    }
}
