//! Scripts whose interpreter, and programs whose loader, is not in the image.

use std::collections::BTreeMap;

use crate::{Class, Finding, Severity, elf::Elf, libraries::is_program, view::View};

/// Checks all scripts, by path with their first lines, and all programs. `started` is what the image's
/// config starts: entrypoint, command, health check.
pub(crate) fn check<'i>(
    view: &View,
    scripts: impl Iterator<Item = (&'i str, &'i String)>,
    elf: &BTreeMap<&str, &Elf>,
    search_path: &str,
    started: &[String],
) -> Vec<Finding> {
    let folders: Vec<&str> = search_path
        .split(':')
        .filter(|one| one.starts_with('/'))
        .collect();
    let started: Vec<String> = started
        .iter()
        .filter_map(|path| view.resolve(path))
        .collect();
    let is_command = |path: &str| {
        if started.iter().any(|one| one == path) {
            return true;
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        folders
            .iter()
            .any(|one| view.resolve(one).is_some_and(|real| real == folder))
    };
    // What is missing, for whom, and how it is told.
    let mut missing: BTreeMap<(Severity, String, String), Vec<String>> = BTreeMap::new();
    let mut push = |path: &str, wanted: String| {
        let severity = match is_command(path) {
            true => Severity::Error,
            // Modules of packages: they are imported, whatever their first line says.
            false if path.ends_with(".py") && path.contains("-packages/") => Severity::Note,
            false => Severity::Warning,
        };
        let key = (severity, view.artifact(path), wanted);
        missing.entry(key).or_default().push(format!("/{path}"));
    };
    for (path, line) in scripts {
        if let Some(wanted) = lacking(view, line, &folders) {
            push(path, wanted);
        }
    }
    for (path, file) in elf {
        if let Some(loader) = &file.interpreter
            && is_program(view, path, file)
            && !view.is_executable(loader)
        {
            push(path, format!("{loader} (the program's loader)"));
        }
    }
    let finding =
        |((severity, artifact, wanted), paths): ((Severity, String, String), Vec<String>)| {
            let who = match paths.as_slice() {
                [one] => format!("{one} wants"),
                many => format!("{} files want", many.len()),
            };
            Finding {
                class: Class::Interpreters,
                severity,
                artifact,
                what: format!("{who} {wanted}, which is not in the image"),
                hint: match severity {
                    Severity::Error => {
                        "it is a command and cannot be started: add what it wants to the edition"
                    }
                    _ => "matters only if something starts it by its path",
                }
                .to_owned(),
                paths,
            }
        };
    missing.into_iter().map(finding).collect()
}

/// What a script's first line names and the image lacks.
fn lacking(view: &View, line: &str, folders: &[&str]) -> Option<String> {
    let mut words = line.split_ascii_whitespace();
    let program = words.next()?;
    if !view.is_executable(program) {
        return Some(program.to_owned());
    }
    if program.rsplit('/').next() != Some("env") {
        return None;
    }
    // `env -S x y`, `env -i A=1 x`: the first word that is neither an option nor a variable.
    let wanted = words
        .map(|word| word.strip_prefix("-S").unwrap_or(word))
        .find(|word| !word.is_empty() && !word.starts_with('-') && !word.contains('='))?;
    let found = match wanted.contains('/') {
        true => view.is_executable(wanted),
        false => folders
            .iter()
            .any(|folder| view.is_executable(&format!("{folder}/{wanted}"))),
    };
    (!found).then(|| format!("{wanted} (through env)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::made_up;

    #[test]
    fn first_lines_of_all_kinds() {
        let view = made_up(&[&[
            "usr/",
            "usr/bin/",
            "usr/bin/env",
            "usr/bin/bash",
            "usr/bin/python3 -> bash",
            "bin -> usr/bin",
            "usr/local/",
            "usr/local/bin/",
            "usr/local/bin/own",
            "usr/bin/a",
            "opt/",
            "opt/b",
            "opt/c",
            "opt/site-packages/",
            "opt/site-packages/m.py",
        ]]);
        let folders = ["/usr/local/bin", "/bin"];
        let lacking = |line: &str| lacking(&view, line, &folders);
        for fine in [
            "/bin/bash -e",
            "/usr/bin/env python3",
            "/usr/bin/env -S own -x",
            "/usr/bin/env -Sown",
            "/usr/bin/env -i A=1 bash",
            "/usr/bin/env /bin/bash",
            "",
            "/usr/bin/env",
        ] {
            assert_eq!(lacking(fine), None, "{fine}");
        }
        assert_eq!(lacking("/bin/csh").as_deref(), Some("/bin/csh"));
        assert_eq!(
            lacking("python3").as_deref(),
            Some("python3"),
            "a relative path"
        );
        assert_eq!(
            lacking("/usr/bin/env python").as_deref(),
            Some("python (through env)")
        );
        assert_eq!(lacking("/usr").as_deref(), Some("/usr"), "a folder");

        let program = Elf {
            interpreter: Some("/lib/ld-musl.so.1".to_owned()),
            ..Elf::default()
        };
        let scripts = [
            ("usr/bin/a", "/bin/csh".to_owned()),
            ("opt/b", "/bin/csh".to_owned()),
            ("opt/c", "/bin/none".to_owned()),
            ("opt/site-packages/m.py", "/bin/csh".to_owned()),
        ];
        let found = check(
            &view,
            scripts.iter().map(|(path, line)| (*path, line)),
            &BTreeMap::from([("usr/local/bin/own", &program)]),
            "/usr/local/bin:/bin",
            &["/opt/c".to_owned()],
        );
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.severity, one.paths[0].as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Severity::Error, "/usr/bin/a"),
                (Severity::Error, "/opt/c"),
                (Severity::Error, "/usr/local/bin/own"),
                (Severity::Warning, "/opt/b"),
                (Severity::Note, "/opt/site-packages/m.py"),
            ]
        );
    }
}
