//! The JSON schema of edition files, from the table of keys.

use serde_json::{Map, Value, json};

use crate::keys::{EDITION, Kind, Table};

/// The schema (JSON Schema, draft 7) as text, with a line break at the end.
pub fn schema() -> String {
    let mut schema = table(&EDITION);
    if let Some(root) = schema.as_object_mut() {
        // An edition that extends another need not repeat what is required.
        root.remove("required");
        root.insert(
            "$schema".into(),
            json!("http://json-schema.org/draft-07/schema#"),
        );
        root.insert("title".into(), json!("Strata edition"));
    }
    format!("{schema:#}\n")
}

fn table(table: &Table) -> Value {
    let mut properties = Map::new();
    for key in table.keys {
        let mut value = kind(&key.kind);
        if let Some(object) = value.as_object_mut() {
            object.insert("description".into(), json!(key.doc));
        }
        properties.insert(key.name.into(), value);
    }
    // Tables of the file's top may be partial when `extends` fills them; those of lists may not.
    let whole = ["[[layer.NAME.source]]", "[index.NAME]", "[[owner]]"].contains(&table.title);
    let required: Vec<_> = table
        .keys
        .iter()
        .filter(|key| key.required && whole)
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Time => json!({"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}"}),
        Kind::Choice(choices) => json!({"type": "string", "enum": choices}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::TextMap => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Kind::Table(inner) => table(inner),
        Kind::Tables(inner) => json!({"type": "array", "items": table(inner)}),
        Kind::Named(inner) => json!({"type": "object", "additionalProperties": table(inner)}),
        Kind::Layers(inner) => json!({
            "type": "object",
            "propertyNames": {"enum": lock::LayerName::ALL.map(lock::LayerName::as_str)},
            "additionalProperties": table(inner),
        }),
    }
}
