//! Owners and modes that an ordinary user may not set from outside: noted while packages are
//! unpacked, set inside the sandbox, all of them at once.

use std::{
    collections::BTreeMap,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use sandbox::Sandbox;

use crate::{Error, Result};

/// Paths given to one program at a time: far below what a system takes.
const AT_ONCE: usize = 200;

/// Whose something is, and with what mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owned {
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Permission bits with setuid, setgid and sticky; none for a symbolic link.
    pub(crate) mode: Option<u32>,
    /// The mode that it has got already, root's as it is.
    pub(crate) has: u32,
}

impl Owned {
    /// Whether something is still to be set.
    pub(crate) fn needs_help(&self) -> bool {
        self.uid != 0 || self.gid != 0 || self.mode.is_some_and(|mode| mode != self.has)
    }
}

/// Something whose owner or mode is still to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fixup {
    /// Its path below the root.
    pub(crate) path: PathBuf,
    /// What it is to be.
    pub(crate) owned: Owned,
}

/// Sets them. `more` is a script that runs after.
pub(crate) fn apply(sandbox: &Sandbox, fixups: &[Fixup], more: &str) -> Result<()> {
    let script = script(fixups) + more;
    if script.is_empty() {
        return Ok(());
    }
    // Bare: what is mounted would hide the root's own /tmp, /run and /dev.
    let sandbox = sandbox.clone().bare(true).writable(true);
    sandbox
        .run("/bin/sh", ["-e"], script.as_bytes())
        .map_err(|source| Error::Program {
            step: "setting owners and modes of unpacked files".to_owned(),
            source,
        })?;
    Ok(())
}

/// Owners first, for a change of owner takes setuid and setgid away.
fn script(fixups: &[Fixup]) -> String {
    let mut owners: BTreeMap<(u32, u32), Vec<&Path>> = BTreeMap::new();
    let mut modes: BTreeMap<u32, Vec<&Path>> = BTreeMap::new();
    for Fixup { path, owned } in fixups {
        if owned.uid != 0 || owned.gid != 0 {
            owners.entry((owned.uid, owned.gid)).or_default().push(path);
        }
        if let Some(mode) = owned.mode {
            modes.entry(mode).or_default().push(path);
        }
    }
    let mut script = String::new();
    let mut lines = |command: String, paths: Vec<&Path>| {
        for paths in paths.chunks(AT_ONCE) {
            script += &command;
            for path in paths {
                script.push(' ');
                script += &quoted(path.as_os_str().as_bytes());
            }
            script.push('\n');
        }
    };
    for ((uid, gid), paths) in owners {
        lines(format!("chown -h {uid}:{gid} --"), paths);
    }
    for (mode, paths) in modes {
        lines(format!("chmod {mode:04o} --"), paths);
    }
    script
}

/// A path below the root as a word of sh: absolute, in single quotes. Bytes that are not UTF-8 are
/// written by `printf`, since a script is text here.
pub(crate) fn quoted(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) => format!("'/{}'", text.replace('\'', r"'\''")),
        Err(_) => {
            let octal: String = path.iter().map(|byte| format!("\\{byte:03o}")).collect();
            // The dot keeps newlines at the end, which `$(…)` would take away.
            format!("\"$(p=$(printf '/{octal}.'); printf '%s' \"${{p%.}}\")\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_before_modes() {
        let owned = |uid, mode, has| Owned {
            uid,
            gid: 42,
            mode,
            has,
        };
        let fixup = |path: &str, owned| Fixup {
            path: path.into(),
            owned,
        };
        let text = script(&[
            fixup("usr/bin/it's", owned(0, Some(0o2755), 0o755)),
            fixup("link", owned(7, None, 0)),
        ]);
        assert_eq!(
            text,
            "chown -h 0:42 -- '/usr/bin/it'\\''s'\nchown -h 7:42 -- '/link'\n\
             chmod 2755 -- '/usr/bin/it'\\''s'\n"
        );
    }

    #[test]
    fn odd_names_are_one_word() {
        for name in [&b"a b\n$x`y`\\"[..], b"\xff'\n", b"-n"] {
            let script = format!("printf %s {}", quoted(name));
            let told = std::process::Command::new("sh")
                .args(["-c", &script])
                .output()
                .unwrap();
            let expected = [b"/", name].concat();
            let (ends, expected) = (expected.ends_with(b"\n"), expected);
            // sh itself drops newlines at the end of the outer word only.
            if !ends {
                assert_eq!(told.stdout, expected);
            }
        }
    }
}
