//! Artifacts and commits that no mirror has any more: their entries of the lock are resolved anew.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Result, bail};
use edition::{Edition, EditionFile};
use layer::Context;
use lock::{Lock, Sha256};
use resolve::{Kept, Options, Update};

/// How many artifacts an error names.
const LISTED: usize = 8;

/// Something that is at no place any more.
#[derive(Debug)]
pub struct Gone {
    /// What messages call it.
    shown: String,
    /// The names of its entries in the lock.
    names: BTreeSet<String>,
}

/// Renews the entries of `gone` in the lock at `path`, and says so. What else the lock has stays, as far
/// as the archive still has it.
pub fn renew(cx: &Context, path: &Path, gone: &[Gone], locked: bool) -> Result<()> {
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
    for one in gone {
        let what = format!("no mirror has {} any more: it is resolved anew", one.shown);
        cx.progress.warn(&what);
    }
    let options = Options {
        update: Update::Names(gone.iter().flat_map(|one| one.names.clone()).collect()),
        folder: path.parent().unwrap_or(Path::new(".")),
        build: true,
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

fn list(gone: &[Gone]) -> String {
    let lines = gone.iter().take(LISTED);
    let lines = lines.map(|one| format!("\n  {}", one.shown));
    let more = gone.len().saturating_sub(LISTED);
    let more = (more > 0).then(|| format!("\n  and {more} more"));
    lines.chain(more).collect()
}

/// What of the lock is not in the store, and at no place any more.
pub fn find(cx: &Context, lock: &Lock) -> Result<Vec<Gone>> {
    let artifacts = cx.fetcher.absent(&cx.store, &lock.artifacts())?;
    let mut gone: Vec<Gone> = Vec::new();
    for artifact in artifacts {
        let is = |sha256: Sha256| sha256 == artifact.sha256;
        let debs = lock.debs.iter().filter(|deb| is(deb.sha256));
        let wheels = lock.wheels.iter().filter(|wheel| is(wheel.sha256));
        let sdists = lock.sdists.iter().filter(|sdist| {
            let tools = sdist.requires.iter().filter_map(|id| lock.required(id));
            let mut of = tools
                .map(|wheel| wheel.sha256)
                .chain(sdist.artifact().map(|artifact| artifact.sha256));
            of.any(is)
        });
        let sources = lock.sources.iter().filter(|tree| is(tree.sha256));
        let names = debs
            .map(|deb| &deb.name)
            .chain(wheels.map(|wheel| &wheel.name))
            .chain(sdists.map(|sdist| &sdist.name))
            .chain(sources.map(|tree| &tree.name));
        gone.push(Gone {
            shown: artifact.to_string(),
            names: names.cloned().collect(),
        });
    }
    let packages = lock.sdists.iter().filter_map(|sdist| sdist.tree("/"));
    let git = lock.git.iter().cloned().chain(packages);
    let git = git.filter(|git| git::is_absent(&cx.store, &cx.fetcher, git));
    gone.extend(git.map(|git| Gone {
        shown: format!("{} (commit {})", git.shown(), git.commit),
        names: [git.name.clone()].into(),
    }));
    Ok(gone)
}
