//! A small real image: Debian's essential packages, the interpreter and a few wheels, all of them
//! from the starter edition's lock, built by the real program in stores of its own.
#![allow(clippy::unwrap_used, dead_code)] // helpers; no test uses all of them

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use lock::{Lock, Sha256};

/// Small pure and compiled wheels, with entry points among them.
const WHEELS: [&str; 5] = ["packaging", "pyyaml", "idna", "certifi", "tqdm"];

/// The lock, reduced.
pub fn small_lock() -> Lock {
    let mut lock = Lock::starter().unwrap();
    let mut wanted: BTreeSet<String> = lock
        .debs
        .iter()
        .filter(|deb| deb.essential)
        .map(|deb| deb.name.clone())
        .collect();
    wanted.insert("python3.14".to_owned());
    loop {
        let more: BTreeSet<String> = lock
            .debs
            .iter()
            .filter(|deb| wanted.contains(&deb.name))
            .flat_map(|deb| deb.depends.iter().chain(&deb.pre_depends).cloned())
            .collect();
        let before = wanted.len();
        wanted.extend(more);
        if wanted.len() == before {
            break;
        }
    }
    lock.debs.retain(|deb| wanted.contains(&deb.name));
    lock.wheels
        .retain(|wheel| WHEELS.contains(&wheel.name.as_str()));
    lock.sources.clear();
    lock.edition = "small".to_owned();
    assert!(lock.debs.len() > 30 && lock.wheels.len() == WHEELS.len());
    lock
}

/// A folder for this run of tests, on the disk that has `target`.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Writes the lock into a folder and gives its path.
pub fn write_lock(lock: &Lock, folder: &Path) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join("small.lock");
    std::fs::write(&path, lock.to_toml().unwrap()).unwrap();
    path
}

/// A store that has the lock's downloads and nothing else, from the machine's store or fetched once
/// from the ordinary registries. `None`, and said so, where neither has them.
pub fn store(lock: &Lock, at: &Path) -> Option<PathBuf> {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("downloads");
    let kept = store::Store::open(kept).unwrap();
    let fetcher = store::Fetcher::from_env().unwrap();
    let own = store::Store::open_default().map(|store| store.root().to_owned());
    let artifacts = lock.artifacts();
    for artifact in &artifacts {
        if let Ok(own) = &own
            && !kept.has_download(&artifact.sha256, artifact.size)
        {
            let _ = std::fs::copy(
                download(own, &artifact.sha256),
                download(kept.root(), &artifact.sha256),
            );
        }
    }
    if let Err(error) = fetcher.fetch_all(&kept, &artifacts) {
        eprintln!("skipped: the registries are not reachable: {error}");
        return None;
    }
    let new = store::Store::open(at).unwrap();
    for artifact in &artifacts {
        let (from, to) = (
            download(kept.root(), &artifact.sha256),
            download(new.root(), &artifact.sha256),
        );
        // Copies, not links: tests damage them.
        std::fs::copy(from, to).unwrap();
    }
    Some(new.root().to_owned())
}

/// Where a store has a download.
pub fn download(store: &Path, digest: &Sha256) -> PathBuf {
    store.join("downloads/sha256").join(digest.to_string())
}

/// Forgets the parts that a store has, so that the next build makes them again.
pub fn forget_parts(store: &Path) {
    let _ = std::fs::remove_dir_all(store.join("results"));
}

/// `xtask image` of a lock with a store, without the machine's own settings for places.
pub fn image(lock: &Path, store: &Path) -> Command {
    let out = lock.with_file_name("dist");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("image").arg(lock).arg("--out").arg(out);
    command
        .env("STRATA_STORE", store)
        .env("HOME", lock.parent().unwrap())
        .env("PIP_CONFIG_FILE", "/dev/null");
    for name in [
        "PIP_INDEX_URL",
        "UV_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "UV_INDEX",
        "PIP_EXTRA_INDEX_URL",
    ] {
        command.env_remove(name);
    }
    command
}

/// The digest that a build printed; its messages if it failed.
pub fn digest(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let last = text.lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("sha256:"), "{text}{errors}");
    last
}

/// What a build that failed said: one error, and no digest.
pub fn failure(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it should have failed: {errors}");
    assert!(output.stdout.is_empty());
    assert_eq!(errors.matches("error: ").count(), 1, "{errors}");
    errors
}
