//! Triggers (deb-triggers(5)): who is interested in what, and what the unpacking of a round sets off.
//! dpkg would note both while it unpacks; it acts on them when it configures.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
};

use crate::{
    Package, Result,
    database::{Database, write},
    error::io as io_error,
    unpack::List,
};

/// One line of a package's `triggers` member.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Directive {
    Interest { name: String, wait: bool },
    Activate { name: String },
}

/// Notes the interests of newly unpacked packages, and sets off whatever is set off by them.
pub(crate) fn note(database: &Database, packages: &[&Package], lists: &[List]) -> Result<()> {
    let mut files = read(database, "triggers/File")?;
    let mut named: BTreeMap<String, String> = BTreeMap::new();
    let mut activated: BTreeSet<String> = BTreeSet::new();
    for package in packages {
        let text = String::from_utf8_lossy(package.member("triggers")).into_owned();
        for directive in directives(&text) {
            match directive {
                Directive::Activate { name } => {
                    activated.insert(name);
                }
                Directive::Interest { name, wait } => {
                    let mode = if wait { "" } else { "/noawait" };
                    let who = format!("{}{mode}", package.database_name());
                    if name.starts_with('/') {
                        files += &format!("{name} {who}\n");
                    } else {
                        named.entry(name).or_default().push_str(&format!("{who}\n"));
                    }
                }
            }
        }
    }
    for (name, who) in named {
        let path = format!("triggers/{name}");
        let all = read(database, &path)? + &who;
        write(&database.path(&path), all.as_bytes(), 0o644)?;
    }
    if !files.is_empty() {
        write(&database.path("triggers/File"), files.as_bytes(), 0o644)?;
    }

    let watched: BTreeSet<&[u8]> = files
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::as_bytes)
        .collect();
    let mut set_off: BTreeSet<String> = activated
        .into_iter()
        .filter(|name| name.starts_with('/') || database.path(&format!("triggers/{name}")).exists())
        .collect();
    for path in lists.iter().flatten() {
        // The path itself, and every folder that it lies in.
        let slashes = (1..path.len())
            .filter(|at| path[*at] == b'/')
            .map(|at| &path[..at]);
        for part in slashes.chain([path.as_slice()]) {
            if watched.contains(part) {
                set_off.insert(String::from_utf8_lossy(part).into_owned());
            }
        }
    }
    if set_off.is_empty() {
        return Ok(());
    }
    let pending = read(database, "triggers/Unincorp")?;
    // The dash: nobody waits for it, since all are processed before the round ends.
    let more: String = set_off.iter().map(|name| format!("{name} -\n")).collect();
    write(
        &database.path("triggers/Unincorp"),
        (pending + &more).as_bytes(),
        0o644,
    )
}

fn read(database: &Database, name: &str) -> Result<String> {
    let path = database.path(name);
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other.map_err(io_error(path)),
    }
}

fn directives(text: &str) -> Vec<Directive> {
    text.lines()
        .filter_map(|line| {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let (directive, name) = (words.next()?, words.next()?.to_owned());
            // A name is a path or one word: it becomes a file's name.
            if name.contains('/') && (!name.starts_with('/') || name.contains("/../")) {
                return None;
            }
            match directive {
                "interest" | "interest-await" => Some(Directive::Interest { name, wait: true }),
                "interest-noawait" => Some(Directive::Interest { name, wait: false }),
                "activate" | "activate-await" | "activate-noawait" => {
                    Some(Directive::Activate { name })
                }
                _ => None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read() {
        let text = "# comment\ninterest-noawait /usr/share/mime\ninterest ldconfig # x\n\
                    activate-noawait update-ca\n\nodd thing\ninterest ../../etc/x\n";
        assert_eq!(
            directives(text),
            [
                Directive::Interest {
                    name: "/usr/share/mime".into(),
                    wait: false
                },
                Directive::Interest {
                    name: "ldconfig".into(),
                    wait: true
                },
                Directive::Activate {
                    name: "update-ca".into()
                },
            ]
        );
    }

    #[test]
    fn interests_are_noted_and_set_off() {
        use crate::testing::{Tar, package};
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(&folder.path().join("root"));
        std::fs::create_dir(folder.path().join("root")).unwrap();
        database.create().unwrap();
        let text = "interest-noawait /usr/share/mime\ninterest ldconfig\n";
        let same = "Multi-Arch: same\n";
        let one = package(
            folder.path(),
            "one",
            same,
            &[("triggers", text)],
            Tar::default(),
        );
        note(&database, &[&one], &[vec![b"/usr/share".to_vec()]]).unwrap();
        let told = |name: &str| std::fs::read_to_string(database.path(name)).unwrap_or_default();
        assert_eq!(told("triggers/File"), "/usr/share/mime one:all/noawait\n");
        assert_eq!(told("triggers/ldconfig"), "one:all\n");
        assert_eq!(told("triggers/Unincorp"), "");

        let text = "activate-noawait ldconfig\nactivate nobody\n";
        let two = package(
            folder.path(),
            "two",
            "",
            &[("triggers", text)],
            Tar::default(),
        );
        note(&database, &[&two], &[vec![b"/usr/share/mime/x/y".to_vec()]]).unwrap();
        assert_eq!(told("triggers/Unincorp"), "/usr/share/mime -\nldconfig -\n");
    }
}
