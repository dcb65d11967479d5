//! Single values that several tables share: times, digests, URLs, names, paths.

use std::path::PathBuf;

use lock::{ImageAt, Sha256, normalised};
use toml::de::DeTable;

use crate::{
    Spanned,
    extract::{Text, text},
    reader::Reader,
};

impl Reader<'_> {
    /// A string that must not be empty.
    pub fn filled(&mut self, table: &DeTable<'_>, key: &str) -> Option<Spanned<String>> {
        let text = text(self, table, key)?;
        if text.value.trim().is_empty() {
            self.problem(
                text.span,
                format!("`{key}` is empty"),
                format!("write `{key} = \"…\"`"),
            );
            return None;
        }
        Some(self.spanned(text.value, &text.span))
    }

    /// A date or time; given back as RFC 3339 in UTC.
    pub fn time(&mut self, table: &DeTable<'_>, key: &str) -> Option<Spanned<String>> {
        let text = text(self, table, key)?;
        let time = text.value.parse::<jiff::Timestamp>().ok().or_else(|| {
            format!("{}T00:00:00Z", text.value)
                .parse::<jiff::Timestamp>()
                .ok()
        });
        match time {
            Some(time) => Some(self.spanned(time.to_string(), &text.span)),
            None => {
                self.problem(
                    text.span,
                    format!("`{key}`: {:?} is no date or time of RFC 3339", text.value),
                    "write \"2026-11-23\" or \"2026-11-23T00:00:00Z\"",
                );
                None
            }
        }
    }

    /// Where an image is; empty for none.
    pub fn image(&mut self, table: &DeTable<'_>, key: &str) -> Option<Spanned<String>> {
        let text = text(self, table, key)?;
        if !text.value.is_empty()
            && let Err(error) = text.value.parse::<ImageAt>()
        {
            self.problem(text.span, error.problem, error.hint);
            return None;
        }
        Some(self.spanned(text.value, &text.span))
    }

    pub fn sha256(&mut self, text: &Text) -> Option<Sha256> {
        match text.value.parse() {
            Ok(sha256) => Some(sha256),
            Err(error) => {
                let hint = "copy the whole digest (`sha256sum FILE`), in lower case";
                self.problem(text.span.clone(), format!("{error}"), hint);
                None
            }
        }
    }

    pub fn url(&mut self, text: &Text) {
        let found = url::Url::parse(&text.value);
        let problem = match &found {
            Ok(url) if ["https", "http", "file"].contains(&url.scheme()) => return,
            Ok(url) => format!(
                "{:?}: {} is no scheme that is fetched here",
                text.value,
                url.scheme()
            ),
            Err(error) => format!("{:?} is no URL: {error}", text.value),
        };
        self.problem(
            text.span.clone(),
            problem,
            "write a whole URL: \"https://HOST/PATH\"",
        );
    }

    pub fn git_url(&mut self, text: &Text) {
        if let Some((problem, hint)) = lock::repository_problem(&text.value) {
            self.problem(text.span.clone(), problem, hint);
        }
    }

    /// The name of a Python package, normalised.
    pub fn package(&mut self, text: &Text) -> String {
        let name = text.value.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric();
        if !(name.starts_with(plain)
            && name.ends_with(plain)
            && name.chars().all(|c| plain(c) || "-_.".contains(c)))
        {
            self.problem(
                text.span.clone(),
                format!("{name:?} is no name of a Python package"),
                "write the name alone, without version, extras or marker",
            );
        }
        normalised(name)
    }

    /// A path relative to the file, which must be there.
    pub fn existing(&mut self, text: &Text) -> Option<PathBuf> {
        let Some(folder) = self.folder else {
            self.problem(
                text.span.clone(),
                "this text was not read from a file, so it can name none",
                "read the edition from its file",
            );
            return None;
        };
        let path = folder.join(&text.value);
        if path.is_file() {
            return Some(path);
        }
        let near = std::fs::read_dir(path.parent().unwrap_or(folder))
            .ok()
            .and_then(|entries| {
                let names: Vec<_> = entries
                    .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                    .collect();
                let wanted = path.file_name()?.to_str()?;
                lock::nearest(wanted, names.iter().map(String::as_str)).map(str::to_owned)
            });
        let hint = match near {
            Some(near) => format!("did you mean {near:?}? Paths are relative to this file"),
            None => "paths are relative to this file".to_owned(),
        };
        self.problem(
            text.span.clone(),
            format!("there is no file {:?}", text.value),
            hint,
        );
        None
    }
}
