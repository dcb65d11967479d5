//! What an installed wheel consists of: each file with its place, and RECORD over all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use layer::{Content, Entry, EntryPath, Tree};
use sha2::Digest;

use crate::{Error, Result, Scheme, Wheel, entry_points, open::SMALL, record};

/// A wheel's files with the places they are installed to.
#[derive(Debug)]
pub struct Install {
    /// The files, in the order of the wheel, then generated scripts.
    pub files: Vec<Installed>,
    lib: EntryPath,
    dist_info: EntryPath,
    requested: bool,
}

/// One installed file.
#[derive(Debug, Clone)]
pub struct Installed {
    /// Where it stands in the image.
    pub path: EntryPath,
    /// Whether it is executable.
    pub executable: bool,
    /// Its bytes.
    pub content: Arc<dyn Content>,
    /// `sha256=…`, as RECORD writes it.
    pub hash: String,
    /// Its path in the wheel, where it has one.
    pub source: Option<String>,
    /// Another wheel carries the same file: it stands in RECORD, but not in the tree.
    pub carried_elsewhere: bool,
}

impl Wheel {
    /// Where each of the wheel's files goes.
    ///
    /// Files below a path that `owners` gives to another package are left out, RECORD's line
    /// included. `requested` adds the REQUESTED file.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn plan(
        &self,
        scheme: &Scheme,
        owners: &[lock::Owner],
        requested: bool,
    ) -> Result<Install> {
        let lib = if self.purelib {
            &scheme.purelib
        } else {
            &scheme.platlib
        };
        let dist_info = lib.join(&path(&format!("{}.dist-info", self.stem))?);
        let scripts = match &self.entry_points {
            Some(text) => entry_points::scripts(text, &scheme.interpreter, &scheme.version)?,
            None => Vec::new(),
        };
        let own = lock::normalised(&self.name);
        let mut files = Vec::new();
        for (index, entry) in self
            .zip
            .entries()
            .iter()
            .enumerate()
            .filter(|(_, e)| !e.is_dir)
        {
            let source = entry.path.to_string();
            if is_lost(owners, &own, &source) || source == format!("{}.dist-info/RECORD", self.stem)
            {
                continue;
            }
            let mut content = self.zip.content(index);
            let mut hash = self.record.get(&source).cloned().unwrap_or_default();
            // As pip: a mode without the type of a regular file is not believed.
            let mut executable = entry.is_executable() && entry.is_regular();
            // As pip: whatever stands before `.data`.
            let inside = source
                .split_once('/')
                .filter(|(top, _)| top.ends_with(".data"));
            let place = match inside {
                None => lib.join(&entry.path),
                Some((_, inside)) => {
                    let Some((kind, rest)) = inside.split_once('/') else {
                        let found = inside.to_owned();
                        return Err(Error::DataFolder {
                            path: source,
                            found,
                        });
                    };
                    if kind == "scripts" && is_wrapper(rest, &scripts) {
                        continue;
                    }
                    let below = path(rest)?;
                    match kind {
                        "purelib" => scheme.purelib.join(&below),
                        "platlib" => scheme.platlib.join(&below),
                        "data" => scheme.data.join(&below),
                        "headers" => scheme.headers.join(&path(&self.name)?).join(&below),
                        "scripts" => {
                            executable = true;
                            if let Some(text) = rewritten(self, index, &scheme.interpreter)? {
                                hash = sha256(&text);
                                content = Arc::new(text);
                            }
                            scheme.scripts.join(&below)
                        }
                        other => {
                            let found = other.to_owned();
                            return Err(Error::DataFolder {
                                path: source,
                                found,
                            });
                        }
                    }
                }
            };
            if !hash.starts_with("sha256=") {
                hash = sha256_of(content.as_ref()).map_err(|problem| Error::Unread {
                    path: source.clone(),
                    source: problem,
                })?;
            }
            files.push(Installed {
                path: place,
                executable,
                content,
                hash,
                source: Some(source),
                carried_elsewhere: false,
            });
        }
        for (name, text) in scripts {
            let text = text.into_bytes();
            let place = scheme.scripts.join(&path(&name)?);
            if is_lost(owners, &own, &relative(&place, lib)) {
                continue;
            }
            files.push(Installed {
                path: place,
                executable: true,
                hash: sha256(&text),
                content: Arc::new(text),
                source: None,
                carried_elsewhere: false,
            });
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = files.iter().find(|file| !seen.insert(file.path.clone())) {
            return Err(Error::Twice(twice.path.to_string()));
        }
        Ok(Install {
            files,
            lib: lib.clone(),
            dist_info,
            requested,
        })
    }
}

fn path(text: &str) -> Result<EntryPath> {
    EntryPath::new(text).map_err(|source| Error::Path {
        path: text.to_owned(),
        source,
    })
}

/// Whether another package owns the path, as RECORD has it.
fn is_lost(owners: &[lock::Owner], own: &str, record: &str) -> bool {
    owners.iter().any(|owner| {
        owner.package != own
            && match owner.path.strip_suffix('/') {
                Some(_) => record.starts_with(&owner.path),
                None => record == owner.path,
            }
    })
}

/// Whether a script of the wheel is one that setuptools made for an entry point. The one that is
/// made here takes its place, as with pip.
fn is_wrapper(name: &str, scripts: &[(String, String)]) -> bool {
    let stem = ["-script.py", ".exe", ".pya"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name);
    scripts.iter().any(|(script, _)| script == stem)
}

/// A script that begins with `#!python`, with the interpreter's path in its first line instead.
/// As with pip, the whole line is replaced: it may be `#!pythonw`, `#!python3` or have options.
fn rewritten(wheel: &Wheel, index: usize, interpreter: &str) -> Result<Option<Vec<u8>>> {
    if wheel.zip.entries()[index].size > SMALL {
        return Ok(None); // a program, not a text
    }
    let bytes = wheel.zip.read(index, SMALL)?;
    if !bytes.starts_with(b"#!python") {
        return Ok(None);
    }
    let rest = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => &bytes[end + 1..],
        None => &[],
    };
    Ok(Some([b"#!", interpreter.as_bytes(), b"\n", rest].concat()))
}

/// As [`sha256`], for a content of any size.
fn sha256_of(content: &dyn Content) -> Result<String, layer::BoxError> {
    struct Hashing(sha2::Sha256);
    impl std::io::Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut hashing = Hashing(sha2::Sha256::new());
    content.copy_to(&mut hashing)?;
    Ok(format!(
        "sha256={}",
        URL_SAFE_NO_PAD.encode(hashing.0.finalize())
    ))
}

fn sha256(bytes: &[u8]) -> String {
    format!(
        "sha256={}",
        URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(bytes))
    )
}

impl Install {
    /// The modules that pip would compile: every `.py` below the library folder.
    pub fn python_sources(&self) -> impl Iterator<Item = &Installed> {
        self.files.iter().filter(|file| {
            !file.carried_elsewhere
                && file.path.as_bytes().ends_with(b".py")
                && file.path.below(&self.lib).is_some()
        })
    }

    /// The tree, with bytecode, INSTALLER, REQUESTED and a true RECORD.
    ///
    /// # Errors
    /// A path that stands twice, or below a file.
    pub fn into_tree(self, bytecode: Vec<(EntryPath, Arc<dyn Content>)>) -> Result<Tree> {
        let mut tree = Tree::new();
        let mut lines = BTreeMap::new();
        let compiled: BTreeSet<_> = bytecode.iter().map(|(path, _)| path.clone()).collect();
        for file in self.files {
            if compiled.contains(&file.path) {
                continue; // ours is the one that this interpreter reads
            }
            let shown = relative(&file.path, &self.lib);
            lines.insert(
                shown.clone(),
                record::line(&shown, &file.hash, Some(file.content.size())),
            );
            if !file.carried_elsewhere {
                tree.insert(Entry::file(file.path, file.content, file.executable))?;
            }
        }
        for (path, content) in bytecode {
            let shown = relative(&path, &self.lib);
            lines.insert(shown.clone(), record::line(&shown, "", None));
            tree.insert(Entry::file(path, content, false))?;
        }
        let mut small = vec![("INSTALLER", b"strata\n".to_vec())];
        if self.requested {
            small.push(("REQUESTED", Vec::new()));
        }
        for (name, bytes) in small {
            let path = self.dist_info.join(&path(name)?);
            let shown = relative(&path, &self.lib);
            let size = bytes.len() as u64;
            lines.insert(
                shown.clone(),
                record::line(&shown, &sha256(&bytes), Some(size)),
            );
            tree.remove(path.as_bytes());
            tree.insert(Entry::file(path, Arc::new(bytes), false))?;
        }
        let path = self.dist_info.join(&path("RECORD")?);
        let shown = relative(&path, &self.lib);
        lines.insert(shown.clone(), record::line(&shown, "", None));
        let text: String = lines.into_values().collect();
        tree.insert(Entry::file(path, Arc::new(text.into_bytes()), false))?;
        Ok(tree)
    }
}

/// `path` as seen from `folder`, with `..` where it must go up, as RECORD writes scripts.
fn relative(path: &EntryPath, folder: &EntryPath) -> String {
    let text = |path: &EntryPath| String::from_utf8_lossy(path.as_bytes()).into_owned();
    let (path, folder) = (text(path), text(folder));
    let (to, from): (Vec<_>, Vec<_>) = (path.split('/').collect(), folder.split('/').collect());
    let shared = to
        .iter()
        .zip(&from)
        .take_while(|(to, from)| to == from)
        .count();
    let up = vec![".."; from.len() - shared];
    up.iter()
        .chain(&to[shared..])
        .copied()
        .collect::<Vec<_>>()
        .join("/")
}

/// Finds files that two wheels own. Identical ones stay with the first wheel by name and remain in
/// both RECORDs.
///
/// # Errors
/// [`Error::Shared`] for a path with different contents.
pub fn resolve_shared(installs: &mut [(String, Install)]) -> Result<()> {
    let mut order: Vec<usize> = (0..installs.len()).collect();
    order.sort_by(|one, other| installs[*one].0.cmp(&installs[*other].0));
    let mut owners: BTreeMap<EntryPath, (usize, String, u64)> = BTreeMap::new();
    for at in order {
        for file in 0..installs[at].1.files.len() {
            let found = &installs[at].1.files[file];
            let size = found.content.size();
            match owners.get(&found.path) {
                None => {
                    owners.insert(found.path.clone(), (at, found.hash.clone(), size));
                }
                Some((_, hash, length)) if *hash == found.hash && *length == size => {
                    installs[at].1.files[file].carried_elsewhere = true;
                }
                Some((first, _, _)) => {
                    return Err(Error::Shared {
                        path: found.path.to_string(),
                        record: found
                            .source
                            .clone()
                            .unwrap_or_else(|| relative(&found.path, &installs[at].1.lib)),
                        first: installs[*first].0.clone(),
                        second: installs[at].0.clone(),
                    });
                }
            }
        }
    }
    Ok(())
}
