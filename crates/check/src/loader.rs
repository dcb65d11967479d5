//! Where the dynamic loader finds a library (ld.so(8)): `DT_RPATH`, `LD_LIBRARY_PATH`, `DT_RUNPATH`, the
//! folders of `/etc/ld.so.conf`, and those that are built in.

use std::collections::{BTreeMap, BTreeSet};

use crate::{elf::Elf, view::View};

/// The folders that Debian's loader looks into by itself.
const BUILT_IN: [&str; 6] = [
    "lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu",
    "lib64",
    "usr/lib64",
    "lib",
    "usr/lib",
];
const SETTINGS: &str = "etc/ld.so.conf";

/// The libraries of NVIDIA's driver, which the container engine brings from the host.
const DRIVER: [&str; 11] = [
    "libcuda.so",
    "libcudadebugger.so",
    "libnvcuvid.so",
    "libnvidia-",
    "libnvoptix.so",
    "libGLX_nvidia.so",
    "libEGL_nvidia.so",
    "libGLESv1_CM_nvidia.so",
    "libGLESv2_nvidia.so",
    "libvdpau_nvidia.so",
    "libnvsandboxutils.so",
];

/// Whether a library comes from the host's driver.
pub(crate) fn is_of_driver(name: &str) -> bool {
    DRIVER.iter().any(|known| name.starts_with(known))
}

/// The loader of one image.
#[derive(Debug)]
pub(crate) struct Loader<'i> {
    view: &'i View,
    elf: &'i BTreeMap<&'i str, &'i Elf>,
    library_path: Vec<String>,
    system: Vec<String>,
    /// Files by soname, and by file name.
    names: BTreeMap<String, BTreeSet<&'i str>>,
}

impl<'i> Loader<'i> {
    /// For an image with this `LD_LIBRARY_PATH`; `texts` has the loader's settings.
    pub fn new(
        view: &'i View,
        elf: &'i BTreeMap<&'i str, &'i Elf>,
        texts: &BTreeMap<&str, &str>,
        library_path: &str,
    ) -> Self {
        let mut system = Vec::new();
        settings(texts, SETTINGS, &mut system, 0);
        system.extend(BUILT_IN.map(str::to_owned));
        let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for (path, found) in elf.iter().filter(|(_, found)| !found.foreign) {
            let name = path.rsplit('/').next().unwrap_or(path);
            for name in [Some(name), found.soname.as_deref()].into_iter().flatten() {
                names.entry(name.to_owned()).or_default().insert(path);
            }
        }
        Self {
            view,
            elf,
            library_path: folders(Some(library_path), ""),
            system,
            names,
        }
    }

    /// The library that the file at `path` gets for a name, without what its callers bring: where its
    /// content stands.
    pub fn find(&self, path: &str, elf: &Elf, name: &str) -> Option<&'i str> {
        if name.contains('/') {
            return self.library(name);
        }
        let own = |list| folders(list, path);
        let rpath = match elf.runpath {
            Some(_) => Vec::new(),
            None => own(elf.rpath.as_deref()),
        };
        let runpath = own(elf.runpath.as_deref());
        let lists = [&rpath, &self.library_path, &runpath, &self.system];
        let mut all = lists.into_iter().flatten();
        all.find_map(|folder| self.library(&format!("{folder}/{name}")))
    }

    /// The library that a `DT_RPATH` of the file at `path` gives to what it loads.
    pub fn inherited(&self, path: &str, elf: &Elf, name: &str) -> Option<&'i str> {
        if elf.runpath.is_some() {
            return None;
        }
        let rpath = folders(elf.rpath.as_deref(), path);
        let mut rpath = rpath.iter();
        rpath.find_map(|folder| self.library(&format!("{folder}/{name}")))
    }

    /// Some file of the image with that name or soname, wherever it stands.
    pub fn anywhere(&self, name: &str) -> Option<&'i str> {
        self.names.get(name)?.first().copied()
    }

    /// A file of this machine's kind, with links followed; the loader passes over others.
    fn library(&self, path: &str) -> Option<&'i str> {
        let real = self.view.resolve(path)?;
        let (path, elf) = self.elf.get_key_value(real.as_str())?;
        (!elf.foreign).then_some(*path)
    }
}

/// The folders of a list, with `$ORIGIN` as the folder of the file at `path`.
fn folders(list: Option<&str>, path: &str) -> Vec<String> {
    let origin = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    // The loader takes an empty entry for the current folder, which is not known here.
    let entries = list
        .unwrap_or_default()
        .split([':', ';'])
        .filter(|one| !one.is_empty());
    entries
        .map(|entry| {
            let entry = entry
                .replace("$ORIGIN", origin)
                .replace("${ORIGIN}", origin);
            let entry = entry.replace("$LIB", "lib/x86_64-linux-gnu");
            entry.replace("$PLATFORM", "x86_64")
        })
        .collect()
}

/// The folders of a settings file and those that it includes.
fn settings(texts: &BTreeMap<&str, &str>, path: &str, out: &mut Vec<String>, depth: usize) {
    // A file that includes itself would never end.
    let Some(text) = texts.get(path).filter(|_| depth < 8) else {
        return;
    };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(pattern) = line.strip_prefix("include") {
            let pattern = pattern.trim().trim_start_matches('/');
            // Debian's own pattern is the only form in use: all of a folder with one ending.
            match pattern.split_once('*') {
                None => settings(texts, pattern, out, depth + 1),
                Some((start, end)) => {
                    let included = texts.keys().filter(|path| {
                        let name = path
                            .strip_prefix(start)
                            .and_then(|rest| rest.strip_suffix(end));
                        name.is_some_and(|name| !name.contains('/'))
                    });
                    for path in included {
                        settings(texts, path, out, depth + 1);
                    }
                }
            }
        } else if line.starts_with('/') {
            out.push(line.trim_end_matches('/').to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::made_up;

    #[test]
    fn the_order_is_that_of_the_loader() {
        let view = made_up(&[&[
            "a/",
            "a/x",
            "a/lib/",
            "a/lib/l.so",
            "b/",
            "b/l.so",
            "c/",
            "c/l.so",
            "usr/",
            "usr/lib/",
            "usr/lib/l.so",
            "d/",
            "d/l.so",
            "etc/",
            "lib -> usr/lib",
        ]]);
        let library = Elf::default();
        let foreign = Elf {
            foreign: true,
            ..Elf::default()
        };
        let mut elf: BTreeMap<&str, &Elf> = ["a/x", "b/l.so", "c/l.so", "usr/lib/l.so", "d/l.so"]
            .map(|path| (path, &library))
            .into();
        elf.insert("a/lib/l.so", &foreign);
        let texts = BTreeMap::from([
            ("etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n"),
            ("etc/ld.so.conf.d/d.conf", "# own\n/d/ # here\n"),
        ]);
        let find = |library_path: &str, rpath: Option<&str>, runpath: Option<&str>| {
            let from = Elf {
                rpath: rpath.map(str::to_owned),
                runpath: runpath.map(str::to_owned),
                ..Elf::default()
            };
            let loader = Loader::new(&view, &elf, &texts, library_path);
            loader.find("a/x", &from, "l.so")
        };
        assert_eq!(
            find("", None, None),
            Some("d/l.so"),
            "the settings come first"
        );
        assert_eq!(find("/c", None, Some("$ORIGIN/../b")), Some("c/l.so"));
        assert_eq!(find("/c", Some("${ORIGIN}/../b"), None), Some("b/l.so"));
        assert_eq!(find("/c", Some("/b"), Some("/nowhere")), Some("c/l.so"));
        assert_eq!(
            find("", Some("$ORIGIN/lib:/c"), None),
            Some("c/l.so"),
            "another machine's"
        );
        let loader = Loader::new(&view, &elf, &BTreeMap::new(), "");
        assert_eq!(loader.find("a/x", &library, "l.so"), Some("usr/lib/l.so"));
        assert_eq!(loader.find("a/x", &library, "/c/l.so"), Some("c/l.so"));
        assert_eq!(loader.find("a/x", &library, "m.so"), None);
        assert_eq!(loader.anywhere("l.so"), Some("b/l.so"));
    }

    #[test]
    fn the_drivers_libraries_are_known() {
        assert!(is_of_driver("libcuda.so.1") && is_of_driver("libnvidia-ml.so.1"));
        assert!(!is_of_driver("libcudart.so.13"));
    }
}
