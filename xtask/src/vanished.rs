//! Artifacts that no mirror has any more: their entries of the lock are resolved anew.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Result, bail};
use edition::{Edition, EditionFile};
use layer::Context;
use lock::{Artifact, Lock};
use resolve::{Kept, Options, Update};

/// How many artifacts an error names.
const LISTED: usize = 8;

/// Renews the entries of `gone` in the lock at `path`, and says so. What else the lock has stays, as far
/// as the archive still has it.
pub fn renew(cx: &Context, path: &Path, gone: &[Artifact], locked: bool) -> Result<()> {
    let list = list(gone);
    if locked {
        bail!(
            "no mirror has any more what {} names:{list}\n\
             hint: without --locked these entries are resolved anew and the lock is updated",
            path.display()
        );
    }
    let toml = path.with_extension("toml");
    if !toml.is_file() {
        bail!(
            "no mirror has any more what {} names:{list}\n\
             hint: there is no edition {} to resolve these entries from",
            path.display(),
            toml.display()
        );
    }
    let file = EditionFile::open(&toml)?;
    let edition = Edition::parse_at(file.text(), &toml)?;
    let kept = Kept::read(path);
    let before = std::fs::read_to_string(path)?;
    let lock = Lock::read(path)?;
    for one in gone {
        let what = format!("no mirror has {one} any more: it is resolved anew");
        cx.progress.warn(&what);
    }
    let options = Options {
        update: Update::Names(names(&lock, gone)),
        folder: path.parent().unwrap_or(Path::new(".")),
        now: jiff::Timestamp::now(),
    };
    let (lock, warnings) = resolve::resolve(&cx.store, &cx.fetcher, &edition, &kept, &options)?;
    for warning in &warnings {
        cx.progress.warn(warning);
    }
    let text = lock.to_toml()?;
    if text == before {
        bail!(
            "no mirror has any more what {} names, and it resolves to the same again:{list}\n\
             hint: the mirror's index may be newer or older than its files; try another mirror",
            path.display()
        );
    }
    edition::write(path, &text)?;
    let changes = resolve::summary(kept.whole.as_ref(), &lock)?.changes;
    let shown = path.display();
    cx.progress.warn(&format!(
        "{shown} is updated: {} entries changed",
        changes.len()
    ));
    for change in changes {
        let version = |version: Option<String>| version.unwrap_or_else(|| "none".to_owned());
        cx.progress.warn(&format!(
            "{} {}: {} -> {}",
            change.kind,
            change.name,
            version(change.before),
            version(change.after)
        ));
    }
    Ok(())
}

fn list(gone: &[Artifact]) -> String {
    let lines = gone.iter().take(LISTED).map(|one| format!("\n  {one}"));
    let more = gone.len().saturating_sub(LISTED);
    let more = (more > 0).then(|| format!("\n  and {more} more"));
    lines.chain(more).collect()
}

/// What the entries of some artifacts are called.
fn names(lock: &Lock, gone: &[Artifact]) -> BTreeSet<String> {
    let is_gone = |sha256| gone.iter().any(|artifact| artifact.sha256 == sha256);
    let debs = lock.debs.iter().map(|deb| (&deb.name, deb.sha256));
    let wheels = lock.wheels.iter().map(|wheel| (&wheel.name, wheel.sha256));
    let sources = lock.sources.iter();
    let sources = sources.map(|tree| (tree.project.as_ref().unwrap_or(&tree.name), tree.sha256));
    let all = debs.chain(wheels).chain(sources);
    all.filter(|(_, sha256)| is_gone(*sha256))
        .map(|(name, _)| name.clone())
        .collect()
}
