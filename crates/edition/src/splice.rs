//! Edits of a text between two bytes: into a TOML list, and out of it, so that the second undoes the
//! first to the byte. Comments, line breaks and the last comma stay as the file has them.

use std::ops::Range;

/// A list in a text: its bytes with the brackets, and its items'.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub span: Range<usize>,
    pub items: Vec<Range<usize>>,
}

/// The line break that the text uses.
pub(crate) fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// The text with `value` as the list's last item.
pub(crate) fn insert(text: &str, list: &List, value: &str) -> String {
    let (open, close) = (list.span.start + 1, list.span.end - 1);
    let nl = line_break(text);
    let mut out = text.to_owned();
    let Some(last) = list.items.last() else {
        match text[open..close].find('\n') {
            // A list of nothing but comments: above them, on a line of its own.
            Some(at) if text[open..close].contains('#') => {
                out.insert_str(open + at + 1, &format!("    {value},{nl}"));
            }
            _ => out.insert_str(open, value),
        }
        return out;
    };
    let head = line_start(text, last.start);
    let indent = if head > list.span.start {
        let line = &text[head..];
        line[..line.len() - line.trim_start_matches([' ', '\t']).len()].to_owned()
    } else {
        "    ".to_owned()
    };
    let comma = comma(text, last.end, close);
    let after = comma.map_or(last.end, |comma| comma + 1);
    match (comma, text[after..close].find('\n')) {
        (Some(_), Some(end)) => out.insert_str(after + end + 1, &format!("{indent}{value},{nl}")),
        (Some(_), None) => out.insert_str(after, &format!(" {value},")),
        (None, Some(end)) => {
            out.insert_str(after + end + 1, &format!("{indent}{value}{nl}"));
            out.insert(last.end, ',');
        }
        (None, None) => out.insert_str(last.end, &format!(", {value}")),
    }
    out
}

/// The text without the list's item `index`.
pub(crate) fn delete(text: &str, list: &List, index: usize) -> String {
    let item = list.items[index].clone();
    let close = list.span.end - 1;
    let own = comma(text, item.end, close);
    let mut cuts = Vec::new();
    if own.is_none()
        && let Some(before) = index.checked_sub(1).map(|at| list.items[at].end)
        && let Some(comma) = comma(text, before, item.start)
    {
        cuts.push(comma..comma + 1);
    }
    if let Some(line) = own_line(text, list, &item, own) {
        cuts.push(line);
    } else {
        let blanks_before = item.start - trimmed_end(&text[..item.start]);
        let first = list.items.len() == 1;
        let leads = text[..item.start - blanks_before].ends_with(['[', '\n']);
        match own {
            Some(comma) if !first && leads => {
                let rest = &text[comma + 1..];
                let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
                cuts.push(item.clone());
                cuts.push(comma..comma + 1 + blanks);
            }
            _ => {
                let start = if first {
                    item.start
                } else {
                    item.start - blanks_before
                };
                cuts.push(start..item.end);
                cuts.extend(own.map(|comma| comma..comma + 1));
            }
        }
    }
    let mut out = text.to_owned();
    cuts.sort_by_key(|cut| std::cmp::Reverse(cut.start));
    for cut in cuts {
        out.replace_range(cut, "");
    }
    out
}

/// The whole line of an item that has it for itself, with its comment and line break.
fn own_line(
    text: &str,
    list: &List,
    item: &Range<usize>,
    own: Option<usize>,
) -> Option<Range<usize>> {
    let head = line_start(text, item.start);
    let end = item.end + text[item.end..list.span.end].find('\n')?;
    let after = match own {
        Some(comma) if comma < end => comma + 1,
        Some(_) => return None,
        None => item.end,
    };
    let rest = text[after..end].trim();
    (head > list.span.start
        && text[head..item.start].trim().is_empty()
        && (rest.is_empty() || rest.starts_with('#')))
    .then_some(head..end + 1)
}

/// The comma between `from` and `to`, past white space and comments.
fn comma(text: &str, from: usize, to: usize) -> Option<usize> {
    let mut comment = false;
    for (at, byte) in text.as_bytes()[from..to].iter().enumerate() {
        match byte {
            b'\n' => comment = false,
            b'#' => comment = true,
            b',' if !comment => return Some(from + at),
            _ => {}
        }
    }
    None
}

/// The start of the line that holds `at`.
pub(crate) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |at| at + 1)
}

fn trimmed_end(text: &str) -> usize {
    text.trim_end_matches([' ', '\t']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> List {
        let document = toml::de::DeTable::parse(text).unwrap();
        let value = document.get_ref().get("a").unwrap();
        List {
            span: value.span(),
            items: value
                .get_ref()
                .as_array()
                .unwrap()
                .iter()
                .map(toml::Spanned::span)
                .collect(),
        }
    }

    #[test]
    fn a_new_item_takes_the_form_of_the_others() {
        for (before, after) in [
            ("a = []", "a = [\"x\"]"),
            ("a = ['b']", "a = ['b', \"x\"]"),
            ("a = ['b', ]", "a = ['b', \"x\", ]"),
            ("a = [\n  'b', # c\n]", "a = [\n  'b', # c\n  \"x\",\n]"),
            ("a = [\n  'b' # c\n]", "a = [\n  'b', # c\n  \"x\"\n]"),
            ("a = [\r\n\t'b',\r\n]", "a = [\r\n\t'b',\r\n\t\"x\",\r\n]"),
            ("a = [\n  # c\n]", "a = [\n    \"x\",\n  # c\n]"),
        ] {
            let made = insert(before, &list(before), "\"x\"");
            assert_eq!(made, after);
            let back = delete(&made, &list(&made), list(&made).items.len() - 1);
            if before.contains("# c\n]") && !before.contains('b') {
                assert_eq!(delete(&made, &list(&made), 0), before);
            } else {
                assert_eq!(back, before);
            }
        }
    }

    #[test]
    fn other_items_leave_no_trace() {
        for (before, index, after) in [
            ("a = ['b', 'c']", 0, "a = ['c']"),
            ("a = ['b', 'c', 'd']", 1, "a = ['b', 'd']"),
            ("a = [\n  'b', # c\n  'd',\n]", 0, "a = [\n  'd',\n]"),
            ("a = [\n  'b', 'c',\n]", 0, "a = [\n  'c',\n]"),
            ("a = [\n  'b',\n  'c'\n]", 1, "a = [\n  'b'\n]"),
        ] {
            assert_eq!(delete(before, &list(before), index), after);
        }
    }

    /// Lists of every form that a person may write: what is put in and taken out leaves no trace.
    #[test]
    fn in_and_out_again() {
        let mut random = 0x5eed_0002_u64;
        let mut pick = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 33) % below
        };
        let blanks = [
            "",
            " ",
            "  ",
            "\t",
            "\n",
            "\n    ",
            " # c, 'x'\n",
            "\n\n  # d\n    ",
            "\n\t",
        ];
        for round in 0..20_000 {
            let mut text = "# head\na = [".to_owned();
            let count = pick(4);
            for item in 0..count {
                text += blanks[usize::try_from(pick(9)).unwrap()];
                text += &format!("\"i{item}\"");
                text += blanks[usize::try_from(pick(9)).unwrap()];
                if item + 1 < count || pick(2) == 0 {
                    text += ",";
                }
            }
            text += blanks[usize::try_from(pick(9)).unwrap()];
            text += ["]", "] # e", "]\nb = 1\n", "]\n"][usize::try_from(pick(4)).unwrap()];
            if round % 3 == 0 {
                text = text.replace('\n', "\r\n");
            }
            let made = insert(&text, &list(&text), "\"x\"");
            let with = list(&made);
            let at = with
                .items
                .iter()
                .position(|item| &made[item.clone()] == "\"x\"")
                .unwrap();
            assert_eq!(with.items.len(), list(&text).items.len() + 1, "{text:?}");
            assert_eq!(delete(&made, &with, at), text, "{made:?}");
        }
    }
}
