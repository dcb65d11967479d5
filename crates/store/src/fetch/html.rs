//! A project's page as HTML (PEP 503): its anchors, and nothing else of the page.

use percent_encoding::percent_decode_str;
use url::Url;

use super::index::{Listed, sha256};

/// The files that the page's anchors name; `at` is where the page was read from.
pub(super) fn parse(text: &str, at: &Url) -> Vec<Listed> {
    let mut base = at.clone();
    let mut listed = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        if rest.starts_with("<!--") {
            rest = rest.find("-->").map_or("", |end| &rest[end..]);
            continue;
        }
        let (name, after) = split_name(&rest[1..]);
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        if is("a") || is("base") {
            let (tag, end) = attributes(after);
            rest = end;
            let href = tag.href.as_ref();
            let Some(url) = href.and_then(|href| base.join(href.trim()).ok()) else {
                continue;
            };
            if is("a") {
                listed.extend(file(url, tag));
            } else {
                base = url;
            }
        } else {
            rest = &rest[1..];
        }
    }
    listed
}

/// What is read of a tag.
#[derive(Default)]
struct Attributes {
    href: Option<String>,
    requires_python: Option<String>,
    yanked: Option<String>,
}

fn file(mut url: Url, tag: Attributes) -> Option<Listed> {
    let filename = url
        .path_segments()?
        .next_back()
        .filter(|name| !name.is_empty())?;
    let filename = percent_decode_str(filename)
        .decode_utf8()
        .ok()?
        .into_owned();
    let hash = url.fragment().and_then(|fragment| {
        fragment
            .split('&')
            .find_map(|part| sha256(part.strip_prefix("sha256=")?))
    });
    url.set_fragment(None);
    Some(Listed {
        filename,
        url,
        sha256: hash,
        yanked: tag.yanked.is_some(),
        requires_python: tag.requires_python,
    })
}

fn split_name(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// A tag's attributes, of each the first, and what follows the tag. Quoted values may hold `>`.
fn attributes(mut text: &str) -> (Attributes, &str) {
    let mut found = Attributes::default();
    loop {
        text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if text.is_empty() || text.starts_with('>') {
            return (found, text);
        }
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/');
        // An attribute's name has at least one character, even a stray `=`.
        let first = text.chars().next().map_or(0, char::len_utf8);
        let end = text[first..].find(ends).map_or(text.len(), |at| at + first);
        let (name, after) = text.split_at(end);
        let known = [
            ("href", &mut found.href),
            ("data-requires-python", &mut found.requires_python),
            ("data-yanked", &mut found.yanked),
        ];
        let mut known = known.into_iter();
        let slot = known.find(|(known, _)| name.eq_ignore_ascii_case(known));
        text = after.trim_start();
        let Some(after) = text.strip_prefix('=') else {
            if let Some((_, slot)) = slot {
                slot.get_or_insert_default();
            }
            continue;
        };
        let after = after.trim_start();
        let (value, after) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inner = &after[1..];
                let end = inner.find(quote).unwrap_or(inner.len());
                (&inner[..end], inner.get(end + 1..).unwrap_or_default())
            }
            _ => {
                let end = |c: char| c.is_ascii_whitespace() || c == '>';
                after.split_at(after.find(end).unwrap_or(after.len()))
            }
        };
        if let Some((_, slot)) = slot {
            slot.get_or_insert_with(|| unescape(value));
        }
        text = after;
    }
}

/// Resolves the character references that occur in addresses; leaves others as they stand.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let reference = rest.find(';').filter(|end| *end <= 10).and_then(|end| {
            let c = character(&rest[1..end])?;
            Some((c, end + 1))
        });
        let (c, skip) = reference.unwrap_or(('&', 1));
        out.push(c);
        rest = &rest[skip..];
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(text: &str) -> Vec<(String, String, bool)> {
        let at = Url::parse("https://i.test/simple/p/").unwrap();
        let listed = parse(text, &at);
        listed
            .into_iter()
            .map(|f| (f.filename, f.url.to_string(), f.sha256.is_some()))
            .collect()
    }

    #[test]
    fn anchors() {
        let hex = "ab".repeat(32);
        let text = format!(
            "<!DOCTYPE html><html><head><title>a > b</title></head><body>\n\
             <!-- <a href=\"no.whl\">no</a> -->\n\
             <a href=\"../../f/p-1%2Bcu-x.whl#sha256={hex}\" data-requires-python=\"&gt;=3\">p</a>\n\
             <A data-x='>' HREF='https://f.test/q.whl?a=1&amp;b=&#50;&#x33;&unknown;'>q</A>\n\
             <a href=r.whl#md5=1>r</a><a>none</a><abbr href=\"s.whl\"></abbr><a href=\"\"></a>\n"
        );
        assert_eq!(
            brief(&text),
            [
                (
                    "p-1+cu-x.whl".into(),
                    "https://i.test/f/p-1%2Bcu-x.whl".into(),
                    true
                ),
                (
                    "q.whl".into(),
                    "https://f.test/q.whl?a=1&b=23&unknown;".into(),
                    false
                ),
                (
                    "r.whl".into(),
                    "https://i.test/simple/p/r.whl".into(),
                    false
                ),
            ]
        );
    }

    #[test]
    fn what_an_anchor_says_of_its_file() {
        let at = Url::parse("https://i.test/simple/p/").unwrap();
        let text = "<a data-requires-python=\"&gt;=3.9,&lt;3.14\" href=a.whl>a</a>\n\
                    <a href=b.whl data-yanked>b</a><a data-yanked='why' href=c.whl>c</a>";
        let listed = parse(text, &at);
        let requires: Vec<_> = listed
            .iter()
            .map(|f| f.requires_python.as_deref())
            .collect();
        assert_eq!(requires, [Some(">=3.9,<3.14"), None, None]);
        let yanked: Vec<_> = listed.iter().map(|f| f.yanked).collect();
        assert_eq!(yanked, [false, true, true]);
    }

    #[test]
    fn a_base_moves_relative_addresses() {
        let found = brief("<base href=\"https://o.test/d/\"><a href=\"x.whl\">");
        assert_eq!(found[0].1, "https://o.test/d/x.whl");
    }

    #[test]
    fn broken_pages_end() {
        for text in [
            "<",
            "<a",
            "<a ",
            "<a =",
            "<a = = >",
            "<a href",
            "<a href=",
            "<a href=\"x",
            "<!--",
            "<a href='é",
            "<é><a é=é>",
            "<a href=\"&#xffffffff;&#;&;\">",
            "<a / / href=x",
        ] {
            let _ = brief(text);
        }
    }
}
