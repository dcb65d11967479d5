//! What a source distribution says of itself, without running any of it: uv would run its build for that.

use std::{collections::BTreeMap, path::Path};

use lock::{Artifact, LayerName, Sdist, Source, SourceKind};
use serde::Serialize;
use store::Store;

use crate::{Error, Result};

/// The largest file with metadata that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// A package's metadata, as far as resolving needs it, in the form of uv's `dependency-metadata`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Metadata {
    pub(crate) name: String,
    /// Absent: of any version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    pub(crate) requires_dist: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requires_python: Option<String>,
    #[serde(rename = "provides-extra")]
    pub(crate) extras: Vec<String>,
}

/// Reads the metadata of a source distribution in the store: `PKG-INFO` (core metadata), and where that
/// names no dependencies, what setuptools wrote beside it (`*.egg-info/requires.txt`).
///
/// # Errors
/// [`Error::Sdist`] for an archive that cannot be read, or has no `PKG-INFO`.
pub(crate) fn metadata(
    store: &Store,
    path: &Path,
    sdist: &Sdist,
    artifact: &Artifact,
) -> Result<Metadata> {
    let bad = |problem: String| Error::Sdist {
        file: artifact.filename.clone(),
        problem,
    };
    let files = files(store, path, artifact).map_err(|error| bad(error.to_string()))?;
    // NAME-VERSION/PKG-INFO
    let info = files
        .iter()
        .find(|(path, _)| path.ends_with("/PKG-INFO") && path.matches('/').count() == 2);
    let (_, info) = info.ok_or_else(|| bad("it has no PKG-INFO".to_owned()))?;
    let mut found = core(info);
    found.name.clone_from(&sdist.name);
    found.version = Some(sdist.version.clone());
    if found.requires_dist.is_empty()
        && let Some((_, text)) = files
            .iter()
            .find(|(path, _)| path.ends_with(".egg-info/requires.txt"))
    {
        found.requires_dist = requires(text);
    }
    Ok(found)
}

/// The `pyproject.toml` of a source distribution in the store, if it has one.
///
/// # Errors
/// [`Error::Sdist`] for an archive that cannot be read.
pub(crate) fn pyproject(store: &Store, path: &Path, artifact: &Artifact) -> Result<Option<String>> {
    let files = files(store, path, artifact).map_err(|error| Error::Sdist {
        file: artifact.filename.clone(),
        problem: error.to_string(),
    })?;
    // NAME-VERSION/pyproject.toml
    let mut files = files.into_iter();
    let found = files.find(|(path, _)| path.ends_with("/pyproject.toml"));
    Ok(found.map(|(_, text)| text))
}

/// The files with metadata in it, by path.
fn files(
    store: &Store,
    path: &Path,
    artifact: &Artifact,
) -> Result<BTreeMap<String, String>, Box<dyn std::error::Error + Send + Sync>> {
    let kind = SourceKind::of_filename(&artifact.filename);
    let source = Source::whole(artifact, LayerName::Deps, kind, "/s");
    let mut files = BTreeMap::new();
    for entry in archive::tree(&source, path, store)?.iter() {
        let path = entry.path.to_string();
        let path = path.trim_start_matches('s');
        let wanted = path.ends_with("/PKG-INFO")
            || path.ends_with(".egg-info/requires.txt")
            || path.ends_with("/pyproject.toml") && path.matches('/').count() == 2;
        if let layer::Kind::File(content) = &entry.kind
            && wanted
        {
            let bytes = layer::read_small(content.as_ref(), LARGEST)?;
            files.insert(
                path.to_owned(),
                String::from_utf8_lossy(&bytes).into_owned(),
            );
        }
    }
    Ok(files)
}

/// The headers of core metadata; what follows the first empty line is the description.
fn core(text: &str) -> Metadata {
    let mut found = Metadata::default();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        let Some((key, value)) = line.split_once(": ") else {
            continue;
        };
        let value = value.trim().to_owned();
        match key.to_ascii_lowercase().as_str() {
            "requires-dist" => found.requires_dist.push(value),
            "requires-python" => found.requires_python = Some(value),
            "provides-extra" => found.extras.push(value),
            _ => {}
        }
    }
    found
}

/// setuptools' own form: lines, then sections `[extra]`, `[:marker]` or `[extra:marker]` with lines.
fn requires(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut condition = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let (extra, marker) = section.split_once(':').unwrap_or((section, ""));
            let extra = (!extra.is_empty()).then(|| format!("extra == '{extra}'"));
            let marker = (!marker.is_empty()).then(|| format!("({marker})"));
            let both: Vec<String> = marker.into_iter().chain(extra).collect();
            condition = both.join(" and ");
        } else if condition.is_empty() {
            found.push(line.to_owned());
        } else {
            found.push(format!("{line} ; {condition}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let info = "Metadata-Version: 2.1\nName: a\nRequires-Python: >=3.8\nRequires-Dist: b>=1\n\
                    Requires-Dist: c; extra == 'd'\nProvides-Extra: d\n\nRequires-Dist: prose\n";
        let found = core(info);
        assert_eq!(found.requires_dist, ["b>=1", "c; extra == 'd'"]);
        assert_eq!(found.requires_python.as_deref(), Some(">=3.8"));
        assert_eq!(found.extras, ["d"]);
        let text = "numpy\nyacs>=0.1.6\n\n[:python_version < \"3.7\"]\ndataclasses\n\n[all]\nshapely\n\n\
                    [all:os_name == 'nt']\nx\n";
        assert_eq!(
            requires(text),
            [
                "numpy",
                "yacs>=0.1.6",
                "dataclasses ; (python_version < \"3.7\")",
                "shapely ; extra == 'all'",
                "x ; (os_name == 'nt') and extra == 'all'",
            ]
        );
    }

    #[test]
    fn out_of_an_archive() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let inside = folder.path().join("pkg-1.0/pkg.egg-info");
        std::fs::create_dir_all(&inside).unwrap();
        let info = "Metadata-Version: 1.2\nName: pkg\nVersion: 1.0\nRequires-Python: >=3.6\n";
        std::fs::write(folder.path().join("pkg-1.0/PKG-INFO"), info).unwrap();
        std::fs::write(inside.join("PKG-INFO"), "Name: other\n").unwrap();
        std::fs::write(inside.join("requires.txt"), "tqdm\n").unwrap();
        let file = folder.path().join("pkg-1.0.tar.gz");
        let pack = || {
            let mut tar = std::process::Command::new("tar");
            tar.arg("czf").arg(&file).arg("-C").arg(folder.path());
            assert!(tar.arg("pkg-1.0").status().unwrap().success());
        };
        pack();
        let sdist = Sdist {
            layer: LayerName::Deps,
            name: "pkg".to_owned(),
            version: "1.0".to_owned(),
            requested: false,
            requires: Vec::new(),
            environment: BTreeMap::new(),
            file: Some(lock::SdistFile {
                filename: "pkg-1.0.tar.gz".to_owned(),
                size: 0,
                sha256: lock::Sha256([0; 32]),
                index: None,
            }),
            git: None,
            wheel: None,
        };
        let artifact = sdist.artifact().unwrap();
        let found = metadata(&store, &file, &sdist, &artifact).unwrap();
        assert_eq!(pyproject(&store, &file, &artifact).unwrap(), None);
        assert_eq!(found.requires_dist, ["tqdm"]);
        assert_eq!(found.requires_python.as_deref(), Some(">=3.6"));
        std::fs::remove_file(folder.path().join("pkg-1.0/PKG-INFO")).unwrap();
        pack();
        let error = metadata(&store, &file, &sdist, &artifact).unwrap_err();
        assert_eq!(error.to_string(), "pkg-1.0.tar.gz: it has no PKG-INFO");
    }
}
