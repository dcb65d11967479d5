//! The newest versions that there are, whatever the edition allows: of projects on the default Python
//! index, and of packages in the suite as it is today.

use std::collections::{BTreeMap, BTreeSet};

use debian_archive::Packages;
use edition::{Edition, Spanned};
use jiff::Timestamp;
use lock::{Lock, Origin};
use pep440_rs::{Version, VersionSpecifiers};
use store::{Fetcher, ProgressTask, ProjectFile, Store, TaskKind};

use crate::{Result, debian, tags::Tags, together::each};

/// What the default index has at its newest, by project: of all that the lock takes from it.
pub(crate) fn projects(
    fetcher: &Fetcher,
    tags: &Tags,
    lock: &Lock,
) -> Result<BTreeMap<String, Version>> {
    let projects: BTreeSet<String> = lock
        .artifacts()
        .into_iter()
        .filter_map(|artifact| match artifact.origin {
            Origin::Python { project } => Some(project),
            _ => None,
        })
        .collect();
    let projects: Vec<String> = projects.into_iter().collect();
    // One that is no version of PEP 440 excludes nothing.
    let python = lock.python.version.parse::<Version>().ok();
    let what = format!("the Python index for {} projects", projects.len());
    let task = ProgressTask::start(fetcher.progress().clone(), TaskKind::Ask, what, None);
    let best = each(&projects, |project| {
        let files = fetcher.project_files(project)?;
        Ok(best(&files, tags, python.as_ref()))
    })?;
    let found = projects.into_iter().zip(best);
    let newest = found.filter_map(|(project, best)| Some((project, best?)));
    task.done();
    Ok(newest.collect())
}

/// The newest final version among wheels that fit, for this Python.
fn best(files: &[ProjectFile], tags: &Tags, python: Option<&Version>) -> Option<Version> {
    files
        .iter()
        .filter(|file| tags.rank(&file.filename).is_some() && is_for(file, python))
        .filter_map(|file| version_of(&file.filename)?.parse::<Version>().ok())
        .filter(|version| !version.any_prerelease())
        .max()
}

/// The version in a wheel's file name.
pub(crate) fn version_of(filename: &str) -> Option<&str> {
    filename.split('-').nth(1)
}

/// Whether a file's Requires-Python takes the interpreter. What cannot be read excludes nothing.
fn is_for(file: &ProjectFile, python: Option<&Version>) -> bool {
    let requires = file.requires_python.as_deref();
    let requires = requires.and_then(|text| text.parse::<VersionSpecifiers>().ok());
    match (requires, python) {
        (Some(requires), Some(python)) => requires.contains(python),
        _ => true,
    }
}

/// The edition's suite as the mirrors have it now, and warnings. What fails here is a warning too: what
/// the edition allows is known without it.
pub(crate) fn suite(
    store: &Store,
    fetcher: &Fetcher,
    edition: &Edition,
    now: Timestamp,
) -> (Option<Packages>, Vec<String>) {
    let mut today = edition.clone();
    let snapshot: Option<Spanned<String>> = today.debian.snapshot.take();
    let mut warnings = Vec::new();
    match debian::archive(store, fetcher, &today, now.as_second(), &mut warnings) {
        Ok(suite) => (Some(suite.packages), warnings),
        Err(error) => {
            let what = match snapshot {
                Some(_) => "today's suite could not be compared with the snapshot",
                None => "the suite could not be looked through for newer versions",
            };
            (None, vec![format!("{what}: {error}")])
        }
    }
}

#[cfg(test)]
mod tests {
    use edition::PythonVersion;

    use super::*;

    fn tags() -> Tags {
        Tags::new(PythonVersion {
            major: 3,
            minor: 14,
            free_threaded: false,
        })
    }

    fn file(name: &str, requires: Option<&str>) -> ProjectFile {
        ProjectFile {
            filename: name.to_owned(),
            requires_python: requires.map(str::to_owned),
        }
    }

    #[test]
    fn the_newest_final_version_that_fits() {
        let files = [
            "a-1.9-py3-none-any.whl",
            "a-1.10-cp314-cp314-manylinux_2_28_x86_64.whl",
            "a-1.11-cp313-cp313-manylinux_2_28_x86_64.whl",
            "a-2.0rc1-py3-none-any.whl",
            "a-2.0.dev3-py3-none-any.whl",
            "a-3.tar.gz",
        ];
        let files = files.map(|name| file(name, None));
        assert_eq!(best(&files, &tags(), None).unwrap().to_string(), "1.10");
        assert!(best(&files[2..], &tags(), None).is_none());
    }

    #[test]
    fn what_is_for_other_pythons_does_not_count() {
        let files = [
            file("a-1-py3-none-any.whl", Some(">=3.9")),
            file("a-2-py3-none-any.whl", Some("whatever")),
            file("a-3-py3-none-any.whl", Some(">=3.9,<3.14")),
            file("a-4-py3-none-any.whl", Some(">=3.14.9")),
        ];
        let best = |python: &str| {
            let python = python.parse().unwrap();
            best(&files, &tags(), Some(&python)).unwrap().to_string()
        };
        assert_eq!(best("3.14.8"), "2");
        assert_eq!(best("3.13.1"), "3");
        assert_eq!(best("3.14.9"), "4");
    }

    #[test]
    fn a_suite_that_cannot_be_had_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let text = "[debian]\nsuite = \"forky\"\nsnapshot = \"2026-10-20\"\n[python]\n\
                    version = \"3.14\"\n[image]\ntitle = \"t\"\n";
        let edition = Edition::parse_at(text, std::path::Path::new("t.toml")).unwrap();
        let silent = std::sync::Arc::new(store::Silent);
        let fetcher = Fetcher::new(store::Places::none(), silent, true);
        let (found, warnings) = suite(&store, &fetcher, &edition, Timestamp::UNIX_EPOCH);
        assert!(found.is_none());
        assert!(
            warnings[0].starts_with("today's suite could not be compared"),
            "{warnings:?}"
        );
    }
}
