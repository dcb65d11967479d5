//! From what toml and serde say of a damaged lock to file, line, column and what to do about it.

use toml::de::{DeTable, DeValue};

use crate::{
    Error, Problem, Problems, Result, VERSION,
    check::Fault,
    problem::{conflict, nearest},
};

const AGAIN: &str = "run `cargo xtask lock` again, or take the file back from version control";

/// Refuses a file with git's conflict markers, before TOML's own complaint about them.
pub(crate) fn markers(text: &str, name: &str) -> Result<()> {
    match conflict(text) {
        None => Ok(()),
        Some(span) => Err(Error::Malformed(Problems(vec![Problem::new(
            name,
            text,
            span,
            "the lock has an unresolved merge conflict",
            "take either side (`git checkout --ours` or `--theirs`), \
             then run `cargo xtask lock` again",
        )]))),
    }
}

/// The format is not this crate's.
pub(crate) fn version(text: &str, name: &str, found: u32) -> Error {
    let (message, hint) = if found > VERSION {
        (
            format!("lock format {found} is newer than this Strata knows ({VERSION})"),
            "update Strata, or write the lock anew with `cargo xtask lock`",
        )
    } else {
        (
            format!("lock format {found} is not one that Strata has written (it writes {VERSION})"),
            "write the lock anew with `cargo xtask lock`",
        )
    };
    Error::Version {
        problem: Box::new(Problem::new(
            name,
            text,
            locate(text, None, "version"),
            message,
            hint,
        )),
        found,
        known: VERSION,
    }
}

/// What toml or serde refused.
pub(crate) fn malformed(text: &str, name: &str, error: &toml::de::Error) -> Error {
    // A broken text may have more than one wound; what serde says comes alone.
    let (_, broken) = DeTable::parse_recoverable(text);
    let problems = if broken.is_empty() {
        vec![one(text, name, error)]
    } else {
        let mut problems: Vec<_> = broken.iter().map(|error| one(text, name, error)).collect();
        problems.sort();
        // What follows on the same line mostly follows from it.
        problems.dedup_by_key(|problem| problem.line);
        problems
    };
    Error::Malformed(Problems(problems))
}

fn one(text: &str, name: &str, error: &toml::de::Error) -> Problem {
    let message = error.message();
    let mut span = error.span().unwrap_or(0..0);
    let hint = if let Some(rest) = message.strip_prefix("unknown field `") {
        let (word, others) = rest.split_once('`').unwrap_or((rest, ""));
        let known = others.split('`').skip(1).step_by(2);
        match nearest(word, known) {
            Some(near) => format!("did you mean `{near}`? A newer Strata may also know it"),
            None => "remove it, or update Strata if a newer one wrote it".to_owned(),
        }
    } else if let Some(rest) = message.strip_prefix("unknown variant `") {
        let (word, others) = rest.split_once('`').unwrap_or((rest, ""));
        let known = others.split('`').skip(1).step_by(2);
        match nearest(word, known) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => AGAIN.to_owned(),
        }
    } else if message.starts_with("missing field") {
        if span.start == 0 {
            // The document as a whole: its first line says nothing, carets under all of it less.
            span = 0..0;
        }
        format!("the entry is cut or was edited: {AGAIN}")
    } else if message.contains("sha256") {
        format!("a sha256 has 64 digits of 0-9 and a-f: {AGAIN}")
    } else if message.starts_with("invalid value: integer `-") || message.contains("u64") {
        format!("a size is a count of bytes, from 0 up: {AGAIN}")
    } else if span.start >= text.trim_end().len() {
        format!("the file ends too early, it may be cut: {AGAIN}")
    } else if message.starts_with("duplicate key") {
        "two branches may have been merged by hand: run `cargo xtask lock` again".to_owned()
    } else {
        AGAIN.to_owned()
    };
    Problem::new(name, text, span, message, hint)
}

/// Entries that contradict each other, with the places where they stand.
pub(crate) fn faults(text: &str, name: &str, faults: &[Fault]) -> Error {
    let mut problems: Vec<_> = faults
        .iter()
        .map(|fault| {
            let span = locate(text, fault.entry, fault.key);
            Problem::new(name, text, span, fault.message.as_str(), fault.hint)
        })
        .collect();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Error::Malformed(Problems(problems))
}

/// Where a key stands: its value's bytes, or its table's, or the start of the text. `a.b` is key `b` of
/// table `a`.
fn locate(text: &str, entry: Option<(&str, usize)>, key: &str) -> std::ops::Range<usize> {
    let (document, _) = DeTable::parse_recoverable(text);
    let (mut table, mut whole) = match entry {
        None => (Some(document.get_ref()), 0..0),
        Some((array, index)) => {
            let item = document
                .get_ref()
                .get(array)
                .and_then(|value| value.get_ref().as_array())
                .and_then(|array| array.get(index));
            (
                item.and_then(|item| item.get_ref().as_table()),
                item.map_or(0..0, toml::Spanned::span),
            )
        }
    };
    let mut key = key;
    while let Some((outer, inner)) = key.split_once('.') {
        let value = table.and_then(|table| table.get(outer));
        whole = value.map_or(whole, toml::Spanned::span);
        table = value.and_then(|value| value.get_ref().as_table());
        key = inner;
    }
    table
        .and_then(|table| table.get(key))
        .map_or(whole, |value| match value.get_ref() {
            // A list is long; its first line is enough.
            DeValue::Array(_) => value.span().start..value.span().start + 1,
            _ => value.span(),
        })
}
