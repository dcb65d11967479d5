//! From plans to parts: reuse by recipe key, the order of work, and splitting at the size limit.

use std::{
    cmp::Reverse,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use lock::Artifact;
use store::{Key, KeyBuilder, ProgressTask, TaskKind};

use crate::{
    Context, Entry, Error, Package, Part, PartOrigin, Rank, Result, Tree,
    elsewhere::{self, Wanted},
    index,
    pipeline::{Tar, write_part},
    tar_form::{estimate, link_target},
};

/// A part holds at most about this many bytes of tar, where it can be split at all: a single file
/// is never cut.
pub const PART_LIMIT: u64 = 600_000_000;

/// Version of everything here that shapes a part's bytes: tar form, cuts, splitting. Change it
/// whenever one of them changes.
const FORMAT: &str = "strata part 2";

/// The store's kind for part records.
pub(crate) const KIND: &str = "part";

/// The store's kind for records of tars, whatever they are compressed with.
const TARS: &str = "tars";

/// How one part is made, or several where a tree is over the limit.
pub struct Plan<'p> {
    name: String,
    recipe: Key,
    weight: u64,
    artifacts: Vec<Artifact>,
    rank: Rank,
    packages: Arc<[Package]>,
    make: Make<'p>,
}

type Make<'p> = Box<dyn FnOnce(&Context) -> Result<Tree> + Send + 'p>;

impl<'p> Plan<'p> {
    /// A plan. `recipe` covers everything that the tree depends on; compression and this crate's
    /// own format are added to it. `weight` is about how many bytes it is, to start the largest
    /// first. `make` is called only when the store does not have the parts.
    pub fn new(
        name: impl Into<String>,
        recipe: Key,
        weight: u64,
        make: impl FnOnce(&Context) -> Result<Tree> + Send + 'p,
    ) -> Self {
        Self {
            name: name.into(),
            recipe,
            weight,
            artifacts: Vec::new(),
            rank: Rank::default(),
            packages: Arc::default(),
            make: Box::new(make),
        }
    }

    /// The artifacts that `make` fetches, for the check of the disk's room before it starts.
    #[must_use]
    pub fn fetching(mut self, artifacts: impl IntoIterator<Item = Artifact>) -> Self {
        self.artifacts = artifacts.into_iter().collect();
        self
    }

    /// What is inside its parts: for annotations of the image, and not part of the recipe.
    #[must_use]
    pub fn holding(mut self, packages: impl IntoIterator<Item = Package>) -> Self {
        let mut packages: Vec<Package> = packages.into_iter().collect();
        packages.sort();
        self.packages = packages.into();
        self
    }

    /// Its parts are a stage of one growing system: a later stage may change files of an earlier.
    #[must_use]
    pub fn stage(mut self) -> Self {
        self.rank = Rank::Stage;
        self
    }
}

impl Plan<'_> {
    /// The name of its part.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// About how many bytes it is.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// The artifacts that it fetches.
    pub fn artifacts(&self) -> &[Artifact] {
        &self.artifacts
    }

    /// Whether its parts are a stage of one growing system: see [`Plan::stage`].
    pub fn is_stage(&self) -> bool {
        self.rank == Rank::Stage
    }

    /// What is inside its parts, sorted.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The parts that the store has of it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn known(&self, cx: &Context) -> Result<Option<Vec<Part>>> {
        lookup(cx, &self.keys(cx), &self.packages)
    }

    /// The key of its tars, whatever they are compressed with: the recipe and this crate's format.
    pub fn tars(&self) -> Key {
        let mut key = KeyBuilder::new(FORMAT);
        key.key("recipe", &self.recipe);
        key.field("name", &self.name);
        key.number("limit", PART_LIMIT);
        key.finish()
    }

    /// The key of its parts: the recipe, this crate's format, the compression.
    pub fn key(&self, cx: &Context) -> Key {
        self.keys(cx).parts
    }

    fn keys(&self, cx: &Context) -> Keys {
        let tars = self.tars();
        let mut key = KeyBuilder::new(FORMAT);
        key.key("tars", &tars);
        cx.compression.add_to(&mut key);
        let parts = key.finish();
        Keys { tars, parts }
    }
}

/// What a plan's results stand under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    /// Its tars: the recipe and this crate's format.
    pub(crate) tars: Key,
    /// Its parts: the tars and how they are compressed.
    pub(crate) parts: Key,
}

/// The name of one of a plan's parts.
pub(crate) fn part_name(plan: &str, at: usize, several: usize) -> String {
    match several {
        1 => plan.to_owned(),
        _ => format!("{plan} {}/{several}", at + 1),
    }
}

impl fmt::Debug for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("name", &self.name)
            .field("recipe", &self.recipe)
            .finish_non_exhaustive()
    }
}

/// Builds the parts of all plans, several at once, the largest first; gives them back in the
/// order of the plans. A plan whose parts lie in the image below ([`Context::standing_on`]) gives none.
///
/// # Errors
/// The first error of any plan. The context is stopped then: the others are not started, downloads end.
/// [`Error::GivenUp`] where the context was stopped by something else.
pub fn build_parts(cx: &Context, plans: Vec<Plan<'_>>) -> Result<Vec<Part>> {
    let count = plans.len();
    let mut found = Vec::with_capacity(count);
    let mut lacking = Vec::new();
    for (at, plan) in plans.into_iter().enumerate() {
        let keys = plan.keys(cx);
        if cx.is_below(&keys.tars) {
            found.push(Some(Vec::new()));
            continue;
        }
        let parts = lookup(cx, &keys, &plan.packages)?;
        if parts.is_none() {
            lacking.push((at, plan, keys));
        }
        found.push(parts);
    }
    let wanted = lacking.iter().map(|(_, plan, keys)| Wanted {
        keys: *keys,
        name: &plan.name,
        rank: plan.rank,
    });
    let cached = elsewhere::ask(cx, &wanted.collect::<Vec<_>>());
    let mut queue = Vec::new();
    for ((at, plan, keys), cached) in lacking.into_iter().zip(cached) {
        if let Some(mut parts) = cached {
            for part in &mut parts {
                part.packages = plan.packages.clone();
            }
            found[at] = Some(parts);
        } else {
            let promised = cx.room.promise(&cx.store, &plan.artifacts)?;
            queue.push((at, plan, keys, promised));
        }
    }
    // Taken from the end: the heaviest last; equal ones in the order of the plans.
    queue.sort_by_key(|(at, plan, ..)| (plan.weight, Reverse(*at)));
    let threads = queue.len().min(cx.threads().min(8));
    let queue = Mutex::new(queue);
    let done = Mutex::new(found);
    let failed = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some((at, plan, keys, promised)) = taken(&queue).pop() else {
                        return;
                    };
                    let what = plan.name.clone();
                    let result = build_plan(cx, plan, keys);
                    drop(promised);
                    match result {
                        Ok(parts) => taken(&done)[at] = Some(parts),
                        Err(error) => {
                            let mut failed = taken(&failed);
                            if cx.stop() {
                                *failed = Some(error.if_full(cx.store.root()));
                            } else {
                                // Whatever it is, it may only follow from the first.
                                failed.get_or_insert(Error::GivenUp { what });
                            }
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let parts: Option<Vec<Vec<Part>>> = done.into_iter().collect();
    parts
        .map(|parts| parts.into_iter().flatten().collect())
        .ok_or_else(|| Error::Worker("building a layer's parts".to_owned()))
}

fn taken<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The parts that the store has under a key, if all of them are whole.
fn lookup(cx: &Context, keys: &Keys, packages: &Arc<[Package]>) -> Result<Option<Vec<Part>>> {
    let Some(mut parts) = cx.store.result::<Vec<Part>>(KIND, &keys.parts)? else {
        return Ok(None);
    };
    for part in &mut parts {
        (part.key, part.tars) = (keys.parts, keys.tars);
        if !cx.store.has_blob(&part.digest, part.size)
            || !index::exists(&cx.store, &part.tars, &part.diff_id)
        {
            return Ok(None);
        }
        part.path = cx.store.blob_path(&part.digest);
        // The plan's, not the record's: a name or version may change where the bytes do not.
        part.packages = packages.clone();
    }
    Ok(Some(parts))
}

fn build_plan(cx: &Context, plan: Plan<'_>, keys: Keys) -> Result<Vec<Part>> {
    let given_up = || Error::GivenUp {
        what: plan.name.clone(),
    };
    if cx.fetcher.stopped() {
        return Err(given_up());
    }
    // Another process may be at the same part: wait for it and take its result.
    let _once = cx.store.lock(KIND, &keys.parts)?;
    if let Some(parts) = lookup(cx, &keys, &plan.packages)? {
        return Ok(parts);
    }
    let why = if cx.store.is_anew() {
        "everything anew"
    } else {
        "not in the store"
    };
    let tree = (plan.make)(cx)?;
    // Only now: a plan that waits for a download or for the configured system holds up no other.
    let _slot = cx.slots.take();
    if cx.fetcher.stopped() {
        return Err(given_up());
    }
    let chunks = split(tree)?;
    let several = chunks.len();
    let known = tars(cx, &keys, several)?;
    let mut parts = Vec::with_capacity(several);
    for (at, entries) in chunks.into_iter().enumerate() {
        let name = part_name(&plan.name, at, several);
        let total = entries.iter().map(estimate).sum();
        let progress = ProgressTask::start(
            cx.progress.clone(),
            TaskKind::Build,
            name.clone(),
            Some(total),
        );
        let tar = known.as_ref().and_then(|known| known.get(at)).copied();
        let written = write_part(cx, &entries, tar, &|bytes| progress.advance(bytes))?;
        let part = Part {
            name,
            digest: written.digest,
            diff_id: written.tar.diff_id,
            size: written.size,
            diff_size: written.tar.size,
            compression: cx.compression,
            rank: plan.rank,
            path: cx.store.blob_path(&written.digest),
            key: keys.parts,
            tars: keys.tars,
            packages: plan.packages.clone(),
            origin: PartOrigin::Built(why),
            elsewhere: None,
            cached: None,
        };
        if let Some(files) = &written.files {
            index::write(&cx.store, &part, files)?;
        }
        progress.done();
        parts.push(part);
    }
    compare(cx, &keys.parts, &parts)?;
    if known.is_none() {
        let tars: Vec<_> = parts.iter().map(Part::tar).collect();
        cx.store.put_result(TARS, &keys.tars, &tars)?;
    }
    cx.store.put_result(KIND, &keys.parts, &parts)?;
    Ok(parts)
}

/// The tars of a plan, where they were made before with another compression, and their indexes stand.
fn tars(cx: &Context, keys: &Keys, several: usize) -> Result<Option<Vec<Tar>>> {
    let known = cx.store.result::<Vec<Tar>>(TARS, &keys.tars)?;
    let indexed = |tar: &Tar| index::exists(&cx.store, &keys.tars, &tar.diff_id);
    Ok(known.filter(|known| known.len() == several && known.iter().all(indexed)))
}

/// What was made anew should be what the store had: says so when it is not.
fn compare(cx: &Context, key: &Key, parts: &[Part]) -> Result<()> {
    let Some(before) = cx.store.settled::<Vec<Part>>(KIND, key)? else {
        return Ok(());
    };
    for (at, part) in parts.iter().enumerate() {
        let was = before.get(at).map(|part| part.digest.to_oci());
        if was.as_deref() != Some(part.digest.to_oci().as_str()) {
            cx.progress.warn(&format!(
                "{} is not reproducible: made anew it is {}, the store has {} for the same recipe",
                part.name,
                part.digest.to_oci(),
                was.unwrap_or_else(|| "nothing".to_owned()),
            ));
        }
    }
    Ok(())
}

/// Splits a tree into runs of entries, none over the limit where a run has more than one file.
/// Every run begins with the folders that its first entry lies in, so that each part stands on its
/// own, and no run is cut between a file and a hard link to it.
fn split(tree: Tree) -> Result<Vec<Vec<Entry>>> {
    let total: u64 = tree.iter().map(estimate).sum();
    if total <= PART_LIMIT {
        return Ok(vec![tree.into_iter().collect()]);
    }
    // Hard links go where their file goes: a run is cut only before an entry that is neither.
    let linked: std::collections::BTreeSet<_> =
        tree.iter().filter_map(link_target).cloned().collect();
    let mut folders: Vec<Entry> = Vec::new();
    let mut runs: Vec<Tree> = vec![Tree::new()];
    let mut filled = 0;
    let mut with_links = Tree::new();
    for entry in tree {
        while folders
            .last()
            .is_some_and(|top| entry.path.below(&top.path).is_none())
        {
            folders.pop();
        }
        if link_target(&entry).is_some() || linked.contains(&entry.path) {
            insert_with(&mut with_links, &folders, entry)?;
            continue;
        }
        let size = estimate(&entry);
        if filled > 0 && filled + size > PART_LIMIT {
            runs.push(Tree::new());
            filled = 0;
        }
        if let Some(run) = runs.last_mut() {
            insert_with(run, &folders, entry.clone())?;
        }
        filled += size;
        if matches!(entry.kind, crate::Kind::Dir) {
            folders.push(entry);
        }
    }
    if !with_links.is_empty() {
        runs.push(with_links);
    }
    Ok(runs
        .into_iter()
        .map(|run| run.into_iter().collect())
        .collect())
}

fn insert_with(run: &mut Tree, folders: &[Entry], entry: Entry) -> Result<()> {
    for folder in folders {
        if run.get(folder.path.as_bytes()).is_none() {
            run.insert(folder.clone())?;
        }
    }
    run.insert(entry)
}
