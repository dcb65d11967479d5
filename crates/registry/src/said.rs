//! What a registry says when it says no (distribution-spec, "Error codes").

use serde::Deserialize;
use serde_json::Value;

/// The most that is repeated of an answer, in characters.
const LENGTH: usize = 500;

#[derive(Deserialize)]
struct Document {
    errors: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    detail: Value,
}

/// An answer's body in one line: `: CODE: message (detail)`; nothing where it says nothing.
pub(crate) fn said(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Document>(body) {
        Ok(document) => {
            let each = document.errors.iter().map(|one| {
                let detail = match &one.detail {
                    Value::Null => String::new(),
                    Value::Object(map) if map.is_empty() => String::new(),
                    Value::String(text) => format!(" ({text})"),
                    other => format!(" ({other})"),
                };
                [one.code.as_str(), one.message.as_str()]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join(": ")
                    + &detail
            });
            each.collect::<Vec<_>>().join("; ")
        }
        // A proxy's page is no help; its plain words may be one.
        Err(_) => match std::str::from_utf8(body) {
            Ok(text) if !text.contains('<') => text.to_owned(),
            _ => String::new(),
        },
    };
    let clean = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = clean
        .chars()
        .filter(|c| !c.is_control())
        .take(LENGTH)
        .collect();
    if short.is_empty() {
        short
    } else {
        format!(": {short}")
    }
}

/// Whether the document names this code.
pub(crate) fn has_code(body: &[u8], code: &str) -> bool {
    serde_json::from_slice::<Document>(body)
        .is_ok_and(|document| document.errors.iter().any(|one| one.code == code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_people() {
        let body = br#"{"errors":[{"code":"DENIED","message":"no access","detail":{}},{"code":"X","detail":"why"}]}"#;
        assert_eq!(said(body), ": DENIED: no access; X (why)");
        assert!(has_code(body, "DENIED") && !has_code(body, "NAME_UNKNOWN"));
        assert_eq!(
            said(b"too many\nrequests\x1b[31m"),
            ": too many requests[31m"
        );
        assert_eq!(said(b"<html>no</html>"), "");
        assert_eq!(said(b""), "");
        assert_eq!(said(&[b'x'; 9999]).len(), LENGTH + 2);
    }
}
