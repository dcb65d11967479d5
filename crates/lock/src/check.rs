//! What the types cannot say of a lock: entries that contradict each other, or name what cannot be.

mod python;
mod sdists;

use std::collections::{BTreeMap, BTreeSet};

use crate::{Git, ImageAt, Lock, SourceKind, repository_problem};

/// One contradiction: where it stands, what it is, what to do.
pub(crate) struct Fault {
    /// Array of tables and index in it, such as `("deb", 3)`; `None` is the file's head.
    pub entry: Option<(&'static str, usize)>,
    /// The key in that entry, or in the head; `python.tag` is one of a table there.
    pub key: &'static str,
    pub message: String,
    pub hint: &'static str,
}

const AGAIN: &str = "run `cargo xtask lock` again; it keeps what still satisfies the edition";
const TWICE: &str = "two branches may have been merged by hand: run `cargo xtask lock` again";
const BY_HAND: &str = "a lock is not edited by hand: change the edition and run `cargo xtask lock`";

/// All contradictions, in no particular order.
pub(crate) fn faults(lock: &Lock) -> Vec<Fault> {
    let mut faults = Vec::new();
    head(lock, &mut faults);
    python::python(&lock.python, &mut faults);
    debs(lock, &mut faults);
    wheels(lock, &mut faults);
    sdists::sdists(lock, &mut faults);
    sources(lock, &mut faults);
    git(lock, &mut faults);
    faults
}

fn head(lock: &Lock, faults: &mut Vec<Fault>) {
    let mut fault = |key, message| {
        faults.push(Fault {
            entry: None,
            key,
            message,
            hint: AGAIN,
        });
    };
    if lock.created.parse::<jiff::Timestamp>().is_err() {
        fault(
            "created",
            format!("expected an RFC 3339 time in UTC, found {:?}", lock.created),
        );
    }
    if lock.debian.date.parse::<jiff::Timestamp>().is_err() {
        fault(
            "debian.date",
            format!(
                "expected an RFC 3339 time in UTC, found {:?}",
                lock.debian.date
            ),
        );
    }
    if let Some(time) = &lock.debian.snapshot
        && time.parse::<jiff::Timestamp>().is_err()
    {
        fault(
            "debian.snapshot",
            format!("expected an RFC 3339 time in UTC, found {time:?}"),
        );
    }
    if let Some(from) = &lock.from
        && let Err(error) = from.image.parse::<ImageAt>()
    {
        fault("from.image", error.problem);
    }
    if !lock
        .platform
        .split_once('/')
        .is_some_and(|(os, cpu)| !os.is_empty() && !cpu.is_empty())
    {
        fault(
            "platform",
            format!(
                "expected a platform such as \"linux/amd64\", found {:?}",
                lock.platform
            ),
        );
    }
}

fn debs(lock: &Lock, faults: &mut Vec<Fault>) {
    let mut names = BTreeSet::new();
    for (index, deb) in lock.debs.iter().enumerate() {
        if !names.insert(&deb.name) {
            faults.push(twice("deb", index, &deb.name));
        }
        if leaves(&deb.filename) {
            faults.push(outside("deb", index, "filename", &deb.filename));
        }
    }
    for (index, deb) in lock.debs.iter().enumerate() {
        for (key, names_of) in [("depends", &deb.depends), ("pre-depends", &deb.pre_depends)] {
            for wanted in names_of.iter().filter(|name| !names.contains(name)) {
                faults.push(Fault {
                    entry: Some(("deb", index)),
                    key,
                    message: format!(
                        "deb {} depends on {wanted}, which is not in the lock",
                        deb.name
                    ),
                    hint: AGAIN,
                });
            }
        }
    }
}

fn wheels(lock: &Lock, faults: &mut Vec<Fault>) {
    let mut names = BTreeSet::new();
    for (index, wheel) in lock.wheels.iter().enumerate() {
        if !names.insert(wheel.name.as_str()) {
            faults.push(twice("wheel", index, &wheel.name));
        }
        if !wheel.filename.ends_with(".whl") || wheel.filename.contains('/') {
            faults.push(Fault {
                entry: Some(("wheel", index)),
                key: "filename",
                message: format!(
                    "wheel {}: expected a file name that ends with .whl, found {:?}",
                    wheel.name, wheel.filename
                ),
                hint: BY_HAND,
            });
        }
        if let Some(file) = wheel.file.as_ref().filter(|file| leaves(file)) {
            faults.push(outside("wheel", index, "file", file));
        }
        let places = [
            ("url", &wheel.url),
            ("file", &wheel.file),
            ("index", &wheel.index),
        ];
        let mut given = places.iter().filter(|(_, place)| place.is_some());
        if let (Some((one, _)), Some((other, _))) = (given.next(), given.next()) {
            faults.push(Fault {
                entry: Some(("wheel", index)),
                key: other,
                message: format!("wheel {}: it has both `{one}` and `{other}`", wheel.name),
                hint: BY_HAND,
            });
        }
    }
    for (index, sdist) in lock.sdists.iter().enumerate() {
        if !names.insert(sdist.name.as_str()) {
            faults.push(twice("sdist", index, &sdist.name));
        }
    }
    for (index, owner) in lock.owners.iter().enumerate() {
        if !names.contains(owner.package.as_str()) {
            faults.push(Fault {
                entry: Some(("owner", index)),
                key: "package",
                message: format!(
                    "owner of {}: package {} is not in the lock",
                    owner.path, owner.package
                ),
                hint: "name a wheel of the lock in the edition's [[owner]], then run `cargo xtask lock`",
            });
        }
    }
}

fn sources(lock: &Lock, faults: &mut Vec<Fault>) {
    let mut names = BTreeMap::new();
    for (index, source) in lock.sources.iter().enumerate() {
        if names.insert((source.layer, &source.name), index).is_some() {
            faults.push(twice("source", index, &source.name));
        }
        place(
            ("source", index),
            &source.name,
            &source.to,
            &source.subfolder,
            faults,
        );
        if source.kind == SourceKind::Wheel && source.project.is_none() {
            faults.push(Fault {
                entry: Some(("source", index)),
                key: "kind",
                message: format!(
                    "source {}: kind \"wheel\" needs `project`, the wheel's name on the index",
                    source.name
                ),
                hint: AGAIN,
            });
        }
    }
}

fn git(lock: &Lock, faults: &mut Vec<Fault>) {
    let sources = lock
        .sources
        .iter()
        .map(|source| (source.layer, &source.name));
    let mut names: BTreeSet<_> = sources.collect();
    for (index, git) in lock.git.iter().enumerate() {
        if !names.insert((git.layer, &git.name)) {
            faults.push(twice("git", index, &git.name));
        }
        place(("git", index), &git.name, &git.to, &git.subfolder, faults);
        commit(("git", index), git, faults);
    }
}

/// What a lock says of a commit.
fn commit(entry: (&'static str, usize), git: &Git, faults: &mut Vec<Fault>) {
    let (table, name) = (entry.0, &git.name);
    let mut fault = |key, message| {
        faults.push(Fault {
            entry: Some(entry),
            key,
            message,
            hint: BY_HAND,
        });
    };
    if let Some((problem, _)) = repository_problem(&git.repository) {
        fault("repository", format!("{table} {name}: {problem}"));
    }
    if let Some(reference) = &git.reference
        && reference != "HEAD"
        && !reference.starts_with("refs/")
    {
        fault(
            "reference",
            format!(
                "{table} {name}: expected \"HEAD\" or a name below \"refs/\", found {reference:?}"
            ),
        );
    }
    if git.date.parse::<jiff::Timestamp>().is_err() {
        fault(
            "date",
            format!(
                "{table} {name}: expected an RFC 3339 time in UTC, found {:?}",
                git.date
            ),
        );
    }
    let mut paths = BTreeSet::new();
    for submodule in &git.submodules {
        let path = &submodule.path;
        let shown = format!("{table} {name}: submodule {path:?}");
        if path.is_empty() || leaves(path) {
            fault(
                "submodule",
                format!("{shown}: expected a relative path without `..`"),
            );
        }
        if !paths.insert(path) {
            fault("submodule", format!("{shown} stands twice"));
        }
        if let Some((problem, _)) = repository_problem(&submodule.repository) {
            fault("submodule", format!("{shown}: {problem}"));
        }
    }
}

/// Where a tree goes, and what is taken of it.
fn place(
    entry: (&'static str, usize),
    name: &str,
    to: &str,
    subfolder: &str,
    faults: &mut Vec<Fault>,
) {
    if !to.starts_with('/') || leaves(&to[1..]) {
        faults.push(Fault {
            entry: Some(entry),
            key: "to",
            message: format!(
                "{} {name}: `to` must be an absolute path in the image, found {to:?}",
                entry.0
            ),
            hint: "write it with a leading / and without .. in the edition, \
                   then run `cargo xtask lock`",
        });
    }
    if !subfolder.is_empty() && leaves(subfolder) {
        faults.push(outside(entry.0, entry.1, "subfolder", subfolder));
    }
}

fn twice(table: &'static str, index: usize, name: &str) -> Fault {
    Fault {
        entry: Some((table, index)),
        key: "name",
        message: format!("{table} {name} stands twice"),
        hint: TWICE,
    }
}

fn outside(table: &'static str, index: usize, key: &'static str, path: &str) -> Fault {
    Fault {
        entry: Some((table, index)),
        key,
        message: format!("expected a relative path without `..`, found {path:?}"),
        hint: BY_HAND,
    }
}

/// Whether a path is absolute or climbs out of where it starts.
fn leaves(path: &str) -> bool {
    path.starts_with('/') || path.split('/').any(|part| part == "..")
}
