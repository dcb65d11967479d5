//! One `[layer.NAME]`: packages, limits, the files that list them, and trees.

use std::collections::BTreeMap;

use toml::de::DeTable;

use crate::{
    DebianRequest, Requirement, RequirementFrom, Spanned,
    extract::{Text, removals, texts},
    reader::Reader,
    requirement_file::Found,
    sheet::{Sheet, SheetLayer},
    source::source,
};

/// One layer.
pub(crate) fn layer(reader: &mut Reader<'_>, table: &DeTable<'_>) -> SheetLayer {
    let mut layer = SheetLayer {
        exclude_newer: reader.time(table, "exclude-newer"),
        remove: removals(
            reader,
            table,
            &["debian", "python", "requirements", "constraints", "source"],
        ),
        ..SheetLayer::default()
    };
    for text in texts(reader, table, "debian") {
        match DebianRequest::parse(&text.value) {
            Ok(request) => layer.debian.push(reader.spanned(request, &text.span)),
            Err((message, hint)) => reader.problem(text.span, message, hint),
        }
    }
    for text in texts(reader, table, "python") {
        if let Some(line) = line(reader, &text, false) {
            layer.python.push(line);
        }
    }
    for text in texts(reader, table, "requirements") {
        let found = file(reader, &text, false);
        layer.python.extend(found.requirements);
        layer.constraints.extend(found.constraints);
        layer
            .requirements
            .push(reader.spanned(text.value, &text.span));
    }
    for text in texts(reader, table, "constraints") {
        if text.value.ends_with(".txt") {
            layer
                .constraints
                .extend(file(reader, &text, true).constraints);
        } else if let Some(line) = line(reader, &text, true) {
            layer.constraints.push(line);
        }
    }
    let sources = table
        .get("source")
        .and_then(|value| value.get_ref().as_array());
    for item in sources.into_iter().flat_map(|items| items.iter()) {
        if let Some(table) = item.get_ref().as_table()
            && let Some(source) = source(reader, table, &item.span())
        {
            layer.sources.push(source);
        }
    }
    layer
}

/// A requirement, or a limit.
pub(crate) fn line(
    reader: &mut Reader<'_>,
    text: &Text,
    limit: bool,
) -> Option<Spanned<Requirement>> {
    let parsed = if limit {
        Requirement::parse_limit(&text.value)
    } else {
        Requirement::parse(&text.value)
    };
    match parsed {
        Ok(mut requirement) => {
            if let RequirementFrom::File(path) = &mut requirement.from {
                *path = reader.existing(&Text {
                    value: path.to_string_lossy().into_owned(),
                    span: text.span.clone(),
                })?;
            }
            Some(reader.spanned(requirement, &text.span))
        }
        Err((message, mut hint)) => {
            if text.value.ends_with(".txt") {
                hint = "a file of requirements belongs into `requirements`".to_owned();
            }
            reader.problem(text.span.clone(), message, hint);
            None
        }
    }
}

fn file(reader: &mut Reader<'_>, text: &Text, limits: bool) -> Found {
    let mut found = Found::default();
    if let Some(path) = reader.existing(text) {
        if let Err(error) = found.read(&path, limits, &text.value) {
            reader.problem(
                text.span.clone(),
                format!("cannot read {}: {error}", path.display()),
                "it must be a text file in UTF-8",
            );
        }
        reader.problems.append(&mut found.problems);
    }
    found
}

/// Names that the file itself gives twice, where only one can hold.
pub(crate) fn twice(reader: &mut Reader<'_>, sheet: &Sheet, document: &DeTable<'_>) {
    let layers = document
        .get("layer")
        .and_then(|value| value.get_ref().as_table());
    let mut seen = BTreeMap::new();
    for name in sheet.layers.keys() {
        let Some(table) = layers
            .and_then(|layers| layers.get(name.as_str()))
            .and_then(|layer| layer.get_ref().as_table())
        else {
            continue;
        };
        for key in ["debian", "python", "constraints"] {
            for text in texts(reader, table, key) {
                let identity = match key {
                    "debian" => DebianRequest::parse(&text.value)
                        .ok()
                        .map(|request| (request.name, None)),
                    // The same package for another environment is another line.
                    _ => Requirement::parse(&text.value)
                        .ok()
                        .map(|line| (line.name, line.marker)),
                };
                let Some(identity) = identity else { continue };
                let package = identity.0.clone();
                let (first, _) = lock::position(reader.text, text.span.start);
                if let Some(line) = seen.insert((key, identity), first) {
                    reader.problem(
                        text.span,
                        format!("{package} stands twice in `{key}`"),
                        format!("line {line} has it already; keep one of the two"),
                    );
                }
            }
        }
        let sources = table
            .get("source")
            .and_then(|value| value.get_ref().as_array());
        for item in sources.into_iter().flat_map(|items| items.iter()) {
            let value = item
                .get_ref()
                .as_table()
                .and_then(|table| table.get("name"));
            let Some(value) = value else { continue };
            let Some(source) = value.get_ref().as_str() else {
                continue;
            };
            let (line, _) = lock::position(reader.text, value.span().start);
            let identity = (source.to_owned(), None);
            if let Some(line) = seen.insert(("source", identity), line) {
                reader.problem(
                    value.span(),
                    format!("a source {source:?} stands twice"),
                    format!("line {line} has it already; give this one another name"),
                );
            }
        }
    }
}
