//! Lists and tables that were not there: made, and taken out again with their last line.

use std::ops::Range;

use lock::LayerName;
use toml::de::{DeTable, DeValue};

use super::{EditionFile, ListKind, layer_table, quoted};
use crate::{
    Result,
    splice::{List, line_break, line_start},
};

impl EditionFile {
    /// The text with a list that was not there, of one line. Its form tells [`Self::without_list`] what
    /// there was before: with a last comma if the table had keys, or was not there either; without
    /// one if the table was there and empty.
    pub(super) fn with_list(&self, layer: LayerName, kind: ListKind, spec: &str) -> Result<String> {
        let document = self.document()?;
        let text = &self.text;
        let nl = line_break(text);
        let body = |comma: &str| format!("{} = [{nl}    {}{comma}{nl}]", kind.key(), quoted(spec));
        let at_end = text.is_empty() || text.ends_with('\n');
        let Some(header) = header(&document, text, layer) else {
            let inline = document
                .get("layer")
                .and_then(|value| value.get_ref().as_table());
            if inline
                .and_then(|layers| layers.get(layer.as_str()))
                .is_some_and(|table| text[table.span()].starts_with('{'))
            {
                return Err(self.form(layer, kind));
            }
            let gap = match (text.is_empty(), at_end) {
                (true, _) => String::new(),
                (false, true) => nl.to_owned(),
                (false, false) => format!("{nl}{nl}"),
            };
            let end = if at_end { nl } else { "" };
            return Ok(format!("{text}{gap}[layer.{layer}]{nl}{}{end}", body(",")));
        };
        let last = layer_table(&document, layer).and_then(|table| direct_end(text, table));
        let (after, body) = match last {
            Some(end) => (end, body(",")),
            None => (header.end, body("")),
        };
        let mut out = text.clone();
        match text[after..].find('\n') {
            Some(end) => out.insert_str(after + end + 1, &format!("{body}{nl}")),
            None => out.push_str(&format!("{nl}{body}")),
        }
        Ok(out)
    }

    /// The text without a list of one line that has the form that [`Self::with_list`] gives it.
    pub(super) fn without_list(
        &self,
        layer: LayerName,
        kind: ListKind,
        list: &List,
    ) -> Option<String> {
        let text = &self.text;
        let nl = line_break(text);
        let [item] = list.items.as_slice() else {
            return None;
        };
        let value = &text[item.clone()];
        let whole = &text[list.span.clone()];
        let with_comma = whole == format!("[{nl}    {value},{nl}]");
        if !with_comma && whole != format!("[{nl}    {value}{nl}]") {
            return None;
        }
        let head = line_start(text, list.span.start);
        if text[head..list.span.start] != *format!("{} = ", kind.key()) {
            return None;
        }
        let rest = &text[list.span.end..];
        if !(rest.is_empty() || rest.starts_with(nl)) {
            return None;
        }
        let mut start = head;
        // A table that holds nothing else goes too, with the blank line above it.
        let title = format!("[layer.{layer}]{nl}");
        let document = self.document().ok()?;
        let keys = layer_table(&document, layer).map_or(0, |table| direct(text, table).count());
        if with_comma && keys == 1 && text[..head].ends_with(&title) {
            let above = &text[..head - title.len()];
            if above.is_empty() {
                start = 0;
            } else if above.ends_with(&format!("{nl}{nl}")) {
                start = above.len() - nl.len();
            }
        }
        let end = if rest.is_empty() {
            start = start.saturating_sub(nl.len());
            text.len()
        } else {
            list.span.end + nl.len()
        };
        Some(format!("{}{}", &text[..start], &text[end..]))
    }
}

/// The bytes of the line `[layer.NAME]`, if there is one.
fn header(document: &DeTable<'_>, text: &str, layer: LayerName) -> Option<Range<usize>> {
    let layers = document.get("layer")?.get_ref().as_table()?;
    let span = layers.get(layer.as_str())?.span();
    // A table that only its sub-tables imply has its key for a span.
    let written = text.get(span.clone())?;
    (written.starts_with('[') && !written.starts_with("[[")).then_some(span)
}

/// The values that stand below the table's own header, not in tables of their own.
fn direct<'a, 'i>(
    text: &'a str,
    table: &'a DeTable<'i>,
) -> impl Iterator<Item = &'a toml::Spanned<DeValue<'i>>> {
    table.iter().filter_map(move |(key, value)| {
        let line = &text[line_start(text, key.span().start)..];
        (!line.trim_start().starts_with('[')).then_some(value)
    })
}

fn direct_end(text: &str, table: &DeTable<'_>) -> Option<usize> {
    direct(text, table)
        .filter_map(|value| match value.get_ref() {
            // `a.b = 1`: the table's span is its key.
            DeValue::Table(inner) if !text[value.span()].starts_with('{') => {
                direct_end(text, inner)
            }
            _ => Some(value.span().end),
        })
        .max()
}
