//! The shape of a file against the table of keys: syntax, unknown keys, wrong types.

use lock::{LayerName, nearest};
use toml::{
    Spanned as At,
    de::{DeTable, DeValue},
};

use crate::{
    keys::{EDITION, Key, Kind, Table},
    reader::Reader,
};

/// Parses the text and reports all that is wrong with its shape. The document is best effort when
/// anything was reported.
pub(crate) fn parse<'a>(reader: &mut Reader<'a>) -> DeTable<'a> {
    let (document, errors) = DeTable::parse_recoverable(reader.text);
    if let Some(span) = lock::conflict(reader.text) {
        reader.problem(
            span,
            "the edition has an unresolved merge conflict",
            "join the two sides by hand, then run `cargo xtask lock`",
        );
        return document.into_inner();
    }
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        reader.problem(span, error.message(), syntax_hint(error.message()));
    }
    // What follows on the same line mostly follows from it.
    reader.problems.sort();
    reader.problems.dedup_by_key(|problem| problem.line);
    // After a syntax error the tree is guesswork; what else is wrong would be guesswork too.
    if errors.is_empty() {
        table(reader, document.get_ref(), &EDITION, EDITION.title);
    }
    document.into_inner()
}

fn syntax_hint(message: &str) -> &'static str {
    if message.contains("must be quoted") || message.contains("invalid boolean") {
        "write strings in quotes: \"like this\""
    } else if message.starts_with("duplicate key") {
        "keep one of the two, or join their lists"
    } else if message.contains("unclosed array") {
        "a list ends with ], and its items are separated by commas"
    } else if message.contains("unquoted key") {
        "a key has letters a-z, digits, - and _; anything else stands in quotes"
    } else if message.contains("missing comma") {
        "put a comma after the item before"
    } else if message.contains("string") {
        "a string ends with the quote that it starts with, on the same line"
    } else if message.contains("table") {
        "a table's line is [name], a list of tables' is [[name]]"
    } else {
        "an edition is TOML: `key = value`, strings in quotes, lists in [ ]; see docs/editions.md"
    }
}

fn table(reader: &mut Reader<'_>, table: &DeTable<'_>, known: &Table, title: &str) {
    for (name, value) in table.iter() {
        match known
            .keys
            .iter()
            .find(|key| key.name == name.get_ref().as_ref())
        {
            Some(key) => shape(reader, key, name, value, title),
            None => unknown(reader, name, known, title),
        }
    }
}

fn unknown(reader: &mut Reader<'_>, name: &At<impl AsRef<str>>, known: &Table, title: &str) {
    let word = name.get_ref().as_ref();
    let names = || known.keys.iter().map(|key| key.name);
    let hint = match nearest(word, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => match crate::keys::TABLES
            .iter()
            .find(|table| table.keys.iter().any(|key| key.name == word))
        {
            Some(table) => format!("`{word}` belongs into {}", table.title),
            None => format!(
                "the keys here are {}",
                names().collect::<Vec<_>>().join(", ")
            ),
        },
    };
    reader.problem(
        name.span(),
        format!("unknown key `{word}` in {title}"),
        hint,
    );
}

fn shape(
    reader: &mut Reader<'_>,
    key: &Key,
    name: &At<impl AsRef<str>>,
    value: &At<DeValue<'_>>,
    title: &str,
) {
    let span = || match value.get_ref() {
        // A table's own span may be the header of another; its key is what was written.
        DeValue::Table(_) => name.span(),
        _ => value.span(),
    };
    let below = |part: &str| {
        if title == EDITION.title {
            part.to_owned()
        } else {
            format!("{}.{part}", title.trim_matches(['[', ']']))
        }
    };
    match (&key.kind, value.get_ref()) {
        (Kind::Text, DeValue::String(_))
        | (Kind::Flag, DeValue::Boolean(_))
        | (Kind::Time, DeValue::String(_) | DeValue::Datetime(_)) => {}
        (Kind::Choice(choices), DeValue::String(text)) => {
            if !choices.contains(&text.as_ref()) {
                let hint = match nearest(text, choices.iter().copied()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("write one of {}", quoted(choices)),
                };
                reader.problem(
                    value.span(),
                    format!(
                        "`{}` in {title}: {text:?} is none of {}",
                        key.name,
                        quoted(choices)
                    ),
                    hint,
                );
            }
        }
        (Kind::Texts, DeValue::Array(items)) => {
            for item in items.iter().filter(|item| !item.get_ref().is_str()) {
                reader.problem(
                    item.span(),
                    format!(
                        "`{}` in {title} is a list of strings, found {}",
                        key.name,
                        noun(item.get_ref())
                    ),
                    "write each item in quotes: \"like this\"",
                );
            }
        }
        (Kind::TextMap, DeValue::Table(map)) => {
            for (name, item) in map.iter().filter(|(_, item)| !item.get_ref().is_str()) {
                reader.problem(
                    item.span(),
                    format!(
                        "{} is a string, found {}",
                        name.get_ref(),
                        noun(item.get_ref())
                    ),
                    "write the value in quotes: \"like this\"",
                );
            }
        }
        (Kind::Table(known), DeValue::Table(inner)) => {
            table(reader, inner, known, &format!("[{}]", below(key.name)));
        }
        (Kind::Tables(known), DeValue::Array(items)) => {
            let title = format!("[[{}]]", below(key.name));
            for item in items.iter() {
                match item.get_ref() {
                    DeValue::Table(inner) => {
                        table(reader, inner, known, &title);
                        missing(reader, inner, known, &title, item.span());
                    }
                    other => reader.problem(
                        item.span(),
                        format!("`{}` is a list of tables, found {}", key.name, noun(other)),
                        format!("write {title} on a line of its own, and keys below it"),
                    ),
                }
            }
        }
        (Kind::Named(known), DeValue::Table(entries)) => {
            for (entry, inner) in entries.iter() {
                let title = format!("[{}.{}]", key.name, entry.get_ref());
                match inner.get_ref() {
                    DeValue::Table(inner) => {
                        table(reader, inner, known, &title);
                        missing(reader, inner, known, &title, entry.span());
                    }
                    _ => reader.problem(
                        entry.span(),
                        format!("[{}] has one table for each name", key.name),
                        format!("write [{}.NAME] and keys below it", key.name),
                    ),
                }
            }
        }
        (Kind::Layers(known), DeValue::Table(entries)) => {
            for (entry, inner) in entries.iter() {
                let layer = entry.get_ref().as_ref();
                let title = format!("[layer.{layer}]");
                let names = LayerName::ALL.map(LayerName::as_str);
                if !names.contains(&layer) {
                    let hint = match nearest(layer, names) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("the layers are {}", names.join(", ")),
                    };
                    reader.problem(entry.span(), format!("no layer is called `{layer}`"), hint);
                }
                match inner.get_ref() {
                    DeValue::Table(inner) => table(reader, inner, known, &title),
                    other => reader.problem(
                        inner.span(),
                        format!("a layer is a table, found {}", noun(other)),
                        format!("write {title} on a line of its own, and keys below it"),
                    ),
                }
            }
        }
        (kind, found) => {
            let hint = match kind {
                Kind::Text | Kind::Choice(_) => match found {
                    DeValue::Integer(_) | DeValue::Float(_) => {
                        let text = reader.text.get(value.span()).unwrap_or("…");
                        format!("write `{} = \"{text}\"`", key.name)
                    }
                    _ => format!("write `{} = \"…\"`", key.name),
                },
                Kind::Flag => format!(
                    "write `{} = true` or `{0} = false`, without quotes",
                    key.name
                ),
                Kind::Time => format!("write `{} = \"2026-11-23T00:00:00Z\"`", key.name),
                Kind::Texts => format!("write `{} = [\"…\", \"…\"]`", key.name),
                Kind::TextMap => format!("write `{} = {{ NAME = \"…\" }}`", key.name),
                Kind::Table(_) => format!(
                    "write [{}] on a line of its own, and keys below it",
                    below(key.name)
                ),
                Kind::Named(_) | Kind::Layers(_) => {
                    format!(
                        "write [{}.NAME] on a line of its own, and keys below it",
                        below(key.name)
                    )
                }
                Kind::Tables(_) => {
                    format!(
                        "write [[{}]] with two brackets, once for each",
                        below(key.name)
                    )
                }
            };
            reader.problem(
                span(),
                format!(
                    "`{}` in {title} is {}, found {}",
                    key.name,
                    kind.noun(),
                    noun(found)
                ),
                hint,
            );
        }
    }
}

fn missing(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    known: &Table,
    title: &str,
    span: std::ops::Range<usize>,
) {
    for key in known.keys.iter().filter(|key| key.required) {
        if !table.contains_key(key.name) {
            reader.problem(
                span.clone(),
                format!("{title} has no `{}`", key.name),
                format!("add `{} = …`: {}", key.name, key.doc),
            );
        }
    }
}

fn noun(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn quoted(choices: &[&str]) -> String {
    let quoted: Vec<_> = choices.iter().map(|choice| format!("{choice:?}")).collect();
    quoted.join(", ")
}
