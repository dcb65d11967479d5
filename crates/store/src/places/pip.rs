//! The indexes that pip's variables and configuration files name.

use super::{Folders, Found};

/// `PIP_INDEX_URL` and `PIP_EXTRA_INDEX_URL`.
pub(super) fn from_variables(set: &dyn Fn(&str) -> Option<String>) -> Found {
    let mut found = Found::default();
    if let Some(value) = set("PIP_INDEX_URL") {
        found.main(&value);
    }
    if let Some(value) = set("PIP_EXTRA_INDEX_URL") {
        value.split_whitespace().for_each(|item| found.extra(item));
    }
    found
}

/// `PIP_CONFIG_FILE`, else the user's files, then the machine's.
pub(super) fn from_files(folders: &Folders<'_>, set: &dyn Fn(&str) -> Option<String>) -> Found {
    let mut files = Vec::new();
    files.extend(set("PIP_CONFIG_FILE").map(Into::into));
    files.extend(folders.config.map(|config| config.join("pip/pip.conf")));
    files.extend(folders.home.map(|home| home.join(".pip/pip.conf")));
    files.push(folders.root.join("etc/pip.conf"));

    let mut found = Found::default();
    for file in files {
        if let Ok(text) = fs_err::read_to_string(file) {
            let more = parse(&text);
            found.main |= more.main;
            found.places.extend(more.places);
        }
    }
    found
}

/// `index-url` and `extra-index-url` in the section `[global]` (configparser's syntax: `=` or
/// `:`, values that go on in indented lines, comments in lines of their own).
fn parse(text: &str) -> Found {
    let mut found = Found::default();
    let mut global = false;
    let mut option = String::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) && !option.is_empty() {
            take(&mut found, &option, trimmed);
        } else if let Some(section) = trimmed.strip_prefix('[') {
            global = section.trim_end_matches(']').trim() == "global";
            option.clear();
        } else if let Some((name, value)) = trimmed.split_once(['=', ':'])
            && global
        {
            option = name.trim().to_ascii_lowercase().replace('_', "-");
            take(&mut found, &option, value);
        } else {
            option.clear();
        }
    }
    found
}

fn take(found: &mut Found, option: &str, value: &str) {
    for item in value.split_whitespace() {
        match option {
            "index-url" => found.main(item),
            "extra-index-url" => found.extra(item),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_section() {
        let found = parse(
            "index-url = https://nowhere.test/\n\
             [install]\nindex-url = https://no.test/\n\
             [global]\n; a comment\nindex_url: https://a.test/simple\n\
             extra-index-url =\n    https://b.test/simple\n    # inside\n    https://c.test/simple\n\
             timeout = 60\n",
        );
        let texts: Vec<_> = found.places.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "https://a.test/simple/",
                "https://b.test/simple/",
                "https://c.test/simple/"
            ]
        );
        assert!(found.main);
        assert!(!parse("[global]\nextra-index-url = https://b.test/s\n").main);
        assert_eq!(parse("[global\n=\n: x\n]["), Found::default());
    }
}
