//! From plans to parts: what the store has is reused by recipe key, the rest is built.

use std::sync::Arc;

use store::{Key, ProgressTask, TaskKind};

use crate::{
    Context, Error, Package, Part, PartOrigin, Result,
    elsewhere::{self, Wanted},
    index,
    pipeline::{Tar, write_part},
    plan::{Keys, Plan},
    split::split,
    tar_form::estimate,
    work::{self, Job},
};

/// The store's kind for part records.
pub(crate) const KIND: &str = "part";

/// The store's kind for records of tars, whatever they are compressed with.
const TARS: &str = "tars";

/// The name of one of a plan's parts.
pub(crate) fn part_name(plan: &str, at: usize, several: usize) -> String {
    match several {
        1 => plan.to_owned(),
        _ => format!("{plan} {}/{several}", at + 1),
    }
}

/// Builds the parts of all plans, several at once, the largest first of those whose downloads are there;
/// gives them back in the order of the plans. A plan whose parts lie in the image below
/// ([`Context::standing_on`]) gives none.
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
    let mut jobs = Vec::new();
    for ((at, plan, keys), cached) in lacking.into_iter().zip(cached) {
        if let Some(mut parts) = cached {
            for part in &mut parts {
                part.packages = plan.packages.clone();
            }
            found[at] = Some(parts);
        } else {
            let promised = cx.room.promise(&cx.store, &plan.artifacts)?;
            jobs.push(Job {
                at,
                plan,
                keys,
                promised,
            });
        }
    }
    for (at, parts) in work::work(cx, jobs)? {
        found[at] = Some(parts);
    }
    let parts: Option<Vec<Vec<Part>>> = found.into_iter().collect();
    parts
        .map(|parts| parts.into_iter().flatten().collect())
        .ok_or_else(|| Error::Worker("building a layer's parts".to_owned()))
}

/// The parts that the store has under a key, if all of them are whole.
pub(crate) fn lookup(
    cx: &Context,
    keys: &Keys,
    packages: &Arc<[Package]>,
) -> Result<Option<Vec<Part>>> {
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

/// Makes a plan's parts, unless the store has got them meanwhile.
pub(crate) fn build_plan(cx: &Context, plan: Plan<'_>, keys: Keys) -> Result<Vec<Part>> {
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
