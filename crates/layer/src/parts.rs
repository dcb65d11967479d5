//! From plans to parts: reuse by recipe key, the order of work, and splitting at the size limit.

use std::{fmt, sync::Mutex, thread};

use store::{Key, KeyBuilder, ProgressTask, TaskKind};

use crate::{
    Context, Entry, Error, Part, PartOrigin, Result, Tree, index,
    pipeline::write_part,
    tar_form::{estimate, link_target},
};

/// A part holds at most about this many bytes of tar, where it can be split at all: a single file
/// is never cut.
pub const PART_LIMIT: u64 = 600_000_000;

/// Version of everything here that shapes a part's bytes: tar form, cuts, splitting. Change it
/// whenever one of them changes.
const FORMAT: &str = "strata part 1";

/// The store's kind for part records.
const KIND: &str = "part";

/// How one part is made, or several where a tree is over the limit.
pub struct Plan<'p> {
    name: String,
    recipe: Key,
    weight: u64,
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
            make: Box::new(make),
        }
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
/// order of the plans.
///
/// # Errors
/// The first error of any plan; the others are not started then.
pub fn build_parts(cx: &Context, plans: Vec<Plan<'_>>) -> Result<Vec<Part>> {
    let count = plans.len();
    let mut queue: Vec<(usize, Plan<'_>)> = plans.into_iter().enumerate().collect();
    // Taken from the end: the heaviest last; equal ones in the order of the plans.
    queue.sort_by_key(|(at, plan)| (plan.weight, std::cmp::Reverse(*at)));
    let queue = Mutex::new(queue);
    let done = Mutex::new(
        (0..count)
            .map(|_| None)
            .collect::<Vec<Option<Result<Vec<Part>>>>>(),
    );
    let lock = |error| std::sync::PoisonError::into_inner(error);
    thread::scope(|scope| {
        for _ in 0..count.min(cx.threads().min(8)) {
            scope.spawn(|| {
                loop {
                    let Some((at, plan)) = queue.lock().unwrap_or_else(|e| e.into_inner()).pop()
                    else {
                        return;
                    };
                    let result = build_plan(cx, plan);
                    if result.is_err() {
                        queue.lock().unwrap_or_else(|e| e.into_inner()).clear();
                    }
                    done.lock().unwrap_or_else(|e| e.into_inner())[at] = Some(result);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(lock);
    // An error leaves plans that were never started: the error is what counts.
    let mut parts = Vec::new();
    let mut missing = false;
    for result in done {
        match result {
            Some(result) => parts.extend(result?),
            None => missing = true,
        }
    }
    if missing {
        Err(Error::Worker("building a layer's parts".to_owned()))
    } else {
        Ok(parts)
    }
}

fn build_plan(cx: &Context, plan: Plan<'_>) -> Result<Vec<Part>> {
    let mut key = KeyBuilder::new(FORMAT);
    key.key("recipe", &plan.recipe);
    key.field("name", &plan.name);
    key.number("limit", PART_LIMIT);
    cx.compression.add_to(&mut key);
    let key = key.finish();
    let lookup = |cx: &Context| -> Result<Option<Vec<Part>>> {
        let Some(mut parts) = cx.store.result::<Vec<Part>>(KIND, &key)? else {
            return Ok(None);
        };
        for part in &mut parts {
            if !cx.store.has_blob(&part.digest, part.size) || !index::exists(&cx.store, part) {
                return Ok(None);
            }
            part.path = cx.store.blob_path(&part.digest);
            part.key = key;
        }
        Ok(Some(parts))
    };
    if cx.reuse
        && let Some(parts) = lookup(cx)?
    {
        return Ok(parts);
    }
    // Another process may be at the same part: wait for it and take its result.
    let _once = cx.store.lock(KIND, &key)?;
    let why = if !cx.reuse {
        "everything anew"
    } else if let Some(parts) = lookup(cx)? {
        return Ok(parts);
    } else {
        "not in the store"
    };
    let _slot = cx.slots.take();
    let tree = (plan.make)(cx)?;
    let chunks = split(tree)?;
    let several = chunks.len();
    let mut parts = Vec::with_capacity(several);
    for (at, entries) in chunks.into_iter().enumerate() {
        let name = match several {
            1 => plan.name.clone(),
            _ => format!("{} {}/{several}", plan.name, at + 1),
        };
        let total = entries.iter().map(estimate).sum();
        let progress = ProgressTask::start(
            cx.progress.clone(),
            TaskKind::Build,
            name.clone(),
            Some(total),
        );
        let written = write_part(cx, &entries, &|bytes| progress.advance(bytes))?;
        let part = Part {
            name,
            digest: written.digest,
            diff_id: written.diff_id,
            size: written.size,
            diff_size: written.diff_size,
            compression: cx.compression,
            path: cx.store.blob_path(&written.digest),
            key,
            origin: PartOrigin::Built(why),
        };
        index::write(&cx.store, &part, &written.files)?;
        parts.push(part);
    }
    cx.store.put_result(KIND, &key, &parts)?;
    Ok(parts)
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
