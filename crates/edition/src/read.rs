//! Reading an edition: its file, those that it extends, and from all of them one [`Edition`].

use std::path::{Path, PathBuf};

use lock::{Problem, Problems, nearest};

use crate::{
    Edition, Error, Result, Spanned, extract, finish, merge, reader::Reader, shape, sheet::Sheet,
};

/// The files of one reading and what is wrong with them.
#[derive(Default)]
pub(crate) struct Reading {
    /// Name as shown, and text.
    pub texts: Vec<(String, String)>,
    pub files: Vec<PathBuf>,
    pub problems: Vec<Problem>,
}

impl Reading {
    /// Reports what is wrong with a thing that was written in one of the files.
    pub fn problem<T>(&mut self, thing: &Spanned<T>, message: String, hint: String) {
        let place = &thing.place;
        let text = self
            .texts
            .iter()
            .find(|(name, _)| **name == *place.file)
            .map_or("", |(_, text)| text.as_str());
        let start: usize = text
            .split_inclusive('\n')
            .take(place.line - 1)
            .map(str::len)
            .sum();
        let line = text[start..].lines().next().unwrap_or("");
        let offset = line
            .char_indices()
            .nth(place.column - 1)
            .map_or(line.len(), |(at, _)| at);
        // A string reaches to its closing quote.
        let rest = &line[offset..];
        let width = rest
            .chars()
            .next()
            .filter(|quote| "\"'".contains(*quote))
            .and_then(|quote| rest[1..].find(quote))
            .map_or(1, |end| end + 2);
        let span = start + offset..start + offset + width;
        self.problems
            .push(Problem::new(&place.file, text, span, message, hint));
    }

    /// One file as a sheet, and what it extends merged below it.
    fn sheet(
        &mut self,
        text: &str,
        shown: &str,
        folder: Option<&Path>,
        chain: &mut Vec<String>,
    ) -> Sheet {
        let mut reader = Reader::new(shown, text, folder);
        let document = shape::parse(&mut reader);
        let sheet = if reader.problems.is_empty() {
            extract::sheet(&mut reader, &document)
        } else {
            // Values are checked as well, so that one run tells all; places of broken syntax are not.
            let syntax = toml::de::DeTable::parse(text).is_err();
            if syntax {
                Sheet::default()
            } else {
                extract::sheet(&mut reader, &document)
            }
        };
        self.problems.append(&mut reader.problems);
        self.texts.push((shown.to_owned(), text.to_owned()));
        let Some(extends) = sheet.extends.clone() else {
            merge::nothing_to_remove(self, &sheet);
            return sheet;
        };
        match self.parent(&extends, folder, chain) {
            Some(parent) => merge::merge(self, parent, sheet),
            None => sheet,
        }
    }

    fn parent(
        &mut self,
        extends: &Spanned<String>,
        folder: Option<&Path>,
        chain: &mut Vec<String>,
    ) -> Option<Sheet> {
        let name = extends.value.as_str();
        let Some(folder) = folder else {
            self.problem(
                extends,
                "this text was not read from a file, so it can extend none".to_owned(),
                "read the edition from its file".to_owned(),
            );
            return None;
        };
        if name.is_empty() || name.contains(['/', '\\']) || name.ends_with(".toml") {
            self.problem(
                extends,
                format!("{name:?} is no edition's name"),
                "write the name alone, such as \"starter\", for starter.toml in the same folder"
                    .to_owned(),
            );
            return None;
        }
        if chain.iter().any(|link| link == name) {
            let circle = format!("{} -> {name}", chain.join(" -> "));
            self.problem(
                extends,
                format!("editions extend each other in a circle: {circle}"),
                "let one of them extend none".to_owned(),
            );
            return None;
        }
        let path = folder.join(format!("{name}.toml"));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                let names: Vec<String> = std::fs::read_dir(folder)
                    .into_iter()
                    .flatten()
                    .filter_map(|entry| {
                        let file = entry.ok()?.file_name().into_string().ok()?;
                        file.strip_suffix(".toml").map(str::to_owned)
                    })
                    .filter(|other| !chain.contains(other))
                    .collect();
                let hint = match nearest(name, names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => "name an edition in the same folder".to_owned(),
                };
                self.problem(
                    extends,
                    format!("cannot read the edition {name:?}: {error}"),
                    hint,
                );
                return None;
            }
        };
        chain.push(name.to_owned());
        self.files.push(path.clone());
        let sheet = self.sheet(&text, &path.display().to_string(), Some(folder), chain);
        chain.pop();
        Some(sheet)
    }

    fn finish(
        mut self,
        text: &str,
        shown: &str,
        name: &str,
        folder: Option<&Path>,
    ) -> Result<Edition> {
        let mut chain = vec![name.to_owned()];
        let sheet = self.sheet(text, shown, folder, &mut chain);
        // What is missing in the end is only known when nothing was lost on the way.
        if self.problems.is_empty()
            && let Some(edition) = finish::finish(&mut self, sheet, shown, text, name)
            && self.problems.is_empty()
        {
            return Ok(edition);
        }
        // The file that was asked for comes first, then the others.
        self.problems.sort_by_key(|problem| {
            (
                problem.file != shown,
                problem.file.clone(),
                problem.line,
                problem.column,
            )
        });
        self.problems.dedup();
        Err(Error::Malformed(Problems(self.problems)))
    }
}

impl Edition {
    /// Reads an edition and what it extends and lists.
    ///
    /// # Errors
    /// The file cannot be read, or something is wrong in it or in what it names: then all of it, each
    /// with file, line, column and a hint.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let shown = path.display().to_string();
        let text = lock::utf8(&shown, bytes)
            .map_err(|problem| Error::Malformed(Problems(vec![*problem])))?;
        Self::parse_at(&text, path)
    }

    /// As [`Edition::read`], with the text given that the file at `path` has or is to have.
    ///
    /// # Errors
    /// As [`Edition::read`].
    pub fn parse_at(text: &str, path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let reading = Reading {
            files: vec![path.to_owned()],
            ..Reading::default()
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        reading.finish(text, &shown, &name, Some(folder))
    }

    /// Parses the text of an edition that names no files. `name` is the edition's, and stands in
    /// messages.
    ///
    /// # Errors
    /// As [`Edition::read`]; and a text that names files: it has no folder to find them in.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        Reading::default().finish(text, name, name, None)
    }
}
