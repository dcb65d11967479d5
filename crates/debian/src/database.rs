//! dpkg's database below /var/lib/dpkg: what dpkg itself would have written after unpacking.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{Package, Result, error::io, unpack::Diversions};

/// Folder of the database, below the root.
const FOLDER: &str = "var/lib/dpkg";

/// Makes an empty database.
pub(crate) fn create(root: &Path) -> Result<()> {
    let folder = root.join(FOLDER);
    for name in ["info", "triggers", "updates", "alternatives", "parts"] {
        let path = folder.join(name);
        fs::create_dir_all(&path).map_err(io(&path))?;
    }
    for (name, text) in [("status", ""), ("available", ""), ("info/format", "1\n")] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(io(&path))?;
    }
    Ok(())
}

/// Writes what dpkg keeps of a package's control archive, before its preinst runs.
pub(crate) fn add_control(root: &Path, package: &Package) -> Result<()> {
    for (member, bytes) in &package.members {
        if member == "conffiles" && package.conffiles().is_empty() {
            continue;
        }
        let path = info(root, package, member);
        fs::write(&path, bytes).map_err(io(&path))?;
        let script =
            ["preinst", "postinst", "prerm", "postrm", "config"].contains(&member.as_str());
        let mode = if script { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(io(&path))?;
    }
    Ok(())
}

fn info(root: &Path, package: &Package, member: &str) -> PathBuf {
    root.join(FOLDER)
        .join("info")
        .join(format!("{}.{member}", package.database_name()))
}

/// Writes the list of a package's files.
pub(crate) fn add_list(root: &Path, package: &Package, list: &[Vec<u8>]) -> Result<()> {
    let path = info(root, package, "list");
    let mut text = list.join(&b'\n');
    text.push(b'\n');
    fs::write(&path, text).map_err(io(&path))
}

/// Adds a package to the status file as unpacked. dpkg sorts and rewrites the file itself.
pub(crate) fn add_status(root: &Path, package: &Package) -> Result<()> {
    let mut text = String::new();
    for line in package.control.lines() {
        text.push_str(line);
        text.push('\n');
        if line.starts_with("Package:") {
            text.push_str("Status: install ok unpacked\n");
        }
    }
    let conffiles = package.conffiles();
    if !conffiles.is_empty() {
        text.push_str("Conffiles:\n");
        for path in conffiles {
            text.push_str(&format!(" {path} newconffile\n"));
        }
    }
    text.push('\n');
    let path = root.join(FOLDER).join("status");
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .map_err(io(&path))?;
    file.write_all(text.as_bytes()).map_err(io(&path))
}

/// What packages are interested in (deb-triggers(5)).
#[derive(Debug, Default)]
pub(crate) struct Triggers {
    /// Folder or file, and who waits: `libc-bin/noawait`.
    files: Vec<(String, String)>,
    names: BTreeMap<String, Vec<String>>,
}

impl Triggers {
    pub(crate) fn add(&mut self, package: &Package) {
        for line in package.lines("triggers") {
            let mut words = line.split_whitespace();
            let (Some(directive), Some(trigger)) = (words.next(), words.next()) else {
                continue;
            };
            let Some(rest) = directive.strip_prefix("interest") else {
                continue;
            };
            let suffix = if rest == "-noawait" { "/noawait" } else { "" };
            let who = format!("{}{suffix}", package.database_name());
            if trigger.starts_with('/') {
                self.files.push((trigger.to_owned(), who));
            } else {
                self.names.entry(trigger.to_owned()).or_default().push(who);
            }
        }
    }

    /// Writes the interests as dpkg keeps them.
    pub(crate) fn write(&self, root: &Path) -> Result<()> {
        let folder = root.join(FOLDER).join("triggers");
        let text: String = self
            .files
            .iter()
            .map(|(trigger, who)| format!("{trigger} {who}\n"))
            .collect();
        let path = folder.join("File");
        fs::write(&path, text).map_err(io(&path))?;
        for (name, who) in &self.names {
            let path = folder.join(name);
            fs::write(&path, who.join("\n") + "\n").map_err(io(&path))?;
        }
        Ok(())
    }

    /// Notes that files were unpacked where somebody is interested, for dpkg to pass on.
    pub(crate) fn fire<'p>(
        &self,
        root: &Path,
        unpacked: impl Iterator<Item = &'p [u8]>,
    ) -> Result<()> {
        let mut fired = std::collections::BTreeSet::new();
        for path in unpacked {
            for (trigger, _) in &self.files {
                let below = path.strip_prefix(trigger.as_bytes());
                if below.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")) {
                    fired.insert(trigger.as_str());
                }
            }
        }
        if fired.is_empty() {
            return Ok(());
        }
        let text: String = fired
            .iter()
            .map(|trigger| format!("{trigger} -\n"))
            .collect();
        let path = root.join(FOLDER).join("triggers/Unincorp");
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(io(&path))?;
        file.write_all(text.as_bytes()).map_err(io(&path))
    }
}

/// The diversions that preinst scripts have asked for: three lines each.
pub(crate) fn diversions(root: &Path) -> Result<Diversions> {
    let path = root.join(FOLDER).join("diversions");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Diversions::new()),
        Err(error) => return Err(io(&path)(error)),
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut diversions = Diversions::new();
    for three in lines.chunks_exact(3) {
        let [from, to, by] = [three[0], three[1], three[2]];
        diversions.insert(from.into(), (to.into(), by.to_owned()));
    }
    Ok(diversions)
}
