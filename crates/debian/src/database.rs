//! dpkg's database in `/var/lib/dpkg`, as dpkg itself leaves it when a package has been unpacked
//! and not configured. From there on it is dpkg that writes it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use deb822_fast::Deb822;
use layer::EntryPath;

use crate::{
    Error, Package, Result,
    claims::{Claimant, Claims, Loss},
    error::io as io_error,
    fixup::quoted,
    resolve::{follow, make_folders},
    unpack::{Diversions, List},
};

/// Control members that are programs.
const SCRIPTS: [&str; 5] = ["config", "postinst", "postrm", "preinst", "prerm"];

/// Files that must be there and may be empty.
const EMPTY: [&str; 2] = ["diversions", "status"];

/// The database of one root.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    root: PathBuf,
    folder: PathBuf,
}

/// A package as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) triggers: bool,
}

impl Database {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            folder: root.join("var/lib/dpkg"),
        }
    }

    /// Makes an empty one.
    pub(crate) fn create(&self) -> Result<()> {
        for name in ["alternatives", "info", "parts", "triggers", "updates"] {
            make_folders(&self.root, &format!("var/lib/dpkg/{name}"))?;
        }
        for name in EMPTY {
            write(&self.folder.join(name), b"", 0o644)?;
        }
        for name in ["lock", "lock-frontend"] {
            // As dpkg makes them.
            write(&self.folder.join(name), b"", 0o640)?;
        }
        write(&self.folder.join("triggers/Lock"), b"", 0o600)?;
        write(&self.folder.join("info/format"), b"1\n", 0o644)
    }

    /// A path in the database's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts the package's control members where dpkg has them while it runs the preinst script:
    /// debconf looks for them there.
    pub(crate) fn stage_control(&self, package: &Package) -> Result<()> {
        let folder = self.path("tmp.ci");
        make_folders(&self.root, "var/lib/dpkg/tmp.ci")?;
        let control = format!("{}\n", package.control);
        write(&folder.join("control"), control.as_bytes(), 0o644)?;
        for (name, bytes) in &package.members {
            write(&folder.join(name), bytes, mode(name))?;
        }
        Ok(())
    }

    /// Takes it away again.
    pub(crate) fn unstage_control(&self) -> Result<()> {
        let folder = self.path("tmp.ci");
        fs::remove_dir_all(&folder).map_err(io_error(&folder))
    }

    /// Enters packages as unpacked.
    pub(crate) fn enter(&self, packages: &[&Package], lists: &[List]) -> Result<()> {
        let mut status = String::new();
        for (package, list) in packages.iter().zip(lists) {
            let info = |name: &str| {
                self.folder
                    .join("info")
                    .join(format!("{}.{name}", package.database_name()))
            };
            write(&info("list"), &lines(list), 0o644)?;
            for (name, bytes) in &package.members {
                write(&info(name), bytes, mode(name))?;
            }
            status += package.control.trim_end();
            status += "\nStatus: install ok unpacked\n";
            let conffiles = package.conffile_lines();
            if !conffiles.is_empty() {
                status += "Conffiles:\n";
            }
            for (flag, path) in conffiles {
                let flag = flag.map(|flag| format!(" {flag}")).unwrap_or_default();
                // dpkg knows the hash when it has put the file in place.
                status += &format!(" {path} newconffile{flag}\n");
            }
            status.push('\n');
        }
        let path = self.path("status");
        let mut file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(io_error(&path))?;
        file.write_all(status.as_bytes()).map_err(io_error(&path))
    }

    /// Takes paths out of the lists of packages that lost them.
    pub(crate) fn take_out(&self, losses: &BTreeSet<Loss>) -> Result<()> {
        for Loss {
            database_name,
            path,
        } in losses
        {
            let file = self
                .folder
                .join("info")
                .join(format!("{database_name}.list"));
            let mut list = self.list(database_name)?;
            list.retain(|line| line != path);
            write(&file, &lines(&list), 0o644)?;
        }
        Ok(())
    }

    fn list(&self, database_name: &str) -> Result<List> {
        let file = self
            .folder
            .join("info")
            .join(format!("{database_name}.list"));
        let bytes = fs::read(&file).map_err(io_error(&file))?;
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        Ok(lines.map(<[u8]>::to_vec).collect())
    }

    /// All packages that it knows, and what state they are in.
    pub(crate) fn known(&self) -> Result<Vec<Known>> {
        let status = self.status()?;
        let known = status.iter().map(|fields| Known {
            name: fields.get("Package").unwrap_or_default().to_owned(),
            status: fields.get("Status").unwrap_or_default().to_owned(),
            triggers: fields
                .get("Triggers-Pending")
                .or(fields.get("Triggers-Awaited"))
                .is_some(),
        });
        Ok(known.collect())
    }

    /// Who holds which file, as far as the database says it.
    pub(crate) fn claims(&self) -> Result<Claims> {
        let mut claims = Claims::default();
        for fields in self.status()?.iter() {
            let field = |name| fields.get(name).unwrap_or_default().trim();
            let (name, version) = (field("Package").to_owned(), field("Version").to_owned());
            let database_name = match field("Multi-Arch") {
                "same" => format!("{name}:{}", field("Architecture")),
                _ => name.clone(),
            };
            let by = claims.add(Claimant {
                artifact: format!("{name} {version}"),
                replaces: field("Replaces").to_owned(),
                database_name: database_name.clone(),
                name,
                version,
            });
            for path in self.list(&database_name)? {
                let Ok(entry) = EntryPath::new(path.strip_prefix(b"/").unwrap_or(&path)) else {
                    continue; // "/."
                };
                let parent = entry
                    .parent()
                    .map(|parent| follow(&self.root, parent.as_path()));
                let Ok(parent) = parent.unwrap_or_else(|| Ok(PathBuf::new())) else {
                    continue;
                };
                let place = parent.join(std::ffi::OsStr::from_bytes(entry.file_name()));
                let stands = self.root.join(&place).symlink_metadata();
                if stands.is_ok_and(|found| !found.is_dir()) {
                    claims.note(by, place, path);
                }
            }
        }
        Ok(claims)
    }

    fn status(&self) -> Result<Deb822> {
        let path = self.path("status");
        let text = fs::read(&path).map_err(io_error(&path))?;
        String::from_utf8_lossy(&text)
            .parse()
            .map_err(|error: deb822_fast::Error| {
                let problem = format!("not a status file: {error}");
                Error::Format {
                    artifact: path.display().to_string(),
                    problem,
                }
            })
    }

    /// What maintainer scripts have diverted until now: three lines each, from, to, by whom.
    pub(crate) fn diversions(&self) -> Result<Diversions> {
        let path = self.path("diversions");
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other.map_err(io_error(&path))?,
        };
        let mut lines = text.split(|byte| *byte == b'\n');
        let mut diversions = BTreeMap::new();
        while let (Some(from), Some(to), Some(by)) = (lines.next(), lines.next(), lines.next()) {
            let by = String::from_utf8_lossy(by).into_owned();
            diversions.insert(from.to_vec(), (to.to_vec(), by));
        }
        Ok(diversions)
    }

    /// A script that sets the owners and modes which scripts have overridden (dpkg-statoverride(1)),
    /// for the files in these lists.
    pub(crate) fn overrides(&self, lists: &[List]) -> Result<String> {
        let path = self.path("statoverride");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other.map_err(io_error(&path))?,
        };
        let mut script = String::new();
        for line in text.lines() {
            let mut fields = line.splitn(4, ' ');
            let (Some(user), Some(group), Some(mode), Some(path)) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            if lists
                .iter()
                .flatten()
                .any(|listed| listed == path.as_bytes())
            {
                let path = quoted(path.trim_start_matches('/').as_bytes());
                // Numbers have a `#` in front.
                let owner = format!("{}:{}", user.replace('#', ""), group.replace('#', ""));
                let owner = quoted(owner.as_bytes()).replacen('/', "", 1);
                let mode = quoted(mode.as_bytes()).replacen('/', "", 1);
                script += &format!("chown {owner} -- {path}\nchmod {mode} -- {path}\n");
            }
        }
        Ok(script)
    }
}

fn lines(list: &List) -> Vec<u8> {
    list.iter()
        .flat_map(|path| path.iter().copied().chain(*b"\n"))
        .collect()
}

fn mode(member: &str) -> u32 {
    if SCRIPTS.contains(&member) {
        0o755
    } else {
        0o644
    }
}

/// Writes a file with exactly this mode.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    fs::write(path, bytes).map_err(io_error(path))?;
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(io_error(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, Database) {
        let root = tempfile::tempdir().unwrap();
        let database = Database::new(root.path());
        database.create().unwrap();
        (root, database)
    }

    #[test]
    fn diversions_and_overrides() {
        let (_root, database) = database();
        let text = "/bin/sh\n/bin/sh.distrib\ndash\n/a\n/b\n:\n";
        fs::write(database.path("diversions"), text).unwrap();
        let diversions = database.diversions().unwrap();
        assert_eq!(
            diversions[&b"/bin/sh"[..]],
            (b"/bin/sh.distrib".to_vec(), "dash".to_owned())
        );
        assert_eq!(diversions[&b"/a"[..]].1, ":");

        let text = "root #42 2755 /usr/bin/a b\nx y 644 /elsewhere\n";
        fs::write(database.path("statoverride"), text).unwrap();
        let script = database
            .overrides(&[vec![b"/usr/bin/a b".to_vec()]])
            .unwrap();
        assert_eq!(
            script,
            "chown 'root:42' -- '/usr/bin/a b'\nchmod '2755' -- '/usr/bin/a b'\n"
        );
    }

    #[test]
    fn states_are_read() {
        let (_root, database) = database();
        let text = "Package: a\nStatus: install ok installed\nVersion: 1\n\n\
                    Package: b\nStatus: install ok triggers-pending\nTriggers-Pending: x\n";
        fs::write(database.path("status"), text).unwrap();
        let known = database.known().unwrap();
        assert_eq!((known[0].name.as_str(), known[0].triggers), ("a", false));
        assert_eq!(
            (known[1].status.as_str(), known[1].triggers),
            ("install ok triggers-pending", true)
        );
    }

    #[test]
    fn unpacked_packages_are_entered() {
        use crate::testing::{Tar, package};
        let (root, database) = database();
        let members = [
            ("conffiles", "/etc/a\nremove-on-upgrade /etc/b\n"),
            ("postinst", "#!x"),
        ];
        let one = package(
            root.path(),
            "one",
            "Replaces: x\n",
            &members,
            Tar::default(),
        );
        let list = vec![b"/.".to_vec(), b"/f".to_vec(), b"/g".to_vec()];
        database.enter(&[&one], &[list]).unwrap();
        let told = |name: &str| fs::read_to_string(database.path(name)).unwrap();
        assert_eq!(
            told("status"),
            "Package: one\nVersion: 1.0\nArchitecture: all\nReplaces: x\n\
             Status: install ok unpacked\nConffiles:\n /etc/a newconffile\n \
             /etc/b newconffile remove-on-upgrade\n\n"
        );
        let mode = |name: &str| {
            fs::metadata(database.path(name))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("info/one.postinst") & 0o777, 0o755);
        assert_eq!(mode("info/one.conffiles") & 0o777, 0o644);
        let loss = Loss {
            database_name: "one".to_owned(),
            path: b"/f".to_vec(),
        };
        database.take_out(&BTreeSet::from([loss])).unwrap();
        assert_eq!(told("info/one.list"), "/.\n/g\n");
    }

    #[test]
    fn what_stands_is_held() {
        use crate::claims::Refused;
        use crate::fixup::Owned;
        let (root, database) = database();
        fs::write(root.path().join("f"), "").unwrap();
        let text = "Package: a\nStatus: install ok installed\nVersion: 1\n";
        fs::write(database.path("status"), text).unwrap();
        fs::write(database.path("info/a.list"), "/.\n/f\n/var\n").unwrap();
        let mut claims = database.claims().unwrap();
        let claimant = |replaces: &str| Claimant {
            artifact: "b 1".to_owned(),
            name: "b".to_owned(),
            version: "1".to_owned(),
            database_name: "b".to_owned(),
            replaces: replaces.to_owned(),
        };
        let (poor, rich) = (claims.add(claimant("")), claims.add(claimant("a")));
        let owned = Owned {
            uid: 0,
            gid: 0,
            mode: None,
            has: 0,
        };
        let claim = |by| claims.file(Path::new("f"), by, b"/f", Some(owned), || Ok(()));
        assert!(matches!(claim(poor), Err(Refused::Held(name)) if name == "a 1"));
        assert!(matches!(claim(rich), Ok(Some(()))));
    }
}
