//! Entry points as scripts (PyPA "Entry points specification"), with the text that pip writes.

use crate::{Error, Result};

/// The scripts of `entry_points.txt`: name and Python text, in the order of the file.
///
/// pip's own scripts are named after the interpreter, as pip does when it installs itself.
pub(crate) fn scripts(
    text: &str,
    interpreter: &str,
    python: &str,
) -> Result<Vec<(String, String)>> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut wanted = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            wanted = matches!(section.trim(), "console_scripts" | "gui_scripts");
            continue;
        }
        if !wanted {
            continue;
        }
        let bad = |problem: &str| Error::Line {
            file: "entry_points.txt".to_owned(),
            line: at + 1,
            problem: problem.to_owned(),
        };
        let (name, target) = line
            .split_once('=')
            .ok_or_else(|| bad("expected name = module:attribute"))?;
        let (name, target) = (
            name.trim(),
            target.split('[').next().unwrap_or_default().trim(),
        );
        let (module, attribute) = target
            .split_once(':')
            .ok_or_else(|| bad("expected module:attribute after ="))?;
        let (module, attribute) = (module.trim(), attribute.trim());
        let dotted = |text: &str| {
            text.split('.').all(|part| {
                !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_')
            })
        };
        if name.is_empty() || name.contains('/') || !dotted(module) || !dotted(attribute) {
            return Err(bad("not a name, a module and an attribute"));
        }
        found.push((name.to_owned(), script(interpreter, module, attribute)));
    }
    Ok(for_pip(found, python))
}

fn script(interpreter: &str, module: &str, attribute: &str) -> String {
    let import = attribute.split('.').next().unwrap_or(attribute);
    format!(
        "#!{interpreter}\nimport sys\nfrom {module} import {import}\n\
         if __name__ == '__main__':\n    \
         sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit({attribute}())\n"
    )
}

fn for_pip(scripts: Vec<(String, String)>, python: &str) -> Vec<(String, String)> {
    let Some((_, text)) = scripts.iter().find(|(name, _)| name == "pip").cloned() else {
        return scripts;
    };
    let mut numbers = python.split('.');
    let major = numbers.next().unwrap_or_default();
    let minor = numbers.next().unwrap_or_default();
    let own = |name: &str| {
        name.strip_prefix("pip")
            .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
    };
    let named = [
        format!("pip{major}"),
        format!("pip{major}.{minor}"),
        "pip".to_owned(),
    ];
    let others = scripts.into_iter().filter(|(name, _)| !own(name));
    others
        .chain(named.into_iter().map(|name| (name, text.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_extras_and_dots() {
        let text = "[other]\nx = y\n[console_scripts]\n# no\na = m.n:f.g [extra]\n\
                    [gui_scripts]\nb=m:f\n";
        let scripts = scripts(text, "/usr/bin/python3.14", "3.14.8").unwrap();
        let names: Vec<_> = scripts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(
            scripts[0]
                .1
                .starts_with("#!/usr/bin/python3.14\nimport sys\nfrom m.n import f\n")
        );
        assert!(scripts[0].1.ends_with("    sys.exit(f.g())\n"));
    }

    #[test]
    fn pip_is_named_after_the_interpreter() {
        let text = "[console_scripts]\npip = pip._internal.cli.main:main\npip3 = a:b\n";
        let names: Vec<_> = scripts(text, "/p", "3.14.8")
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["pip3", "pip3.14", "pip"]);
    }

    #[test]
    fn what_is_not_an_entry_point_names_its_line() {
        for bad in ["a", "a = m", "a = m:f()", "a/b = m:f", "a = m:import os"] {
            let text = format!("[console_scripts]\n{bad}\n");
            let error = scripts(&text, "/p", "3.14").unwrap_err().to_string();
            assert!(
                error.starts_with("entry_points.txt, line 2"),
                "{bad}: {error}"
            );
        }
    }
}
