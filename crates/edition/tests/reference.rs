//! What is generated from, or must keep up with, the table of keys: the JSON schema and the reference
//! page.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::{fs, path::Path};

use strata_edition::{keys::TABLES, schema};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn the_schema_is_current() {
    let path = root().join("editions/edition.schema.json");
    if std::env::var_os("STRATA_BLESS").is_some() {
        fs::write(&path, schema()).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == schema(),
        "editions/edition.schema.json is stale; renew it:\n\
         STRATA_BLESS=1 cargo test -p strata-edition --test reference"
    );
}

/// Each table has a section on the page, and each of its keys a row in that section's table.
#[test]
fn the_reference_page_names_every_key() {
    let page = fs::read_to_string(root().join("docs/editions.md")).unwrap();
    for table in TABLES {
        let head = format!("### {}\n", table.title);
        let start = page
            .find(&head)
            .unwrap_or_else(|| panic!("docs/editions.md has no section {head}"));
        let rest = &page[start + head.len()..];
        let section = &rest[..rest.find("\n## ").unwrap_or(rest.len())];
        let section = &section[..section.find("\n### ").unwrap_or(section.len())];
        let mut rows: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        for key in table.keys {
            let at = rows.iter().position(|row| *row == key.name);
            let at = at.unwrap_or_else(|| {
                panic!("docs/editions.md: {head} has no row for `{}`", key.name)
            });
            rows.remove(at);
        }
        assert!(
            rows.is_empty(),
            "docs/editions.md: {head} has rows for no key: {rows:?}"
        );
    }
}
