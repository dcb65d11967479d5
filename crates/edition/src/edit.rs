//! Edits of an edition file that keep its comments and order: what `add`, `remove` and `--pin` do.
//! Adding and then removing leaves the file as it was, to the byte.

mod pin;
mod tables;

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use lock::{LayerName, normalised};
use toml::de::DeTable;

use crate::{
    DebianRequest, Error, Requirement, Result,
    splice::{self, List},
    write::write,
};

/// A list of a layer that is edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// `debian`.
    Debian,
    /// `python`.
    Python,
    /// `constraints`.
    Constraints,
}

impl ListKind {
    /// The list's key.
    pub fn key(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::Python => "python",
            Self::Constraints => "constraints",
        }
    }

    /// The name of the package that a line names; an error says what is wrong with it.
    fn name(self, spec: &str) -> Result<String> {
        let (what, parsed) = match self {
            Self::Debian => (
                "Debian package",
                DebianRequest::parse(spec).map(|request| request.name),
            ),
            Self::Python => (
                "PEP 508 requirement",
                Requirement::parse(spec).map(|line| line.name),
            ),
            Self::Constraints => (
                "limit of versions",
                Requirement::parse_limit(spec).map(|line| line.name),
            ),
        };
        parsed.map_err(|(problem, hint)| Error::Spec {
            spec: spec.to_owned(),
            what,
            problem: format!("{problem}; {hint}"),
        })
    }
}

/// What an edit did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A line is new.
    Added(String),
    /// A line took another's place: the old and the new one.
    Replaced(String, String),
    /// A line went.
    Removed(String),
    /// The line was there already.
    Kept(String),
}

/// An edition file that is being edited. Nothing is written before [`EditionFile::save`].
#[derive(Debug, Clone)]
pub struct EditionFile {
    path: PathBuf,
    text: String,
}

impl EditionFile {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::from_text(path, text))
    }

    /// Edits a text that is, or will be, at `path`.
    pub fn from_text(path: &Path, text: String) -> Self {
        Self {
            path: path.to_owned(),
            text,
        }
    }

    /// The text as it is now.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self) -> Result<()> {
        write(&self.path, &self.text)
    }

    /// Adds lines to a layer's list. A line for a package that the list has already takes the old
    /// one's place.
    ///
    /// # Errors
    /// A line that is not valid, or a file that cannot be edited; then nothing has changed.
    pub fn add(&mut self, layer: LayerName, kind: ListKind, specs: &[&str]) -> Result<Vec<Change>> {
        let before = self.text.clone();
        let changes: Result<_> = specs
            .iter()
            .map(|spec| self.add_one(layer, kind, spec.trim()))
            .collect();
        if changes.is_err() {
            self.text = before;
        }
        changes
    }

    fn add_one(&mut self, layer: LayerName, kind: ListKind, spec: &str) -> Result<Change> {
        let name = kind.name(spec)?;
        let lines = self.lines(layer, kind)?;
        if lines.iter().any(|(line, _)| line == spec) {
            return Ok(Change::Kept(spec.to_owned()));
        }
        let same = lines
            .iter()
            .find(|(line, _)| kind.name(line).is_ok_and(|other| other == name));
        if let Some((old, span)) = same {
            let (old, span) = (old.clone(), span.clone());
            self.replace(&span, spec);
            return Ok(Change::Replaced(old, spec.to_owned()));
        }
        let expected: Vec<String> = lines
            .into_iter()
            .map(|(line, _)| line)
            .chain([spec.to_owned()])
            .collect();
        let text = match self.list(layer, kind)? {
            Some(list) => splice::insert(&self.text, &list, &quoted(spec)),
            None => self.with_list(layer, kind, spec)?,
        };
        self.accept(text, layer, kind, expected)?;
        Ok(Change::Added(spec.to_owned()))
    }

    /// Removes a package's lines from a layer's list, by the package's name.
    ///
    /// # Errors
    /// The list has no such package (the message says where else it stands), or the file cannot be
    /// edited; then nothing has changed.
    pub fn remove(&mut self, layer: LayerName, kind: ListKind, name: &str) -> Result<Vec<Change>> {
        let before = self.text.clone();
        let wanted = match kind {
            ListKind::Debian => name.to_owned(),
            ListKind::Python | ListKind::Constraints => normalised(name),
        };
        let is_it = |line: &String| kind.name(line).is_ok_and(|other| other == wanted);
        let mut changes = Vec::new();
        loop {
            let lines = self.lines(layer, kind)?;
            let Some(index) = lines.iter().position(|(line, _)| is_it(line)) else {
                break;
            };
            let mut expected: Vec<String> = lines.into_iter().map(|(line, _)| line).collect();
            let gone = expected.remove(index);
            let Some(list) = self.list(layer, kind)? else {
                break;
            };
            let text = match self.without_list(layer, kind, &list) {
                Some(text) if expected.is_empty() => text,
                _ => splice::delete(&self.text, &list, index),
            };
            if let Err(error) = self.accept(text, layer, kind, expected) {
                self.text = before;
                return Err(error);
            }
            changes.push(Change::Removed(gone));
        }
        if !changes.is_empty() {
            return Ok(changes);
        }
        let elsewhere = LayerName::ALL.into_iter().find(|other| {
            self.lines(*other, kind)
                .is_ok_and(|lines| lines.iter().any(|(line, _)| is_it(line)))
        });
        Err(Error::Absent {
            file: self.path.display().to_string(),
            layer,
            list: kind.key(),
            name: name.to_owned(),
            elsewhere: elsewhere
                .map_or_else(String::new, |other| format!("; layer {other} has it")),
        })
    }

    fn exchange(&mut self, span: &Range<usize>, old: String, new: String) -> Change {
        if old == new {
            return Change::Kept(new);
        }
        self.replace(span, &new);
        Change::Replaced(old, new)
    }

    fn replace(&mut self, span: &Range<usize>, new: &str) {
        let literal = self.text[span.clone()].starts_with('\'') && !new.contains('\'');
        let new = if literal {
            format!("'{new}'")
        } else {
            quoted(new)
        };
        self.text.replace_range(span.clone(), &new);
    }

    /// Takes the new text if the list in it is what it should be.
    fn accept(
        &mut self,
        text: String,
        layer: LayerName,
        kind: ListKind,
        expected: Vec<String>,
    ) -> Result<()> {
        let new = Self::from_text(&self.path, text);
        let found = new.lines(layer, kind).unwrap_or_default();
        let same = found.iter().map(|(line, _)| line).eq(&expected);
        if !same || new.document().is_err() {
            return Err(self.form(layer, kind));
        }
        *self = new;
        Ok(())
    }

    fn form(&self, layer: LayerName, kind: ListKind) -> Error {
        Error::Form {
            file: self.path.display().to_string(),
            layer,
            list: kind.key(),
        }
    }

    fn document(&self) -> Result<DeTable<'_>> {
        match DeTable::parse(&self.text) {
            Ok(document) => Ok(document.into_inner()),
            Err(error) => {
                let problem = lock::Problem::new(
                    &self.path.display().to_string(),
                    &self.text,
                    error.span().unwrap_or(0..0),
                    error.message(),
                    "mend the file by hand before it is edited",
                );
                Err(Error::Malformed(lock::Problems(vec![problem])))
            }
        }
    }

    /// The lines of a list, with their bytes.
    fn lines(&self, layer: LayerName, kind: ListKind) -> Result<Vec<(String, Range<usize>)>> {
        let document = self.document()?;
        let Some(value) = layer_table(&document, layer).and_then(|table| table.get(kind.key()))
        else {
            return Ok(Vec::new());
        };
        let items = value
            .get_ref()
            .as_array()
            .ok_or_else(|| self.form(layer, kind))?;
        items
            .iter()
            .map(|item| match item.get_ref().as_str() {
                Some(line) => Ok((line.to_owned(), item.span())),
                None => Err(self.form(layer, kind)),
            })
            .collect()
    }

    fn list(&self, layer: LayerName, kind: ListKind) -> Result<Option<List>> {
        let document = self.document()?;
        let value = layer_table(&document, layer).and_then(|table| table.get(kind.key()));
        Ok(value.and_then(|value| {
            let items = value.get_ref().as_array()?;
            Some(List {
                span: value.span(),
                items: items.iter().map(toml::Spanned::span).collect(),
            })
        }))
    }
}

fn layer_table<'a, 'i>(document: &'a DeTable<'i>, layer: LayerName) -> Option<&'a DeTable<'i>> {
    let layers = document.get("layer")?.get_ref().as_table()?;
    layers.get(layer.as_str())?.get_ref().as_table()
}

/// A TOML string: literal when that saves escapes.
fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) && !text.contains('\'') {
        format!("'{text}'")
    } else {
        // JSON's escapes are TOML's too.
        serde_json::Value::from(text).to_string()
    }
}
