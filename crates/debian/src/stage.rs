//! A system in stages: each layer that has Debian packages is one, on top of the one below. A
//! stage is made once and kept in the store, as a root folder and a listing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use layer::{Context, Tree};
use lock::{Deb, LayerName, Lock};
use sandbox::Sandbox;
use store::{Key, KeyBuilder, ProgressTask, TaskKind};

use crate::{
    Error, Result,
    configure::Installer,
    error::io,
    tree::{Item, difference, is_plain, items, replicate, trust_bytecode},
};

/// Version of everything in this crate that shapes a configured system.
const FORMAT: &str = "strata system 2";
const TREE: &str = "system";
const ROOT: &str = "root";
const LISTING: &str = "listing.json";

/// The Debian system of a lock.
#[derive(Debug, Clone, Copy)]
pub struct System<'l> {
    lock: &'l Lock,
}

/// A configured stage.
#[derive(Debug)]
pub struct Stage {
    /// What this layer's packages added to or changed in the stage below.
    pub tree: Tree,
    /// The whole root folder.
    pub root: PathBuf,
}

struct Kept {
    root: PathBuf,
    items: Vec<Item>,
}

impl<'l> System<'l> {
    /// The system of `lock`.
    pub fn from_lock(lock: &'l Lock) -> Self {
        Self { lock }
    }

    /// The recipe key of a layer's stage: everything that its tree depends on.
    pub fn key(&self, layer: LayerName) -> Key {
        let mut key = KeyBuilder::new(FORMAT);
        key.field("suite", &self.lock.debian.suite);
        key.field("architecture", &self.lock.debian.architecture);
        key.field("created", &self.lock.created);
        for deb in self.lock.debs.iter().filter(|deb| deb.layer <= layer) {
            key.field("layer", deb.layer.as_str())
                .field("deb", deb.sha256.0);
        }
        key.finish()
    }

    /// The stage of `layer`: found in the store or made, with the stages below it.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn stage(&self, cx: &Context, layer: LayerName) -> Result<Stage> {
        let below = self
            .below(layer)
            .map(|below| self.kept(cx, below))
            .transpose()?;
        let kept = self.kept(cx, layer)?;
        let below = below
            .as_ref()
            .map(|kept| (kept.root.as_path(), kept.items.as_slice()));
        Ok(Stage {
            tree: difference(&kept.root, &kept.items, below)?,
            root: kept.root,
        })
    }

    /// The next lower layer with packages.
    fn below(&self, layer: LayerName) -> Option<LayerName> {
        self.lock
            .debs
            .iter()
            .map(|deb| deb.layer)
            .filter(|found| *found < layer)
            .max()
    }

    fn kept(&self, cx: &Context, layer: LayerName) -> Result<Kept> {
        let key = self.key(layer);
        let _once = cx.store.lock(TREE, &key)?;
        let folder = match cx.store.tree(TREE, &key) {
            Some(folder) => folder,
            None => self.make(cx, layer, &key)?,
        };
        let path = folder.join(LISTING);
        let text = fs::read(&path).map_err(io(&path))?;
        let items =
            serde_json::from_slice(&text).map_err(|source| Error::Listing { path, source })?;
        Ok(Kept {
            root: folder.join(ROOT),
            items,
        })
    }

    fn make(&self, cx: &Context, layer: LayerName, key: &Key) -> Result<PathBuf> {
        let below = self
            .below(layer)
            .map(|below| self.kept(cx, below))
            .transpose()?;
        let debs: Vec<&Deb> = self.lock.debs_of(layer).collect();
        let present: Vec<&Deb> = self
            .lock
            .debs
            .iter()
            .filter(|deb| deb.layer < layer)
            .collect();
        let _progress = ProgressTask::start(
            cx.progress.clone(),
            TaskKind::Configure,
            format!("{layer}: {} Debian packages", debs.len()),
            None,
        );
        let scratch = cx.store.scratch(TREE)?;
        let root = scratch.path().join(ROOT);
        fs::create_dir(&root).map_err(io(&root))?;
        let made = self.install(cx, &root, below.as_ref(), &debs, &present);
        let bare = Sandbox::new(&root).bare(true);
        let items = made.and_then(|()| items(&bare));
        // Flattened whatever happened: else an ordinary user could not remove what is left.
        let flat = sandbox::flatten(&bare).map_err(|source| Error::Program {
            step: "flattening the system".to_owned(),
            source,
        });
        let items = items?;
        flat?;
        trust_bytecode(&root, &items)?;
        let path = scratch.path().join(LISTING);
        let text = serde_json::to_vec(&items).map_err(|source| Error::Listing {
            path: path.clone(),
            source,
        })?;
        fs::write(&path, text).map_err(io(&path))?;
        Ok(cx.store.commit_tree(TREE, key, scratch)?)
    }

    fn install(
        &self,
        cx: &Context,
        root: &Path,
        below: Option<&Kept>,
        debs: &[&Deb],
        present: &[&Deb],
    ) -> Result<()> {
        if let Some(below) = below {
            replicate(&below.root, &below.items, root)?;
            restore(root, &below.items)?;
        }
        let epoch = self.lock.created_seconds();
        Installer::new(cx, root, epoch, present)?.install(debs)
    }
}

/// Gives back the owners and modes that flattening took.
fn restore(root: &Path, items: &[Item]) -> Result<()> {
    let mut script = b"set -e\n".to_vec();
    for item in items
        .iter()
        .filter(|item| item.kind != 'l' && item.kind != 'h')
    {
        let plain_folder = item.kind == 'd' && item.mode == 0o755 && is_plain(item);
        let linked = item.kind == 'f' && item.path.starts_with(b"usr/") && is_plain(item);
        if plain_folder || linked {
            continue;
        }
        let path = String::from_utf8_lossy(&item.path).replace('\'', "'\\''");
        script.extend_from_slice(
            format!(
                "chown {}:{} '/{path}'\nchmod {:04o} '/{path}'\n",
                item.uid, item.gid, item.mode
            )
            .as_bytes(),
        );
    }
    Sandbox::new(root)
        .bare(true)
        .run("/bin/sh", ["-s"], &script)
        .map_err(|source| Error::Program {
            step: "restoring owners".to_owned(),
            source,
        })?;
    Ok(())
}
