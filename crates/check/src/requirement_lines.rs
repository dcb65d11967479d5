//! Requirement lines of ComfyUI and its nodes: requirements.txt as pip reads it, and the dependencies in
//! pyproject.toml. The nodes' own files are read here, not an edition's: what cannot be read is passed
//! on as that, and stops nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::distributions::join;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// File and line, relative to the tree: `requirements.txt:3`.
    pub place: String,
    /// The requirement, without comments and options; or what is not one.
    pub text: String,
    /// Why it is no requirement that can be judged.
    pub unread: Option<&'static str>,
}

/// The lines of the tree in `folder`.
pub(crate) fn of_tree(folder: &str, texts: &BTreeMap<&str, &str>) -> Vec<Line> {
    let mut lines = Vec::new();
    of_file(
        folder,
        "requirements.txt",
        texts,
        &mut lines,
        &mut BTreeSet::new(),
    );
    let project = "pyproject.toml";
    if let Some(text) = texts.get(format!("{folder}/{project}").as_str()) {
        of_project(project, text, &mut lines);
    }
    // Most nodes say the same in both.
    let mut seen = BTreeSet::new();
    let squeezed = |text: &str| text.split_whitespace().collect::<String>().to_lowercase();
    lines.retain(|line| seen.insert(squeezed(&line.text)));
    lines
}

/// The lines of a file and of those that it names, each file once; `false` where it is not there.
fn of_file(
    folder: &str,
    name: &str,
    texts: &BTreeMap<&str, &str>,
    out: &mut Vec<Line>,
    seen: &mut BTreeSet<String>,
) -> bool {
    let path = join(folder, name);
    let Some(text) = texts.get(path.as_str()) else {
        return false;
    };
    if !seen.insert(path) {
        return true;
    }
    for (number, line) in logical_lines(text) {
        let place = format!("{name}:{number}");
        let mut push = |text: &str, unread| {
            let (place, text) = (place.clone(), text.to_owned());
            out.push(Line {
                place,
                text,
                unread,
            });
        };
        let included = ["--requirement", "-r"]
            .iter()
            .find_map(|flag| line.strip_prefix(flag));
        if let Some(target) = included {
            let target = target.trim_start_matches('=').trim();
            // Relative to the file that names it.
            let beside = name.rsplit_once('/').map_or("", |(beside, _)| beside);
            let target = join(beside, target);
            if !of_file(folder, &target, texts, out, seen) {
                let unread = Some("the file that it names is not in the image");
                let text = line.clone();
                out.push(Line {
                    place,
                    text,
                    unread,
                });
            }
            continue;
        }
        let editable = ["--editable", "-e"]
            .iter()
            .find_map(|flag| line.strip_prefix(flag));
        let line = editable.unwrap_or(&line).trim_start_matches('=').trim();
        if line.starts_with('-') {
            continue; // where pip looks, and limits: they ask for nothing
        }
        let line = line.split(" --").next().unwrap_or(line).trim();
        let address = line.contains("://") && !line.contains('@')
            || line.starts_with("git+")
            || line.starts_with("http");
        match line.split_once("#egg=") {
            _ if line.contains("${") => push(line, Some("it has a variable in it")),
            Some((_, egg)) if address => push(egg.split('&').next().unwrap_or(egg), None),
            None if address => push(line, Some("it names an address and no package")),
            _ if line.starts_with(['.', '/']) => push(line, Some("it names a path and no package")),
            _ => push(line, None),
        }
    }
    true
}

fn of_project(name: &str, text: &str, out: &mut Vec<Line>) {
    let Ok(table) = text.parse::<toml::Table>() else {
        out.push(Line {
            place: name.to_owned(),
            text: name.to_owned(),
            unread: Some("it is no TOML"),
        });
        return;
    };
    let listed = table
        .get("project")
        .and_then(|project| project.get("dependencies"));
    for one in listed.and_then(toml::Value::as_array).into_iter().flatten() {
        if let Some(text) = one.as_str() {
            out.push(Line {
                place: name.to_owned(),
                text: text.trim().to_owned(),
                unread: None,
            });
        }
    }
}

/// Lines with their numbers, joined over `\`, without comments.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let line = without_comment(line).trim();
        let (line, more) = match line.strip_suffix('\\') {
            Some(line) => (line.trim_end(), true),
            None => (line, false),
        };
        match lines.last_mut().filter(|_| goes_on) {
            Some((_, open)) => *open = format!("{open} {line}"),
            None => lines.push((number, line.to_owned())),
        }
        goes_on = more;
    }
    lines.retain(|(_, line)| !line.is_empty());
    lines
}

/// pip's rule: a `#` at the start, or after white space.
fn without_comment(line: &str) -> &str {
    let mut blank = true;
    for (at, letter) in line.char_indices() {
        if letter == '#' && blank {
            return &line[..at];
        }
        blank = letter.is_whitespace();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_as_nodes_write_them() {
        let texts = BTreeMap::from([
            (
                "n/requirements.txt",
                "\u{feff}# head\nnumpy>=1.25 # why\n\nOpenCV-python\\\n  ==4\n--extra-index-url https://x\n\
                 git+https://h/a.git\ngit+https://h/b.git#egg=b\n-r more/extra.txt\n-r gone.txt\n./local.whl\n\
                 c @ https://h/c.whl\nd --hash=sha256:0\n-e git+https://h/e.git#egg=e&x=1\n",
            ),
            ("n/more/extra.txt", "kornia\n-r ../requirements.txt\n"),
            (
                "n/pyproject.toml",
                "[project]\ndependencies = [\"NumPy >= 1.25\", \"scipy\"]\n",
            ),
        ]);
        let lines = of_tree("n", &texts);
        let of = |read: bool| -> Vec<(&str, &str)> {
            let lines = lines.iter().filter(|line| line.unread.is_none() == read);
            lines
                .map(|line| (line.place.as_str(), line.text.as_str()))
                .collect()
        };
        assert_eq!(
            of(true),
            [
                ("requirements.txt:2", "numpy>=1.25"),
                ("requirements.txt:4", "OpenCV-python ==4"),
                ("requirements.txt:8", "b"),
                ("more/extra.txt:1", "kornia"),
                ("requirements.txt:12", "c @ https://h/c.whl"),
                ("requirements.txt:13", "d"),
                ("requirements.txt:14", "e"),
                ("pyproject.toml", "scipy"),
            ]
        );
        let texts: Vec<&str> = of(false).iter().map(|(_, text)| *text).collect();
        assert_eq!(texts, ["git+https://h/a.git", "-r gone.txt", "./local.whl"]);
        let broken = BTreeMap::from([("n/pyproject.toml", "[project")]);
        assert!(of_tree("n", &broken)[0].unread.is_some());
    }
}
