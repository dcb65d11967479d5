//! The Python distributions of an image, as their own metadata has them.

use std::collections::{BTreeMap, BTreeSet};

use lock::{Lock, normalised};
use pep440_rs::Version;

use crate::view::View;

/// Where Debian's own Python packages are.
const DEBIAN: &str = "/usr/lib/python3/dist-packages";

/// One installed distribution.
#[derive(Debug, Clone)]
pub(crate) struct Distribution {
    /// Normalised.
    pub name: String,
    /// As its metadata has it.
    pub version: String,
    /// What brought it.
    pub artifact: String,
    /// Its `.dist-info` or `.egg-info`, without the slash at the start.
    pub info: String,
    /// `Requires-Dist` lines.
    pub requires: Vec<String>,
    /// RECORD: paths in the image without the slash at the start, and hashes.
    pub record: Vec<(String, String)>,
    /// `top_level.txt`, where there is one.
    pub top_level: Option<BTreeSet<String>>,
}

impl Distribution {
    /// The version, where it is one.
    pub fn pep440(&self) -> Option<Version> {
        self.version.parse().ok()
    }

    /// The folder that Python finds it in.
    pub fn site(&self) -> &str {
        self.info.rsplit_once('/').map_or("", |(site, _)| site)
    }
}

/// All distributions in the folders that the interpreter looks into, those of the first folder first;
/// then by path.
pub(crate) fn all(view: &View, texts: &BTreeMap<&str, &str>, lock: &Lock) -> Vec<Distribution> {
    let mut sites: Vec<&str> = Vec::new();
    for site in [&lock.python.purelib, &lock.python.platlib, DEBIAN] {
        let site = site.trim_start_matches('/');
        if !sites.contains(&site) {
            sites.push(site);
        }
    }
    let mut all: Vec<(usize, Distribution)> = texts
        .iter()
        .filter_map(|(path, text)| {
            let info = info_of(path)?;
            let (site, _) = info.rsplit_once('/')?;
            let rank = sites.iter().position(|one| *one == site)?;
            Some((rank, read(view, texts, path, info, site, text)?))
        })
        .collect();
    all.sort_by(|(one, a), (other, b)| (one, &a.info).cmp(&(other, &b.info)));
    all.into_iter().map(|(_, found)| found).collect()
}

/// The folder, or file, that is a distribution's metadata, if `path` is the text with its fields.
fn info_of(path: &str) -> Option<&str> {
    path.strip_suffix("/METADATA")
        .filter(|info| info.ends_with(".dist-info"))
        .or_else(|| {
            path.strip_suffix("/PKG-INFO")
                .filter(|info| info.ends_with(".egg-info"))
        })
        .or_else(|| path.ends_with(".egg-info").then_some(path))
}

fn read(
    view: &View,
    texts: &BTreeMap<&str, &str>,
    path: &str,
    info: &str,
    site: &str,
    text: &str,
) -> Option<Distribution> {
    let fields = |wanted: &'static str| {
        let lines = text.lines().take_while(|line| !line.is_empty());
        lines.filter_map(move |line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(wanted)
                .then(|| value.trim().to_owned())
        })
    };
    let beside = |name: &str| texts.get(format!("{info}/{name}").as_str()).copied();
    let record = beside("RECORD").unwrap_or_default().lines();
    let record = record.filter_map(|line| {
        let (path, hash) = record_line(line)?;
        Some((join(site, &path), hash))
    });
    Some(Distribution {
        name: normalised(&fields("Name").next()?),
        version: fields("Version").next().unwrap_or_default(),
        artifact: view.artifact(path),
        info: info.to_owned(),
        requires: fields("Requires-Dist").collect(),
        record: record.collect(),
        top_level: beside("top_level.txt").map(|text| {
            let lines = text.lines().map(str::trim);
            lines
                .filter(|line| !line.is_empty())
                .map(str::to_owned)
                .collect()
        }),
    })
}

/// Path and hash of one line of RECORD (CSV: a path with a comma or quote in it is quoted).
fn record_line(line: &str) -> Option<(String, String)> {
    let (path, rest) = match line.strip_prefix('"') {
        None => {
            let (path, rest) = line.split_once(',')?;
            (path.to_owned(), rest)
        }
        Some(quoted) => {
            let (path, rest) = quoted.split_once("\",")?;
            (path.replace("\"\"", "\""), rest)
        }
    };
    let hash = rest.split(',').next().unwrap_or_default();
    Some((path, hash.to_owned()))
}

/// `path` as seen from `folder`; RECORD has scripts as `../../../bin/x`.
pub(crate) fn join(folder: &str, path: &str) -> String {
    let from: &str = if path.starts_with('/') { "" } else { folder };
    let mut out: Vec<&str> = Vec::new();
    for component in from.split('/').chain(path.split('/')) {
        match component {
            "" | "." => {}
            ".." => drop(out.pop()),
            name => out.push(name),
        }
    }
    out.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::made_up;

    #[test]
    fn what_lies_where_python_looks_is_read() {
        let lock = Lock::starter().unwrap();
        let site = lock.python.purelib.trim_start_matches('/').to_owned();
        let metadata = format!("{site}/A_b-1.0.dist-info/METADATA");
        let record = format!("{site}/A_b-1.0.dist-info/RECORD");
        let egg = "usr/lib/python3/dist-packages/old.egg-info".to_owned();
        let other = format!("{site}/a/_vendor/c-1.dist-info/METADATA");
        let text = "Name: A.b\nVersion: 1.0\nRequires-Dist: x>1\nrequires-dist: y ; extra == 'z'\n\
                    Requires-Dist: last";
        let texts = BTreeMap::from([
            (metadata.as_str(), text),
            (
                record.as_str(),
                "a/__init__.py,sha256=x,3\n\"a/b,\"\"c.py\",sha256=y,4\n../../../bin/a,,\n",
            ),
            (egg.as_str(), "Name: old\nVersion: 2"),
            (other.as_str(), "Name: c\nVersion: 1"),
        ]);
        let found = all(&made_up(&[]), &texts, &lock);
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a-b", "old"]);
        assert_eq!(found[0].requires, ["x>1", "y ; extra == 'z'", "last"]);
        let paths: Vec<&str> = found[0]
            .record
            .iter()
            .map(|(path, _)| path.as_str())
            .collect();
        let (module, odd) = (
            format!("{site}/a/__init__.py"),
            format!("{site}/a/b,\"c.py"),
        );
        assert_eq!(paths, [&module, &odd, "usr/local/bin/a"]);
        assert_eq!(found[0].record[1].1, "sha256=y");
    }
}
