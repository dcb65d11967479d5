//! `[python]` of a lock: Debian's interpreter by its package, or one out of an archive.

use edition::{Edition, PythonSource};
use lock::{Artifact, Deb, Origin, Python, PythonArchive};
use python::Standalone;

use crate::{
    Error, Result,
    sources::{Resolving, expect},
};

/// Debian's, which must be among the packages.
pub(crate) fn of_debian(edition: &Edition, debs: &[Deb]) -> Result<Python> {
    let wanted = edition.python.version.value;
    let short = format!("{}.{}", wanted.major, wanted.minor);
    let package = format!("python{short}");
    let deb = debs
        .iter()
        .find(|deb| deb.name == package && !wanted.free_threaded)
        .ok_or_else(|| Error::NoInterpreter {
            place: edition.python.version.place.to_string(),
            version: wanted.to_string(),
        })?;
    let upstream = deb
        .version
        .split_once(':')
        .map_or(deb.version.as_str(), |(_, rest)| rest);
    let upstream = upstream
        .rsplit_once('-')
        .map_or(upstream, |(version, _)| version);
    let packages = format!("/usr/local/lib/python{short}/dist-packages");
    Ok(Python {
        version: upstream.to_owned(),
        tag: format!("cp{}{}", wanted.major, wanted.minor),
        interpreter: format!("/usr/bin/{package}"),
        purelib: packages.clone(),
        platlib: packages,
        scripts: "/usr/local/bin".to_owned(),
        headers: format!("/usr/local/include/python{short}"),
        data: "/usr/local".to_owned(),
        archive: None,
    })
}

/// Stands for one that is not known yet.
pub(crate) fn none() -> Python {
    let nothing = String::new;
    Python {
        version: nothing(),
        tag: nothing(),
        interpreter: nothing(),
        purelib: nothing(),
        platlib: nothing(),
        scripts: nothing(),
        headers: nothing(),
        data: nothing(),
        archive: None,
    }
}

/// The one that the edition gives an archive for, if it does: as the earlier lock has it, as long as
/// address, digest and version stand; else the archive is fetched and asked.
pub(crate) fn of_archive(with: &Resolving<'_>) -> Result<Option<Python>> {
    let PythonSource::Standalone { url, sha256 } = &with.edition.python.source else {
        return Ok(None);
    };
    let wanted = &with.edition.python.version;
    let same = |python: &&Python| {
        let archive = python.archive.as_ref();
        archive.is_some_and(|archive| archive.url == url.value && archive.sha256 == *sha256)
            && python.tag == format!("cp{}", wanted.to_string().replace('.', ""))
    };
    if let Some(python) = with.kept.interpreter.as_ref().filter(same) {
        return Ok(Some(python.clone()));
    }
    let name = format!("Python {}", wanted.value);
    let fresh = with.fetcher.fetch_fresh(with.store, &name, url)?;
    expect(&url.place, url, Some(*sha256), fresh.sha256)?;
    let artifact = Artifact {
        name,
        filename: fresh.filename.clone(),
        size: fresh.size,
        sha256: fresh.sha256,
        origin: Origin::Url(url.value.clone()),
    };
    let path = with.fetcher.fetch(with.store, &artifact)?;
    let found = Standalone::read(&artifact, &path, with.store);
    let found = found.map_err(|source| Error::Interpreter {
        place: url.place.to_string(),
        source: Box::new(source),
    })?;
    if found.short() != wanted.to_string() {
        return Err(Error::OtherPython {
            place: wanted.place.to_string(),
            wanted: wanted.to_string(),
            found: found.short().to_owned(),
            archive: fresh.filename,
        });
    }
    Ok(Some(found.locked(PythonArchive {
        url: url.value.clone(),
        filename: fresh.filename,
        size: fresh.size,
        sha256: fresh.sha256,
    })))
}
