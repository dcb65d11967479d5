//! Which modules a distribution brings: those at its top, and its extension modules.

use std::collections::BTreeSet;

use crate::{distributions::Distribution, libraries::is_extension};

/// The modules and packages at the top: what `import` is written with. In a folder without
/// `__init__.py` (a namespace that several distributions share) the packages below it.
pub(crate) fn top(distribution: &Distribution, python_tag: &str) -> BTreeSet<String> {
    let below: Vec<&str> = below(distribution).collect();
    if below.is_empty() {
        return distribution
            .top_level
            .iter()
            .flatten()
            .filter(|name| is_name(name))
            .cloned()
            .collect();
    }
    let init = |path: &&&str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name == "__init__.py" || (name.starts_with("__init__.") && is_extension(path, python_tag))
    };
    let packages: BTreeSet<&str> = below
        .iter()
        .filter(init)
        .filter_map(|path| path.rsplit_once('/').map(|(folder, _)| folder))
        .collect();
    let is_topmost = |folder: &&&str| {
        let mut above = folder.rsplit_once('/');
        while let Some((folder, _)) = above {
            if packages.contains(folder) {
                return false;
            }
            above = folder.rsplit_once('/');
        }
        true
    };
    let tops = packages
        .iter()
        .filter(is_topmost)
        .filter_map(|folder| dotted(folder));
    let single = below.iter().filter(|path| !path.contains('/'));
    let single = single.filter_map(|path| match path.strip_suffix(".py") {
        Some(name) => dotted(name),
        None => is_extension(path, python_tag)
            .then(|| extension(path))
            .flatten(),
    });
    let mut all: BTreeSet<String> = tops.chain(single).collect();
    // What a distribution itself does not count among its modules, such as `tests`.
    if let Some(named) = distribution
        .top_level
        .as_ref()
        .filter(|named| !named.is_empty())
    {
        all.retain(|module| {
            let first = module.split('.').next().unwrap_or(module);
            named
                .iter()
                .any(|name| name.split(['.', '/']).next() == Some(first))
        });
    }
    all
}

/// Every extension module of a distribution, by its name.
pub(crate) fn extensions(distribution: &Distribution, python_tag: &str) -> BTreeSet<String> {
    let found = below(distribution).filter(|path| is_extension(path, python_tag));
    found.filter_map(extension).collect()
}

/// The paths in RECORD that lie in the folder which Python looks into, from there.
fn below(distribution: &Distribution) -> impl Iterator<Item = &str> {
    let site = format!("{}/", distribution.site());
    let paths = distribution.record.iter();
    paths.filter_map(move |(path, _)| path.strip_prefix(site.as_str()))
}

fn extension(path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.split('.').next()?;
    match (folder, stem) {
        ("", stem) => dotted(stem),
        (folder, "__init__") => dotted(folder),
        (folder, stem) => dotted(&format!("{folder}/{stem}")),
    }
}

/// A path as a module's name, if all of it can be one.
fn dotted(path: &str) -> Option<String> {
    path.split('/').all(is_name).then(|| path.replace('/', "."))
}

fn is_name(text: &str) -> bool {
    let first = text
        .chars()
        .next()
        .is_some_and(|c| c.is_alphabetic() || c == '_');
    first && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(top_level: Option<&[&str]>, paths: &[&str]) -> Distribution {
        let record = paths
            .iter()
            .map(|path| (format!("usr/lib/python3/s/{path}"), String::new()));
        Distribution {
            name: "x".to_owned(),
            version: "1".to_owned(),
            artifact: "x".to_owned(),
            info: "usr/lib/python3/s/x-1.dist-info".to_owned(),
            requires: Vec::new(),
            record: record
                .chain([("usr/bin/x".to_owned(), String::new())])
                .collect(),
            top_level: top_level.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        }
    }

    fn tops(top_level: Option<&[&str]>, paths: &[&str]) -> Vec<String> {
        top(&distribution(top_level, paths), "cp314")
            .into_iter()
            .collect()
    }

    #[test]
    fn packages_modules_and_namespaces() {
        let found = tops(
            None,
            &[
                "a/__init__.py",
                "a/b/__init__.py",
                "a/c.py",
                "single.py",
                "__pycache__/single.cpython-314.pyc",
                "ns/one/__init__.py",
                "ns/data.py",
                "fast.cpython-314-x86_64-linux-gnu.so",
                "x-1.dist-info/RECORD",
                "no-name/__init__.py",
                "old.cpython-313-x86_64-linux-gnu.so",
                "x.libs/lib.so",
            ],
        );
        assert_eq!(found, ["a", "fast", "ns.one", "single"]);
        assert_eq!(
            tops(Some(&["a"]), &["a/__init__.py", "tests/__init__.py"]),
            ["a"]
        );
        assert_eq!(tops(Some(&["ns"]), &["ns/lib/x.so"]), [] as [&str; 0]);
        let debian = Distribution {
            record: Vec::new(),
            ..distribution(Some(&["apt", "apt_pkg"]), &[])
        };
        assert_eq!(Vec::from_iter(top(&debian, "cp314")), ["apt", "apt_pkg"]);
    }

    #[test]
    fn extension_modules_by_name() {
        let paths = [
            "a/_c.cpython-314-x86_64-linux-gnu.so",
            "b.abi3.so",
            "a/libx.so",
            "a/old.cpython-310-x86_64-linux-gnu.so",
        ];
        let found = extensions(&distribution(None, &paths), "cp314");
        assert_eq!(Vec::from_iter(found), ["a._c", "b"]);
    }
}
