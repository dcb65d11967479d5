//! Our system against mmdebstrap's, path by path: kinds, modes, owners, links, contents. It needs
//! mmdebstrap, root, the network and a mirror that still has the shipped lock's versions; where one
//! is missing it says so and passes. Run it with
//! `cargo test -p strata-debian --test oracle_mmdebstrap -- --ignored --nocapture`.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use debian::{Stage, System};
use layer::{Context, Entry, Kind};
use lock::{LayerName, Lock};
use strata_debian as debian;

/// What may differ, and why. A path, or a folder with all that is in it.
const EXPECTED: &[(&str, &str)] = &[
    ("dev/", "mmdebstrap makes devices; an engine mounts its own"),
    ("etc/apt/apt.conf.d/99mmdebstrap", "options of this test"),
    ("etc/apt/sources.list", "the mirror"),
    ("etc/fstab", "mmdebstrap's"),
    ("etc/hostname", "the host's"),
    ("etc/resolv.conf", "the host's"),
    (
        "etc/gprofng.rc.dpkg-old",
        "mmdebstrap unpacks twice, so dpkg takes its own file for a user's",
    ),
    (
        "usr/share/python3/debpython/__pycache__/",
        "bytecode by time stamp, which we remove",
    ),
    ("var/cache/apt/archives/lock", "apt ran"),
    (
        "var/cache/apt/archives/partial",
        "apt ran, and made it _apt's",
    ),
    ("var/lib/apt/lists/lock", "apt ran"),
    ("var/lib/apt/lists/partial", "apt ran, and made it _apt's"),
    ("var/cache/debconf/config.dat-old", "a backup"),
    ("var/cache/debconf/templates.dat-old", "a backup"),
    ("var/lib/dpkg/arch", "mmdebstrap's"),
    ("var/lib/dpkg/diversions-old", "a backup"),
    ("var/lib/dpkg/status-old", "a backup"),
    (
        "var/lib/dpkg/triggers/File",
        "the order of its lines is that of unpacking",
    ),
];

/// A path's form: kind, mode, owner, and link target or content.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    kind: char,
    mode: u32,
    owner: (u32, u32),
    data: Vec<u8>,
}

#[test]
#[ignore = "needs mmdebstrap, root, the network, 1 GB of disk and a minute"]
fn network_the_system_is_mmdebstraps() {
    let mut lock = Lock::starter().unwrap();
    let wanted = [
        "apt",
        "git",
        "python3.14",
        "python3",
        "ca-certificates",
        "openssl",
    ];
    let essential = lock
        .debs
        .iter()
        .filter(|deb| deb.essential)
        .map(|deb| deb.name.as_str());
    let names: Vec<&str> = essential.chain(wanted).collect();
    let closure: Vec<lock::Deb> = debian::closure(&lock, &names)
        .unwrap()
        .into_iter()
        .cloned()
        .collect();
    lock.debs = closure;
    lock.debs
        .iter_mut()
        .for_each(|deb| deb.layer = LayerName::Base);

    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("theirs.tar");
    let theirs = match mmdebstrap(&lock, &tar) {
        Ok(()) => read_tar(&tar),
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    let versions = |status: &[u8]| {
        let text = String::from_utf8_lossy(status).into_owned();
        text.lines()
            .filter(|line| line.starts_with("Version: "))
            .map(Into::into)
            .collect::<Vec<String>>()
    };
    let cx = Context::from_env().unwrap();
    let stage = System::from_lock(&lock)
        .stage(&cx, LayerName::Base)
        .unwrap();
    let ours = read_stage(&stage);
    let status = Path::new("var/lib/dpkg/status");
    if versions(&ours[status].data) != versions(&theirs[status].data) {
        println!("skipped: the mirror has other versions than the shipped lock");
        return;
    }
    let mut differences = Vec::new();
    let paths: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for path in paths {
        if ours.get(path) != theirs.get(path) && !is_expected(path) {
            let told = |form: Option<&Form>| {
                form.map(|f| (f.kind, format!("{:o}", f.mode), f.owner, f.data.len()))
            };
            let (a, b) = (told(ours.get(path)), told(theirs.get(path)));
            differences.push(format!("{}: ours {a:?}, theirs {b:?}", path.display()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    println!("{} paths agree", ours.len());
}

fn is_expected(path: &Path) -> bool {
    EXPECTED
        .iter()
        .any(|(expected, _)| match expected.strip_suffix('/') {
            Some(folder) => path.starts_with(folder),
            None => path == Path::new(expected),
        })
}

fn mmdebstrap(lock: &Lock, tar: &Path) -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("not root".to_owned());
    }
    if Command::new("mmdebstrap")
        .arg("--version")
        .output()
        .is_err()
    {
        return Err("this machine has no mmdebstrap".to_owned());
    }
    let places = store::Places::from_env().map_err(|error| error.to_string())?;
    let mirror = places
        .debian()
        .first()
        .ok_or("no Debian mirror is known")?
        .to_string();
    let include: Vec<&str> = lock.debs.iter().map(|deb| deb.name.as_str()).collect();
    let suite = &lock.debian.suite;
    let out = Command::new("mmdebstrap")
        .env("SOURCE_DATE_EPOCH", lock.suite_seconds().to_string())
        .args(["--mode=root", "--variant=custom", "--quiet"])
        .arg(format!("--include={}", include.join(",")))
        // The mirror may be a snapshot; what comes from it is compared, and not used.
        .arg("--aptopt=Acquire::Check-Valid-Until \"false\"")
        .arg(suite)
        .arg(tar)
        .arg(format!("deb [trusted=yes] {mirror} {suite} main"))
        .output()
        .map_err(|error| error.to_string())?;
    if out.status.success() {
        Ok(())
    } else {
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        Err(format!(
            "mmdebstrap failed: {}",
            told.lines().last().unwrap_or_default()
        ))
    }
}

/// Bytecode is made unchecked by us, and nothing else of it is changed.
fn settled(path: &Path, mut data: Vec<u8>) -> Vec<u8> {
    if path.extension().is_some_and(|ending| ending == "pyc") && data.len() > 8 {
        data[4..8].copy_from_slice(&[1, 0, 0, 0]);
    }
    data
}

fn read_tar(path: &Path) -> BTreeMap<PathBuf, Form> {
    let mut forms: BTreeMap<PathBuf, Form> = BTreeMap::new();
    let mut archive = tar::Archive::new(File::open(path).unwrap());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let clean = |path: &Path| path.strip_prefix("./").unwrap_or(path).to_owned();
        let path = clean(&entry.path().unwrap());
        if path.as_os_str().is_empty() || path == Path::new(".") {
            continue;
        }
        let target = entry.link_name().unwrap().map(|target| target.into_owned());
        let header = entry.header();
        let owner = (header.uid().unwrap() as u32, header.gid().unwrap() as u32);
        let mut mode = header.mode().unwrap() & 0o7777;
        let (kind, data) = match header.entry_type() {
            tar::EntryType::Directory => ('d', Vec::new()),
            tar::EntryType::Symlink => {
                mode = 0o777;
                ('l', target.unwrap().into_os_string().into_encoded_bytes())
            }
            tar::EntryType::Link => ('f', forms[&clean(&target.unwrap())].data.clone()),
            tar::EntryType::Regular => {
                let mut data = Vec::new();
                entry.read_to_end(&mut data).unwrap();
                ('f', settled(&path, data))
            }
            _ => ('x', Vec::new()),
        };
        forms.insert(
            path,
            Form {
                kind,
                mode,
                owner,
                data,
            },
        );
    }
    forms
}

fn read_stage(stage: &Stage) -> BTreeMap<PathBuf, Form> {
    let form = |entry: &Entry| {
        let path = entry.path.as_path().to_owned();
        let (kind, data) = match &entry.kind {
            Kind::Dir => ('d', Vec::new()),
            Kind::Symlink(target) => ('l', target.clone()),
            Kind::File(content) => {
                let mut data = Vec::new();
                content.copy_to(&mut data).unwrap();
                ('f', settled(&path, data))
            }
            Kind::Hardlink(_) => (
                'f',
                settled(&path, std::fs::read(stage.root.join(&path)).unwrap()),
            ),
        };
        (
            path,
            Form {
                kind,
                mode: entry.mode,
                owner: (entry.uid, entry.gid),
                data,
            },
        )
    };
    stage.tree.iter().map(form).collect()
}
