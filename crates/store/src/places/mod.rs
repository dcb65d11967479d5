//! Where artifacts are fetched from: the user's word first, then the settings of the clients on
//! this machine, then what a tool on this machine brings. Nothing here names a host, and nothing
//! here opens a connection.

mod apt;
mod pip;
mod place;
pub mod snapshot;
mod tool;
mod uv;

use std::{
    env,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

pub use place::Place;
pub(crate) use place::shown;

use crate::{Error, Result};

/// The variable that names Debian archive roots.
pub const DEBIAN_VARIABLE: &str = "STRATA_DEBIAN_MIRROR";
/// The variable that names a snapshot archive of Debian.
pub const SNAPSHOT_VARIABLE: &str = "STRATA_DEBIAN_SNAPSHOT";
/// The variable that names Python indexes.
pub const PYTHON_VARIABLE: &str = "STRATA_PYTHON_INDEX";

/// The places that artifacts are fetched from, in the order in which they are asked.
#[derive(Debug, Clone, Default)]
pub struct Places {
    debian: Vec<Place>,
    snapshots: Vec<String>,
    python: Vec<Place>,
    /// Whether some setting says where ordinary Python packages come from. Additional indexes
    /// alone do not, and then the default of a tool on this machine is asked last.
    python_settled: bool,
    default_python: Arc<OnceLock<Result<Place, String>>>,
    local: Option<PathBuf>,
}

impl Places {
    /// No places at all, and no looking for any: what the setters add is all there is.
    pub fn none() -> Self {
        Self {
            python_settled: true,
            ..Self::default()
        }
    }

    /// The places that this machine's settings name. In this order, each place once:
    ///
    /// - Debian: `STRATA_DEBIAN_MIRROR` (a list, separated by spaces or commas), then the sources
    ///   of apt, those whose path ends in `/debian` first.
    /// - Python: `STRATA_PYTHON_INDEX` (likewise), then `UV_DEFAULT_INDEX`, `UV_INDEX_URL`,
    ///   `UV_INDEX`, `PIP_INDEX_URL`, `PIP_EXTRA_INDEX_URL`, uv's and pip's configuration files;
    ///   and if none of these says where ordinary packages come from, the default of the pip that
    ///   Python brings, asked for when it is needed.
    ///
    /// # Errors
    /// When a `STRATA_` variable is not a list of addresses, or uv's configuration is not TOML.
    pub fn from_env() -> Result<Self> {
        Self::from_machine(Path::new("/"), &|name| env::var(name).ok())
    }

    /// As [`Places::from_env`], with the root of the file system and the variables given.
    fn from_machine(root: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let mut places = Self::default();

        let debian = set(DEBIAN_VARIABLE).unwrap_or_default();
        places.debian = place::parse_list(DEBIAN_VARIABLE, &debian)?;
        append(&mut places.debian, apt::places(root));

        places.snapshots.extend(set(SNAPSHOT_VARIABLE));
        let dated = places.debian.iter().filter_map(snapshot::template);
        places.snapshots.extend(dated.collect::<Vec<_>>());

        let python = set(PYTHON_VARIABLE).unwrap_or_default();
        places.python = place::parse_list(PYTHON_VARIABLE, &python)?;
        let home = set("HOME").map(PathBuf::from);
        let config = set("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| home.as_ref().map(|home| home.join(".config")));
        let folders = Folders {
            root,
            home: home.as_deref(),
            config: config.as_deref(),
        };

        places.python_settled = !places.python.is_empty();
        for found in [
            uv::from_variables(&set),
            pip::from_variables(&set),
            uv::from_files(&folders)?,
            pip::from_files(&folders, &set),
        ] {
            places.python_settled |= found.main;
            append(&mut places.python, found.places);
        }
        Ok(places)
    }

    /// Puts Debian archive roots before all others.
    ///
    /// # Errors
    /// When one is neither an http, https or file address nor an absolute path.
    pub fn with_debian<S: AsRef<str>>(
        mut self,
        roots: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        let mut first = Vec::new();
        for root in roots {
            first.push(Place::parse("Debian mirror", root.as_ref())?);
        }
        let later = std::mem::take(&mut self.debian);
        append(&mut self.debian, first);
        append(&mut self.debian, later);
        Ok(self)
    }

    /// Puts Python indexes before all others: roots of a simple index, or folders of wheels.
    ///
    /// # Errors
    /// When one is neither an http, https or file address nor an absolute path.
    pub fn with_python<S: AsRef<str>>(
        mut self,
        indexes: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        let mut first = Vec::new();
        for index in indexes {
            first.push(Place::parse("Python index", index.as_ref())?);
        }
        self.python_settled |= !first.is_empty();
        let later = std::mem::take(&mut self.python);
        append(&mut self.python, first);
        append(&mut self.python, later);
        Ok(self)
    }

    /// Sets the folder that local files are relative to: the lock's.
    pub fn with_local(mut self, folder: impl Into<PathBuf>) -> Self {
        self.local = Some(folder.into());
        self
    }

    /// Roots of Debian archives.
    pub fn debian(&self) -> &[Place] {
        &self.debian
    }

    /// Roots of snapshot archives at a time, such as `20261030T080801Z`: the one that
    /// `STRATA_DEBIAN_SNAPSHOT` names, then those of mirrors whose own path has such a time. They
    /// are not among [`Places::debian`]; [`Places::with_debian_place`] puts them there.
    ///
    /// # Errors
    /// When the variable is not an address.
    pub fn snapshots(&self, time: &str) -> Result<Vec<Place>> {
        self.snapshots
            .iter()
            .map(|template| snapshot::at(SNAPSHOT_VARIABLE, template, time))
            .collect()
    }

    /// Puts a snapshot archive of Debian before all others: an address with `@SNAPSHOTID@` where
    /// the time belongs, or without, and then the time is its last folder.
    pub fn with_snapshot(mut self, template: impl Into<String>) -> Self {
        self.snapshots.insert(0, template.into());
        self
    }

    /// Puts a Debian archive root before all others.
    pub fn with_debian_place(mut self, first: Place) -> Self {
        self.debian.retain(|place| *place != first);
        self.debian.insert(0, first);
        self
    }

    /// Puts a Debian archive root after all others, for what those do not have any more.
    pub fn with_last_debian_place(mut self, last: Place) -> Self {
        if !self.debian.contains(&last) {
            self.debian.push(last);
        }
        self
    }

    /// Python indexes. May start a Python, once, to ask for the default of its pip.
    ///
    /// # Errors
    /// [`Error::NoPythonIndex`] when there is none at all.
    pub fn python(&self) -> Result<Vec<Place>> {
        let mut places = self.python.clone();
        if !self.python_settled {
            match self.default_python.get_or_init(tool::default_index) {
                Ok(place) => append(&mut places, vec![place.clone()]),
                Err(problem) if places.is_empty() => {
                    return Err(Error::NoPythonIndex {
                        problem: problem.clone(),
                    });
                }
                Err(_) => {}
            }
        }
        Ok(places)
    }

    /// The folder that local files are relative to.
    pub fn local(&self) -> Option<&Path> {
        self.local.as_deref()
    }
}

/// Where clients keep their settings.
#[derive(Debug)]
struct Folders<'a> {
    root: &'a Path,
    home: Option<&'a Path>,
    config: Option<&'a Path>,
}

/// Indexes that one client's settings name.
#[derive(Debug, Default, PartialEq)]
struct Found {
    places: Vec<Place>,
    /// Whether one of them is where ordinary packages come from.
    main: bool,
}

impl Found {
    /// Adds what a client calls its index. Values that the client would not take are passed over:
    /// it is the client's business to complain of them.
    fn main(&mut self, value: &str) {
        let before = self.places.len();
        self.extra(value);
        self.main |= self.places.len() > before;
    }

    /// Adds what a client calls an additional index.
    fn extra(&mut self, value: &str) {
        self.places.extend(Place::parse("", value).ok());
    }
}

fn append(places: &mut Vec<Place>, more: Vec<Place>) {
    for place in more {
        if !places.contains(&place) {
            places.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn machine(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Places> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let home = root.path().join("home").display().to_string();
        let mut map: BTreeMap<_, _> = variables
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        map.entry("HOME".to_owned()).or_insert(home);
        Places::from_machine(root.path(), &|name| map.get(name).cloned())
    }

    fn texts(places: &[Place]) -> Vec<String> {
        places.iter().map(Place::to_string).collect()
    }

    #[test]
    fn debian_order() {
        let list = "deb http://c.test/security s main\ndeb http://a.test/debian/ s main\n";
        let places = machine(
            &[
                ("etc/apt/sources.list", list),
                (
                    "etc/apt/sources.list.d/b.sources",
                    "Types: deb\nURIs: http://b.test/debian\n",
                ),
                (
                    "etc/apt/sources.list.d/ignored.txt",
                    "deb http://no.test/debian s main\n",
                ),
            ],
            &[(
                "STRATA_DEBIAN_MIRROR",
                "http://x.test/d, http://b.test/debian/",
            )],
        )
        .unwrap();
        assert_eq!(
            texts(places.debian()),
            [
                "http://x.test/d/",
                "http://b.test/debian/",
                "http://a.test/debian/",
                "http://c.test/security/"
            ]
        );
        let places = places.with_debian(["/srv/mirror"]).unwrap();
        assert_eq!(texts(&places.debian()[..1]), ["file:///srv/mirror/"]);
    }

    #[test]
    fn python_order() {
        let places = machine(
            &[
                (
                    "home/.config/uv/uv.toml",
                    "[[index]]\nurl = \"https://uv.test/simple\"\n",
                ),
                (
                    "etc/pip.conf",
                    "[global]\nindex-url = https://pip.test/simple/\n",
                ),
            ],
            &[
                ("STRATA_PYTHON_INDEX", "https://x.test/simple"),
                ("UV_INDEX", "named=https://n.test/s https://m.test/s"),
                ("UV_DEFAULT_INDEX", "https://d.test/s/"),
                ("PIP_INDEX_URL", "https://user:secret@p.test/s"),
                ("PIP_EXTRA_INDEX_URL", "https://d.test/s https://e.test/s"),
            ],
        )
        .unwrap();
        let python = places.python().unwrap();
        assert_eq!(
            texts(&python),
            [
                "https://x.test/simple/",
                "https://d.test/s/",
                "https://n.test/s/",
                "https://m.test/s/",
                "https://p.test/s/",
                "https://e.test/s/",
                "https://uv.test/simple/",
                "https://pip.test/simple/",
            ]
        );
        assert!(!format!("{places:?}").contains("secret"));
    }

    #[test]
    fn additional_indexes_alone_leave_the_default() {
        let extra = machine(&[], &[("PIP_EXTRA_INDEX_URL", "https://e.test/s")]).unwrap();
        assert!(!extra.python_settled);
        let main = machine(&[], &[("PIP_INDEX_URL", "https://e.test/s")]).unwrap();
        assert!(main.python_settled);
        assert!(Places::none().python().unwrap().is_empty());
    }

    #[test]
    fn a_bad_setting_of_ours_is_an_error_without_its_secret() {
        let error = machine(&[], &[("STRATA_PYTHON_INDEX", "ftp://u:secret@h.test/")]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("STRATA_PYTHON_INDEX") && !text.contains("secret"),
            "{text}"
        );
        let error = machine(&[("etc/uv/uv.toml", "index-url = [")], &[]).unwrap_err();
        assert!(error.to_string().contains("uv.toml"), "{error}");
        // A client's own bad values are the client's business.
        assert!(machine(&[], &[("PIP_INDEX_URL", "nonsense")]).is_ok());
    }
}
