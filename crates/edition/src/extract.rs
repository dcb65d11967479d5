//! From a document whose shape was checked to a [`Sheet`]: values are checked one by one.

use std::{collections::BTreeMap, ops::Range};

use lock::{LayerName, Owner, normalised};
use toml::de::{DeTable, DeValue};

use crate::{Build, Index, PythonVersion, Spanned, layer, reader::Reader, sheet::Sheet};

/// A string and its bytes in the text.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub value: String,
    pub span: Range<usize>,
}

pub(crate) fn text(_: &Reader<'_>, table: &DeTable<'_>, key: &str) -> Option<Text> {
    let value = table.get(key)?;
    let text = match value.get_ref() {
        DeValue::Datetime(time) => time.to_string(),
        other => other.as_str()?.to_owned(),
    };
    Some(Text {
        value: text,
        span: value.span(),
    })
}

pub(crate) fn texts(_: &Reader<'_>, table: &DeTable<'_>, key: &str) -> Vec<Text> {
    let items = table.get(key).and_then(|value| value.get_ref().as_array());
    items
        .into_iter()
        .flat_map(|items| items.iter())
        .filter_map(|item| {
            Some(Text {
                value: item.get_ref().as_str()?.to_owned(),
                span: item.span(),
            })
        })
        .collect()
}

pub(crate) fn flag(table: &DeTable<'_>, key: &str) -> Option<bool> {
    table.get(key)?.get_ref().as_bool()
}

fn inner<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    table.get(key)?.get_ref().as_table()
}

/// The lists of a `remove` table, as names.
pub(crate) fn removals(
    reader: &Reader<'_>,
    table: &DeTable<'_>,
    keys: &[&'static str],
) -> BTreeMap<&'static str, Vec<Spanned<String>>> {
    let Some(remove) = inner(table, "remove") else {
        return BTreeMap::new();
    };
    keys.iter()
        .map(|key| {
            let names = texts(reader, remove, key).into_iter().map(|text| {
                let name = match *key {
                    "python" | "constraints" | "build" => normalised(&text.value),
                    _ => text.value,
                };
                reader.spanned(name, &text.span)
            });
            (*key, names.collect())
        })
        .collect()
}

/// The whole file.
pub(crate) fn sheet(reader: &mut Reader<'_>, document: &DeTable<'_>) -> Sheet {
    let empty = DeTable::new();
    let table = |key| inner(document, key).unwrap_or(&empty);
    let mut sheet = Sheet {
        extends: text(reader, document, "extends")
            .map(|text| reader.spanned(text.value, &text.span)),
        from: reader.image(document, "from"),
        remove: removals(
            reader,
            document,
            &["env", "labels", "index", "build", "owner"],
        ),
        ..Sheet::default()
    };
    debian(reader, table("debian"), &mut sheet);
    python(reader, table("python"), &mut sheet);
    let image = table("image");
    sheet.title = reader.filled(image, "title");
    sheet.description =
        text(reader, image, "description").map(|text| reader.spanned(text.value, &text.span));
    sheet.env = map(reader, image, "env");
    sheet.labels = map(reader, image, "labels");
    for (name, value) in table("layer").iter() {
        if let (Ok(layer_name), Some(layer)) = (
            name.get_ref().parse::<LayerName>(),
            value.get_ref().as_table(),
        ) {
            let layer = layer::layer(reader, layer);
            sheet.layers.insert(layer_name, layer);
        }
    }
    layer::twice(reader, &sheet, document);
    for (name, value) in table("index").iter() {
        if let Some(index) = value
            .get_ref()
            .as_table()
            .and_then(|table| index(reader, table))
        {
            let place = reader.spanned(index, &name.span());
            sheet
                .indexes
                .insert(name.get_ref().clone().into_owned(), place);
        }
    }
    for (name, value) in table("build").iter() {
        if let Some(table) = value.get_ref().as_table() {
            let build = build(reader, table);
            let build = reader.spanned(build, &name.span());
            sheet.builds.insert(normalised(name.get_ref()), build);
        }
    }
    let owners = document
        .get("owner")
        .and_then(|value| value.get_ref().as_array());
    for owner in owners.into_iter().flat_map(|owners| owners.iter()) {
        let Some(table) = owner.get_ref().as_table() else {
            continue;
        };
        if let (Some(path), Some(package)) =
            (text(reader, table, "path"), text(reader, table, "package"))
        {
            if path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
                reader.problem(
                    path.span.clone(),
                    format!("expected a path as in RECORD, found {:?}", path.value),
                    "RECORD's paths are relative, such as \"cv2/\"",
                );
            }
            let package = reader.package(&package);
            sheet.owners.push(reader.spanned(
                Owner {
                    path: path.value,
                    package,
                },
                &path.span,
            ));
        }
    }
    sheet
}

fn debian(reader: &mut Reader<'_>, table: &DeTable<'_>, sheet: &mut Sheet) {
    sheet.suite = reader.filled(table, "suite");
    sheet.snapshot = reader.time(table, "snapshot");
    sheet.architecture =
        text(reader, table, "architecture").map(|text| reader.spanned(text.value, &text.span));
    sheet.recommends = flag(table, "recommends");
    for component in texts(reader, table, "components") {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-/".contains(c);
        if component.value.is_empty() || !component.value.chars().all(plain) {
            reader.problem(
                component.span.clone(),
                format!("{:?} is no component of an archive", component.value),
                "Debian has main, contrib, non-free and non-free-firmware",
            );
        }
        let component = reader.spanned(component.value, &component.span);
        sheet.components.push(component);
    }
    if let Some(value) = table.get("components")
        && value
            .get_ref()
            .as_array()
            .is_some_and(|items| items.is_empty())
    {
        reader.problem(
            value.span(),
            "`components` is empty",
            "leave it out, or write [\"main\"]",
        );
    }
}

fn python(reader: &mut Reader<'_>, table: &DeTable<'_>, sheet: &mut Sheet) {
    if let Some(text) = text(reader, table, "version") {
        match version(&text.value) {
            Some(version) => sheet.python_version = Some(reader.spanned(version, &text.span)),
            None => {
                let mut short = text.value.splitn(3, '.');
                let hint = match (short.next(), short.next(), short.next()) {
                    (Some("3"), Some(minor), Some(_)) => {
                        format!("write \"3.{minor}\": the lock has the rest")
                    }
                    _ => "write \"3.14\", or \"3.14t\" for the free-threaded build".to_owned(),
                };
                reader.problem(
                    text.span,
                    format!("{:?} is no version of CPython", text.value),
                    hint,
                );
            }
        }
    }
    sheet.python_source =
        text(reader, table, "source").map(|text| reader.spanned(text.value, &text.span));
    if let Some(archive) = text(reader, table, "archive") {
        reader.url(&archive);
        sheet.archive = Some(reader.spanned(archive.value, &archive.span));
    }
    if let Some(text) = text(reader, table, "sha256") {
        sheet.archive_sha256 = reader
            .sha256(&text)
            .map(|sha256| reader.spanned(sha256, &text.span));
    }
    sheet.exclude_newer = reader.time(table, "exclude-newer");
    for name in texts(reader, table, "from-source") {
        let package = reader.package(&name);
        sheet.from_source.push(reader.spanned(package, &name.span));
    }
    if let Some(text) = text(reader, table, "pylock") {
        sheet.pylock = reader
            .existing(&text)
            .map(|path| reader.spanned(path, &text.span));
    }
}

fn version(text: &str) -> Option<PythonVersion> {
    let (number, free_threaded) = match text.strip_suffix('t') {
        Some(number) => (number, true),
        None => (text, false),
    };
    let minor = number.strip_prefix("3.")?;
    if minor.is_empty() || !minor.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some(PythonVersion {
        major: 3,
        minor: minor.parse().ok()?,
        free_threaded,
    })
}

fn map(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    key: &str,
) -> BTreeMap<String, Spanned<String>> {
    let mut found = BTreeMap::new();
    for (name, value) in inner(table, key).into_iter().flat_map(|map| map.iter()) {
        let word = name.get_ref().as_ref();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let digit = |c: char| c.is_ascii_digit();
        let variable = key == "env" || key == "environment";
        if variable && (word.is_empty() || !word.chars().all(plain) || word.starts_with(digit)) {
            reader.problem(
                name.span(),
                format!("{word:?} cannot be an environment variable"),
                "a name has letters, digits and _, and starts with no digit",
            );
        }
        if let Some(text) = value.get_ref().as_str() {
            found.insert(
                word.to_owned(),
                reader.spanned(text.to_owned(), &value.span()),
            );
        }
    }
    found
}

fn build(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Build {
    let requires = table.get("requires").map(|_| {
        let lines = texts(reader, table, "requires");
        lines
            .iter()
            .filter_map(|text| layer::line(reader, text, false))
            .collect()
    });
    Build {
        requires,
        environment: map(reader, table, "environment"),
    }
}

fn index(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Index> {
    let url = text(reader, table, "url")?;
    reader.url(&url);
    let packages: Vec<_> = texts(reader, table, "packages")
        .iter()
        .map(|name| reader.package(name))
        .collect();
    if packages.is_empty()
        && let Some(value) = table.get("packages")
    {
        reader.problem(
            value.span(),
            "the index may serve nothing",
            "list the packages that come from it",
        );
    }
    Some(Index {
        url: url.value,
        packages,
    })
}
