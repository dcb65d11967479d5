//! A text being read: makes places out of byte spans and gathers what is wrong.

use std::{ops::Range, path::Path, sync::Arc};

use lock::Problem;

use crate::{Place, Spanned};

/// One text, its name, the folder that its relative paths start from, and what is wrong so far.
pub(crate) struct Reader<'a> {
    pub file: Arc<str>,
    pub text: &'a str,
    /// `None`: the text has no place on disk and may name no files.
    pub folder: Option<&'a Path>,
    pub problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub fn new(file: &str, text: &'a str, folder: Option<&'a Path>) -> Self {
        Self {
            file: file.into(),
            text,
            folder,
            problems: Vec::new(),
        }
    }

    pub fn problem(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let problem = Problem::new(&self.file, self.text, span, message, hint);
        self.problems.push(problem);
    }

    pub fn spanned<T>(&self, value: T, span: &Range<usize>) -> Spanned<T> {
        let (line, column) = lock::position(self.text, span.start);
        Spanned {
            value,
            place: Place {
                file: self.file.clone(),
                line,
                column,
            },
        }
    }
}
