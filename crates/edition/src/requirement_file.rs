//! pip's requirement files: comments, continuation, `-r`, `-c`, markers; hashes are passed over, since
//! the lock has its own.

use std::{
    io,
    path::{Path, PathBuf},
};

use lock::Problem;

use crate::{Requirement, Spanned, reader::Reader};

/// What a requirement file and those that it names come to.
#[derive(Default)]
pub(crate) struct Found {
    pub requirements: Vec<Spanned<Requirement>>,
    pub constraints: Vec<Spanned<Requirement>>,
    pub problems: Vec<Problem>,
    /// Files that are being read, outermost first: a file that names itself is an error.
    stack: Vec<PathBuf>,
}

impl Found {
    /// Reads `path`; `limits`: its lines are limits (`-c`). `listed_in` is what the edition calls the
    /// outermost file.
    pub fn read(&mut self, path: &Path, limits: bool, listed_in: &str) -> io::Result<()> {
        let text = std::fs::read_to_string(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let shown = path.display().to_string();
        let mut reader = Reader::new(&shown, &text, Some(folder));
        // A path may be written in several ways.
        self.stack.push(path.canonicalize()?);
        for (start, end, line) in logical_lines(&text) {
            let span = start..end;
            if let Some((flag, target)) = option(&line) {
                let limits = match flag {
                    "-r" | "--requirement" => limits,
                    "-c" | "--constraint" => true,
                    _ => {
                        reader.problem(span, format!("{flag} means nothing here"), hint(flag));
                        continue;
                    }
                };
                let next = folder.join(target);
                if next
                    .canonicalize()
                    .is_ok_and(|next| self.stack.contains(&next))
                {
                    reader.problem(
                        span,
                        format!("{target} names this file again"),
                        "break the circle: leave one of the lines out",
                    );
                } else if let Err(error) = self.read(&next, limits, listed_in) {
                    reader.problem(
                        span,
                        format!("cannot read {}: {error}", next.display()),
                        "the path is relative to this file",
                    );
                }
                continue;
            }
            let line = line.split(" --hash").next().unwrap_or(&line).trim();
            let parsed = if limits {
                Requirement::parse_limit(line)
            } else {
                Requirement::parse(line)
            };
            match parsed {
                Ok(mut requirement) => {
                    requirement.listed_in = Some(listed_in.to_owned());
                    if let crate::RequirementFrom::File(path) = &mut requirement.from {
                        *path = folder.join(&*path);
                        if !path.exists() {
                            let message = format!("{} is not there", path.display());
                            reader.problem(
                                span.clone(),
                                message,
                                "the path is relative to this file",
                            );
                        }
                    }
                    let requirement = reader.spanned(requirement, &span);
                    if limits {
                        self.constraints.push(requirement);
                    } else {
                        self.requirements.push(requirement);
                    }
                }
                Err((message, hint)) => reader.problem(span, message, hint),
            }
        }
        self.problems.append(&mut reader.problems);
        self.stack.pop();
        Ok(())
    }
}

/// Lines joined over `\`, without comments: start and end in bytes, and what remains.
fn logical_lines(text: &str) -> Vec<(usize, usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut at = 0;
    for raw in text.split_inclusive('\n') {
        let body = raw.trim_end_matches(['\n', '\r']);
        let end = at + body.trim_end().len();
        let (body, goes_on) = match body.strip_suffix('\\') {
            Some(body) => (body, true),
            None => (body, false),
        };
        let body = without_comment(body);
        let start = at + (body.len() - body.trim_start().len());
        let (start, mut joined) = open.take().unwrap_or((start, String::new()));
        if !joined.is_empty() && !body.trim().is_empty() {
            joined.push(' ');
        }
        joined.push_str(body.trim());
        if goes_on {
            open = Some((start, joined));
        } else if !joined.is_empty() {
            lines.push((start, end.max(start), joined));
        }
        at += raw.len();
    }
    if let Some((start, joined)) = open
        && !joined.is_empty()
    {
        lines.push((start, text.len(), joined));
    }
    lines
}

/// pip's rule: a `#` at the start, or after white space.
fn without_comment(line: &str) -> &str {
    let mut blank = true;
    for (at, c) in line.char_indices() {
        if c == '#' && blank {
            return &line[..at];
        }
        blank = c.is_whitespace();
    }
    line
}

fn option(line: &str) -> Option<(&str, &str)> {
    if !line.starts_with('-') {
        return None;
    }
    let end = line
        .find(|c: char| c.is_whitespace() || c == '=')
        .unwrap_or(line.len());
    // `-rfile` is pip's short form.
    let end = if !line.starts_with("--") && line.is_char_boundary(2.min(line.len())) {
        end.min(2)
    } else {
        end
    };
    let target = line[end..].trim_start_matches('=').trim();
    Some((&line[..end], target))
}

fn hint(flag: &str) -> &'static str {
    match flag {
        "-i" | "--index-url" | "--extra-index-url" | "-f" | "--find-links" => {
            "name an index and its packages in the edition: [index.NAME]"
        }
        "-e" | "--editable" => "name the repository: NAME @ git+https://…@COMMIT",
        "--no-binary" => "name the package in the edition: `from-source` in [python]",
        _ => "leave the option out; only -r, -c and --hash are known",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_comments_and_continuations() {
        let text = "# head\n a>=1 # tail\r\nb#c\nd \\\n  ==2 \\\n --hash=sha256:00\n\n-rx.txt";
        let lines: Vec<_> = logical_lines(text).into_iter().map(|line| line.2).collect();
        assert_eq!(lines, ["a>=1", "b#c", "d ==2 --hash=sha256:00", "-rx.txt"]);
        assert_eq!(option("-rx.txt"), Some(("-r", "x.txt")));
        assert_eq!(
            option("--requirement=x.txt"),
            Some(("--requirement", "x.txt"))
        );
        assert_eq!(option("-"), Some(("-", "")));
    }
}
