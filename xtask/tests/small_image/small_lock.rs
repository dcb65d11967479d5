//! The small lock: taken out of the starter edition's, so that there is no second list to keep.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use lock::{LayerName, Lock, Sha256, Source, SourceKind};
use sha2::Digest;

/// Small wheels of all layers that have some: pure and compiled ones, with entry points among them.
const WHEELS: [&str; 8] = [
    "packaging",
    "wheel",
    "markupsafe",
    "certifi",
    "idna",
    "pyyaml",
    "tqdm",
    "sageattention",
];

/// What stands for ComfyUI: a file beside the lock.
const SOURCE: &str = "\"\"\"Stands for ComfyUI.\"\"\"\n\nNODES = frozenset({\"one\", \"two\"})\n";

/// The essential packages, the interpreter, all that they depend on, and the wheels.
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
        let before = wanted.len();
        let inside = lock.debs.iter().filter(|deb| wanted.contains(&deb.name));
        let more: Vec<String> = inside
            .flat_map(|deb| deb.depends.iter().chain(&deb.pre_depends).cloned())
            .collect();
        wanted.extend(more);
        if wanted.len() == before {
            break;
        }
    }
    lock.debs.retain(|deb| wanted.contains(&deb.name));
    lock.wheels
        .retain(|wheel| WHEELS.contains(&wheel.name.as_str()));
    assert!(lock.debs.len() > 30 && lock.wheels.len() == WHEELS.len());
    lock.owners.clear();
    lock.sources = vec![Source {
        layer: LayerName::Comfy,
        name: "ComfyUI".to_owned(),
        version: "0".to_owned(),
        kind: SourceKind::File,
        project: None,
        url: None,
        filename: "main.py".to_owned(),
        size: SOURCE.len() as u64,
        sha256: sha256(SOURCE.as_bytes()),
        subfolder: String::new(),
        to: "/opt/comfyui/main.py".to_owned(),
        exclude: Vec::new(),
    }];
    lock.edition = "small".to_owned();
    lock
}

/// Writes the lock and its local file into a folder, which is made, and gives the lock's path.
pub fn write_lock(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("main.py"), SOURCE).unwrap();
    let path = folder.join("small.lock");
    fs::write(&path, small_lock().to_toml().unwrap()).unwrap();
    path
}

/// The sha256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}
