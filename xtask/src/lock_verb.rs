//! `cargo xtask lock`: an edition to its lock.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use assembler::forecast_on;
use edition::{Edition, EditionFile, ListKind};
use layer::Context;
use lock::{LayerName, Lock};
use resolve::{Kept, Options, Update};
use store::{Fetcher, Places};

use crate::{build, place, progress::Bars, rebuilt::Rebuilt, summary};

/// Resolves an edition and writes its lock.
///
/// What the lock has and the edition still allows stays as it is. Standard output has the summary of what
/// changed.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask lock\n  cargo xtask lock --update\n  \
                  cargo xtask lock --update torch triton\n  cargo xtask lock --pin numpy=2.3.5\n  \
                  cargo xtask lock --check"
)]
pub struct Args {
    /// The edition, as in editions/<EDITION>.toml, or a path.
    #[arg(default_value = "starter")]
    edition: String,
    /// Renew everything, or just these packages and what they force; `from` is the image below.
    #[arg(long, num_args = 0.., value_name = "NAME")]
    update: Option<Vec<String>>,
    /// Take this version, and write the pin into the edition.
    #[arg(long, value_name = "NAME=VERSION")]
    pin: Vec<String>,
    /// Write nothing; fail if the lock is not what this would write.
    #[arg(long, conflicts_with_all = ["update", "pin"])]
    check: bool,
    #[command(flatten)]
    options: LockOptions,
}

/// Options of all verbs that write locks.
#[derive(Debug, Clone, clap::Args)]
pub struct LockOptions {
    /// Use the store alone: fetch nothing.
    #[arg(long)]
    offline: bool,
    /// Leave packages that are built from source unbuilt where the lock has no wheel of them yet; `image` wants
    /// them built. Those from git are built in any case.
    #[arg(long)]
    no_build: bool,
    /// The store's folder [default: STRATA_STORE, else the user's cache folder].
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let path = place::edition(&args.edition, "toml")?;
    let mut update = match &args.update {
        None => Update::Nothing,
        Some(names) if names.is_empty() => Update::All,
        Some(names) => Update::Names(names.iter().cloned().collect()),
    };
    if let Update::Names(names) = &update {
        let lock = Lock::read(&path.with_extension("lock"))?;
        for name in names {
            let sources = lock.sources.iter().map(|source| &source.name);
            if name == resolve::FROM {
                // The lock may have none yet: it is looked up then anyway.
                if lock.from.is_none() && Edition::read(&path)?.from.is_none() {
                    bail!(
                        "neither lock nor edition stands on an image; `from` in the edition names one"
                    );
                }
                continue;
            }
            if !sources
                .chain(lock.git.iter().map(|git| &git.name))
                .any(|one| one == name)
            {
                packaged(&lock, name)?;
            }
        }
    }
    let mut file = EditionFile::open(&path)?;
    let mut pinned = BTreeSet::new();
    for pin in &args.pin {
        let Some((name, version)) = pin.split_once('=') else {
            bail!("expected --pin NAME=VERSION, found {pin:?}");
        };
        let lock = Lock::read(&path.with_extension("lock"))?;
        let (layer, kind) = packaged(&lock, name)?;
        file.pin(layer, kind, name, version.trim_start_matches('='))?;
        pinned.insert(name.to_owned());
    }
    if !pinned.is_empty() {
        update = match update {
            Update::All => Update::All,
            Update::Names(names) => Update::Names(names.union(&pinned).cloned().collect()),
            Update::Nothing => Update::Names(pinned),
        };
    }
    lock(&file, &path, &update, args.check, &args.options)
}

/// Where the lock has a package, and of which kind it is there.
fn packaged(lock: &Lock, name: &str) -> Result<(LayerName, ListKind)> {
    let normalised = lock::normalised(name);
    let wheel = lock.wheels.iter().find(|wheel| wheel.name == normalised);
    let deb = lock.debs.iter().find(|deb| deb.name == name);
    let wheel = wheel.map(|wheel| wheel.layer);
    let sdist = lock.sdists.iter().find(|sdist| sdist.name == normalised);
    match (wheel.or(sdist.map(|sdist| sdist.layer)), deb) {
        (Some(layer), _) => Ok((layer, ListKind::Python)),
        (None, Some(deb)) => Ok((deb.layer, ListKind::Debian)),
        (None, None) => bail!(
            "no package of the lock is called {name:?}; `cargo xtask add LAYER '{name}==VERSION'` adds one"
        ),
    }
}

/// Resolves the edition in `file`, writes its lock beside it, then the edition itself.
pub fn lock(
    file: &EditionFile,
    path: &Path,
    update: &Update,
    check: bool,
    options: &LockOptions,
) -> Result<()> {
    let lock_path = path.with_extension("lock");
    let folder = path.parent().unwrap_or(Path::new("."));
    let edition = Edition::parse_at(file.text(), path)?;
    let store = place::store(options.store.as_deref())?;
    let bars = std::sync::Arc::new(Bars::new());
    let fetcher = Fetcher::new(
        Places::from_env()?.with_local(folder),
        bars.clone(),
        options.offline,
    );
    let kept = Kept::read(&lock_path);
    if let Some(problem) = &kept.problem {
        store::Progress::warn(
            bars.as_ref(),
            &format!("the lock is made anew as far as it could not be read: {problem}"),
        );
    }
    let before = std::fs::read_to_string(&lock_path).unwrap_or_default();
    let key = |lock: &str| resolve::settled_key(&edition, path, file.text(), lock);
    let unbuilt = |lock: &Lock| lock.sdists.iter().any(|sdist| sdist.wheel.is_none());
    let lock = match &kept.whole {
        Some(lock)
            if (options.no_build || !unbuilt(lock))
                && *update == Update::Nothing
                && resolve::is_settled(&store, &key(&before)?)? =>
        {
            lock.clone()
        }
        _ => {
            let resolving = Options {
                update: update.clone(),
                folder,
                build: !options.no_build && !check,
                now: jiff::Timestamp::now(),
            };
            let (lock, warnings) = resolve::resolve(&store, &fetcher, &edition, &kept, &resolving)?;
            for warning in &warnings {
                store::Progress::warn(bars.as_ref(), warning);
            }
            lock
        }
    };
    let text = lock.to_toml()?;
    resolve::settle(&store, &key(&text)?)?;
    let summary = resolve::summary(kept.whole.as_ref(), &lock)?;
    let cx = Context::new(store, fetcher)?;
    let parts = kept.whole.as_ref().map(|lock| {
        // Of the old lock's image it is no fault that it is gone.
        let below = build::below(&cx, lock, folder).ok().flatten();
        forecast_on(&cx, lock, below.as_deref())
    });
    let parts = parts.transpose()?;
    let below = build::below(&cx, &lock, folder)?;
    let rebuilt = Rebuilt::new(&cx, parts.as_deref(), &lock, below.as_deref())?;
    summary::print(&summary, &rebuilt, text == before, options.json)?;
    // The lock is right for what the edition says, but no image comes of it.
    let fits = match &below {
        Some(below) => assembler::fits(&lock, below),
        None => Ok(()),
    };
    if let Err(error) = &fits
        && !check
    {
        store::Progress::warn(bars.as_ref(), &error.to_string());
    }
    if check {
        if text != before {
            bail!(
                "{} is not what its edition comes to; `cargo xtask lock {}` renews it",
                lock_path.display(),
                edition.name
            );
        }
        return Ok(fits?);
    }
    if text != before {
        edition::write(&lock_path, &text)?;
    }
    // The edition last: a lock that was not made leaves it as it was.
    file.save()?;
    eprintln!(
        "{} {}",
        lock_path.display(),
        if text == before {
            "is unchanged"
        } else {
            "written"
        }
    );
    Ok(())
}
