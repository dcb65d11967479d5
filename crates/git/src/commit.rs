//! A commit that the store has: its tree, its date, its objects.

use std::sync::Arc;

use jiff::Timestamp;
use lock::ObjectId;

use crate::{Error, Result, objects::Objects};

/// A commit in the store, with everything that it names but submodules.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Its tree.
    pub tree: ObjectId,
    /// The committer's date.
    pub date: Timestamp,
    pub(crate) objects: Arc<Objects>,
}

impl Commit {
    /// Reads and verifies the commit that `objects` is of.
    pub(crate) fn open(objects: Objects) -> Result<Self> {
        let object = objects.commit();
        let bytes = objects.read(object, "commit")?;
        let wrong = |problem: &str| Error::Object {
            object,
            problem: problem.to_owned(),
        };
        let mut tree = None;
        let mut date = None;
        // Headers end at the first empty line; what follows is free text.
        for line in bytes.split(|byte| *byte == b'\n') {
            if line.is_empty() {
                break;
            }
            let text = String::from_utf8_lossy(line);
            if let Some(name) = text.strip_prefix("tree ") {
                tree = tree.or(name.parse::<ObjectId>().ok());
            } else if text.starts_with("committer ") {
                // NAME <ADDRESS> SECONDS ZONE
                date = date.or(text.rsplit(' ').nth(1).and_then(|text| text.parse().ok()));
            }
        }
        let tree = tree.ok_or_else(|| wrong("a commit without a tree"))?;
        let seconds: i64 = date.ok_or_else(|| wrong("a commit without a date"))?;
        let date = Timestamp::from_second(seconds).map_err(|_| wrong("its date cannot be"))?;
        Ok(Self {
            tree,
            date,
            objects: Arc::new(objects),
        })
    }

    /// The commit's own name.
    pub fn id(&self) -> ObjectId {
        self.objects.commit()
    }
}
