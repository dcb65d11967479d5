//! The Debian system of a lock, stage by stage: each layer that has packages adds a stage to the one
//! below. Stages are kept in the store and made once, whoever asks for them.

use std::path::{Path, PathBuf};

use layer::Context;
use lock::{Deb, LayerName, Lock};
use store::{Key, KeyBuilder, ProgressTask, TaskKind};

use crate::{
    Error, Result, Stage,
    record::Record,
    stage::{Making, copy},
};

/// Version of everything here that shapes a stage: the order of work, cleaning, the record's form.
/// Change it whenever one of them changes.
const FORMAT: &str = "strata debian stage 2";

/// The store's kind for stages.
const KIND: &str = "debian-stage";

/// The Debian system that a lock describes.
#[derive(Debug, Clone, Copy)]
pub struct System<'l> {
    lock: &'l Lock,
}

/// A stage in the store.
struct Made {
    root: PathBuf,
    record: Record,
}

impl<'l> System<'l> {
    /// The system of this lock.
    pub fn from_lock(lock: &'l Lock) -> Self {
        Self { lock }
    }

    /// The layers that have packages, lowest first.
    pub fn layers(&self) -> Vec<LayerName> {
        let all = LayerName::ALL.into_iter();
        all.filter(|layer| self.lock.debs_of(*layer).next().is_some())
            .collect()
    }

    /// The key of a layer's stage: all that it depends on, the stages below it included. For a
    /// layer without packages it is that of the stage below.
    pub fn key(&self, layer: LayerName) -> Key {
        let mut below = Key::zero();
        for layer in self.layers().into_iter().filter(|other| *other <= layer) {
            let mut key = KeyBuilder::new(FORMAT);
            key.field("suite", &self.lock.debian.suite);
            key.field("architecture", &self.lock.debian.architecture);
            key.field("date", &self.lock.debian.date);
            key.list("debs", self.lock.debs_of(layer).map(|deb| deb.sha256.0));
            key.key("below", &below);
            below = key.finish();
        }
        below
    }

    /// The stage of a layer: found in the store, or made. Needs a sandbox only to make it. A layer
    /// without packages has the stage below and an empty tree.
    ///
    /// A stage that is in the store is used (in one that is anew there is none): it is an input of
    /// layers, as the interpreter is.
    ///
    /// # Errors
    /// [`Error::Unknown`] where neither the layer nor one below has packages; see [`Error`].
    pub fn stage(&self, cx: &Context, layer: LayerName) -> Result<Stage> {
        let layers: Vec<LayerName> = self
            .layers()
            .into_iter()
            .filter(|other| *other <= layer)
            .collect();
        let Some((&top, rest)) = layers.split_last() else {
            return Err(Error::Unknown(format!("in the layer {layer} or below")));
        };
        let below = rest.last().map(|below| self.made(cx, *below)).transpose()?;
        let made = self.made_on(cx, top, below.as_ref())?;
        let tree = match (&below, top == layer) {
            (_, false) => layer::Tree::new(),
            (None, true) => made.record.tree(&made.root)?,
            (Some(below), true) => {
                made.record
                    .difference(&made.root, &below.record, &below.root, cx)?
            }
        };
        let packages = self.lock.debs_of(layer).map(|deb| layer::Package {
            kind: "deb".to_owned(),
            name: deb.name.clone(),
            version: deb.version.clone(),
        });
        Ok(Stage {
            tree,
            root: made.root,
            packages: packages.collect(),
        })
    }

    fn made(&self, cx: &Context, layer: LayerName) -> Result<Made> {
        let below = self.layers().into_iter().rfind(|other| *other < layer);
        let below = below.map(|below| self.made(cx, below)).transpose()?;
        self.made_on(cx, layer, below.as_ref())
    }

    fn made_on(&self, cx: &Context, layer: LayerName, below: Option<&Made>) -> Result<Made> {
        let key = self.key(layer);
        let _once = cx.store.lock(KIND, &key)?;
        if let Some(root) = cx.store.tree(KIND, &key)
            && let Some(record) = cx.store.result(KIND, &key)?
        {
            return Ok(Made { root, record });
        }
        let name = format!("Debian system of {layer}");
        let task = ProgressTask::start(cx.progress.clone(), TaskKind::Configure, name, None);
        let scratch = cx.store.scratch(KIND)?;
        let record = self.make(cx, layer, scratch.path(), below)?;
        // The record first: a tree without one is never believed, nor is a record without a tree.
        cx.store.put_result(KIND, &key, &record)?;
        let root = cx.store.commit_tree(KIND, &key, scratch)?;
        task.done();
        Ok(Made { root, record })
    }

    fn make(
        &self,
        cx: &Context,
        layer: LayerName,
        root: &Path,
        below: Option<&Made>,
    ) -> Result<Record> {
        let dpkg = self.lock.debs.iter().find(|deb| deb.name == "dpkg");
        let making = Making {
            cx,
            root,
            dpkg_version: dpkg.map_or("", |dpkg| dpkg.version.as_str()),
            epoch: self.lock.suite_seconds(),
        };
        let debs: Vec<&Deb> = self.lock.debs_of(layer).collect();
        let Some(below) = below else {
            return making.make(&debs, None);
        };
        copy(cx, &below.record, &below.root, root)?;
        let mut record = making.make(&debs, Some(&below.record))?;
        record.restore_xattrs(root, &below.record, &below.root)?;
        Ok(record)
    }
}
