//! Contradictions of `[python]` and `[python.archive]`.

use super::{AGAIN, BY_HAND, Fault};
use crate::{Python, PythonArchive};

/// What an archive of an interpreter may be packed as.
const ENDINGS: [&str; 6] = [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst"];

pub(super) fn python(python: &Python, faults: &mut Vec<Fault>) {
    let mut fault = |key, message, hint| {
        faults.push(Fault {
            entry: None,
            key,
            message,
            hint,
        });
    };
    let mut numbers = python.version.split('.');
    let wanted = match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => format!("cp{major}{minor}"),
        _ => String::new(),
    };
    if wanted.is_empty() || python.tag.strip_suffix('t').unwrap_or(&python.tag) != wanted {
        let message = format!(
            "tag {:?} is not that of Python {}",
            python.tag, python.version
        );
        fault("python.tag", message, AGAIN);
    }
    let paths = [
        ("python.interpreter", &python.interpreter),
        ("python.purelib", &python.purelib),
        ("python.platlib", &python.platlib),
        ("python.scripts", &python.scripts),
        ("python.headers", &python.headers),
    ];
    let Some(archive) = &python.archive else {
        return;
    };
    // All of an archive is unpacked below one prefix.
    let prefix = format!("{}/", python.data.trim_end_matches('/'));
    for (key, path) in paths {
        if !path.starts_with(&prefix) {
            let message = format!(
                "an interpreter from an archive has all its paths below {:?}, found {path:?}",
                python.data
            );
            fault(key, message, BY_HAND);
        }
    }
    let PythonArchive { url, filename, .. } = archive;
    let known = ENDINGS.iter().any(|ending| filename.ends_with(ending));
    if !known || filename.contains('/') {
        let message = format!("expected the file name of a tar archive, found {filename:?}");
        fault("python.archive.filename", message, BY_HAND);
    }
    if url.is_empty() {
        let message = "the interpreter's archive has no address".to_owned();
        fault("python.archive.url", message, AGAIN);
    }
}
