//! RECORD: lines of CSV (RFC 4180) with path, hash and size.

use std::collections::BTreeMap;

use crate::{Error, Result};

/// Path to hash (`sha256=…`, may be empty).
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut lines = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        if line.is_empty() {
            continue;
        }
        let fields = fields(line);
        let [path, hash, _size] = fields.as_slice() else {
            return Err(Error::Line {
                file: "RECORD".to_owned(),
                line: at + 1,
                problem: format!(
                    "expected path, hash and size, found {} fields",
                    fields.len()
                ),
            });
        };
        let before = lines.insert(path.clone(), hash.clone());
        if before.is_some_and(|before| before != *hash) {
            return Err(Error::Line {
                file: "RECORD".to_owned(),
                line: at + 1,
                problem: format!("{path} stands twice, with different hashes"),
            });
        }
    }
    Ok(lines)
}

fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                fields
                    .last_mut()
                    .into_iter()
                    .for_each(|field| field.push('"'));
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields
                .last_mut()
                .into_iter()
                .for_each(|field| field.push(other)),
        }
    }
    fields
}

/// One line of RECORD.
pub(crate) fn line(path: &str, hash: &str, size: Option<u64>) -> String {
    let path = if path.contains([',', '"', '\n']) {
        format!("\"{}\"", path.replace('"', "\"\""))
    } else {
        path.to_owned()
    };
    let size = size.map(|size| size.to_string()).unwrap_or_default();
    format!("{path},{hash},{size}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_paths_survive() {
        let text = line("a,\"b\".py", "sha256=x", Some(3));
        assert_eq!(text, "\"a,\"\"b\"\".py\",sha256=x,3\n");
        assert_eq!(
            parse(&text).unwrap(),
            BTreeMap::from([("a,\"b\".py".into(), "sha256=x".into())])
        );
        assert!(parse("only-a-path\n").is_err());
    }
}
