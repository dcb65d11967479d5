//! Python packages from git. What one needs is only known from its wheel; so it is built, and uv is given the
//! wheel.

use std::{collections::BTreeMap, fs, path::Path};

use edition::{Requirement, RequirementFrom, Spanned};
use layer::{Context, EntryPath, Kind, read_small};
use lock::{Git, LayerName, Lock, ObjectId, Sdist, SdistGit, Tool};

use crate::{
    Error, Result,
    direct::{Direct, text},
    python::Python,
    sources::Resolving,
    together::each,
};

/// No `pyproject.toml` is larger, in bytes.
const LARGEST: u64 = 4 << 20;

/// A package from git, and its wheel as uv gets it.
#[derive(Debug, Clone)]
pub(crate) struct FromGit {
    pub(crate) sdist: Sdist,
    pub(crate) tools: Vec<Tool>,
    pub(crate) direct: Direct,
}

/// Whether a requirement is such a package.
pub(crate) fn is_from_git(line: &Requirement) -> bool {
    matches!(line.from, RequirementFrom::Git { .. })
}

/// The packages from git that the edition asks for, by normalised name. `system` has what they are built on,
/// the Debian packages and the interpreter.
pub(crate) fn from_git(
    with: &Resolving<'_>,
    python: &Python<'_>,
    system: &Lock,
    scratch: &Path,
) -> Result<BTreeMap<String, FromGit>> {
    let lines = with.edition.requirements();
    let lines: Vec<_> = lines.filter(|(_, line)| is_from_git(line)).collect();
    let sources = each(&lines, |(layer, line)| source(with, python, *layer, line))?;
    let cx = Context::new(with.store.clone(), with.fetcher.clone()).map_err(Box::new)?;
    let mut found = BTreeMap::new();
    // One after the other: a build takes all cores if it can.
    for ((_, line), (mut sdist, tools)) in lines.iter().zip(sources) {
        let mut lock = system.clone();
        lock.tools.clone_from(&tools);
        let anew = with.update.is_named(&line.name);
        let failed = |source| Error::FromSource {
            package: line.name.clone(),
            source: Box::new(source),
        };
        // What the earlier lock says of the same build holds here too.
        let before = with.kept.whole.as_ref().filter(|_| !anew);
        let known = before.and_then(|before| from_source::known(before, &lock, &sdist));
        let (wheel, path) = match known {
            Some(wheel) => {
                sdist.wheel = Some(wheel.clone());
                let path = from_source::wheel(&cx, &lock, &sdist).map_err(failed)?;
                (wheel, path)
            }
            None => from_source::make(&cx, &lock, &sdist, anew).map_err(failed)?,
        };
        // PEP 427: NAME-VERSION-….whl
        if let Some(version) = wheel.filename.split('-').nth(1) {
            version.clone_into(&mut sdist.version);
        }
        // uv wants the file by its name.
        let named = scratch.join(&wheel.filename);
        fs::copy(&path, &named).map_err(|source| Error::Io {
            path: named.clone(),
            source,
        })?;
        let address = url::Url::from_file_path(&named).map_err(|()| Error::Lost)?;
        let direct = Direct {
            filename: wheel.filename.clone(),
            size: wheel.size,
            sha256: wheel.sha256,
            url: None,
            file: None,
            text: text(line, address.as_str()),
        };
        sdist.wheel = Some(wheel);
        let package = FromGit {
            sdist,
            tools,
            direct,
        };
        found.insert(line.name.clone(), package);
    }
    Ok(found)
}

/// The commit and the tools of one package.
fn source(
    with: &Resolving<'_>,
    python: &Python<'_>,
    layer: LayerName,
    line: &Spanned<Requirement>,
) -> Result<(Sdist, Vec<Tool>)> {
    let RequirementFrom::Git {
        url,
        rev,
        subfolder,
    } = &line.from
    else {
        return Err(Error::Lost);
    };
    let failed = |source| Error::Git {
        place: line.place.to_string(),
        name: line.name.clone(),
        source: Box::new(source),
    };
    let kept = with.kept.whole.iter().flat_map(|lock| &lock.sdists);
    let mut kept = kept
        .filter(|old| old.name == line.name && !with.update.has(&line.name))
        .filter_map(|old| old.git.as_ref())
        .filter(|git| {
            git.repository == *url && git.subfolder == subfolder.as_deref().unwrap_or("")
        });
    let named: Option<ObjectId> = rev.as_ref().and_then(|rev| rev.parse().ok());
    let (reference, commit) = match (named, rev) {
        (Some(commit), _) => (None, commit),
        (None, None) => {
            let name = "HEAD".to_owned();
            let known = kept.find(|git| git.reference.as_ref() == Some(&name));
            let commit = match known {
                Some(git) => git.commit,
                None => git::look_up(with.fetcher, url, &name).map_err(failed)?,
            };
            (Some(name), commit)
        }
        (None, Some(rev)) => {
            let names = [format!("refs/heads/{rev}"), format!("refs/tags/{rev}")];
            let known =
                kept.find(|git| git.reference.as_ref().is_some_and(|at| names.contains(at)));
            match known {
                Some(git) => (git.reference.clone(), git.commit),
                None => {
                    let [branch, tag] = names;
                    match git::look_up(with.fetcher, url, &branch) {
                        Ok(commit) => (Some(branch), commit),
                        Err(first) => match git::look_up(with.fetcher, url, &tag) {
                            Ok(commit) => (Some(tag), commit),
                            Err(_) => return Err(failed(first)),
                        },
                    }
                }
            }
        }
    };
    let mut tree = Git {
        layer,
        name: line.name.clone(),
        version: commit.short(),
        repository: url.clone(),
        reference,
        commit,
        tree: ObjectId([0; 20]),
        date: String::new(),
        size: 0,
        keep_git: false,
        no_submodules: false,
        subfolder: subfolder.clone().unwrap_or_default(),
        to: "/s".to_owned(),
        exclude: Vec::new(),
        submodules: Vec::new(),
    };
    git::complete(with.store, with.fetcher, &mut tree).map_err(failed)?;
    let files = git::tree(with.store, with.fetcher, &tree).map_err(failed)?;
    let at = EntryPath::from_absolute("/s/pyproject.toml");
    let pyproject = at.ok().and_then(|at| files.get(at.as_bytes()).cloned());
    let pyproject = match pyproject.map(|entry| entry.kind) {
        Some(Kind::File(content)) => {
            let bytes = read_small(content.as_ref(), LARGEST).map_err(|error| Error::Sdist {
                file: format!("pyproject.toml of {}", line.name),
                problem: error.to_string(),
            })?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    };
    // The image's versions are not known yet: those of the earlier lock stand for them.
    let mut versions = with.kept.python.clone();
    versions.retain(|name, _| !with.update.has(name));
    let tools = python.tools(&line.name, pyproject.as_deref(), &versions)?;
    let sdist = Sdist {
        layer,
        name: line.name.clone(),
        version: String::new(),
        requested: true,
        requires: tools.ids,
        environment: python.variables(&line.name),
        file: None,
        git: Some(SdistGit::of(tree)),
        wheel: None,
    };
    Ok((sdist, tools.tools))
}
