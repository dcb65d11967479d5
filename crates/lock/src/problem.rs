//! What is wrong with a text that a person can open: file, line, column, the line itself and a hint.
//! Locks and editions both report in this form.

use std::{fmt, ops::Range};

/// One thing that is wrong in a text file. Shown as
/// `file:line:column: message`, the line with carets below it, and the hint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's path, or a name that stands for it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What was expected and what was found.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// The line's text, for display.
    excerpt: String,
    /// How many characters the carets cover; at least one.
    width: usize,
}

impl Problem {
    /// A problem at the bytes `span` of `text`, which is the content of `file`. A span beyond the
    /// text's end, or inside a character, is moved to the nearest place before it.
    pub fn new(
        file: &str,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let (line, column) = position(text, span.start);
        let start = floor(text, span.start);
        let head = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let excerpt = text[head..].lines().next().unwrap_or("");
        // Carets stop where the line does.
        let tail = floor(text, span.end).clamp(start, (head + excerpt.len()).max(start));
        Self {
            file: file.to_owned(),
            line,
            column,
            message: message.into(),
            hint: hint.into(),
            excerpt: excerpt.to_owned(),
            width: text[start..tail].chars().count().max(1),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        // A tab stays a tab below itself, so that the carets stand under what they mean.
        let lead: String = self
            .excerpt
            .chars()
            .take(self.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        writeln!(
            f,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.message
        )?;
        writeln!(f, "{number} | {}", self.excerpt)?;
        writeln!(f, "{margin} | {lead}{}", "^".repeat(self.width))?;
        write!(f, "{margin} = hint: {}", self.hint)
    }
}

/// All that is wrong with a file, in the order of the lines; never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// Line and column (both from 1, the column in characters) of the byte `offset` of `text`.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..floor(text, offset)];
    let line = before.matches('\n').count() + 1;
    let head = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[head..].chars().count() + 1)
}

/// The text of `bytes`, which is the content of `file`.
///
/// # Errors
/// Bytes that are not UTF-8, with the place of the first of them.
pub fn utf8(file: &str, bytes: Vec<u8>) -> Result<String, Box<Problem>> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        Box::new(Problem::new(
            file,
            &text,
            good..good + 1,
            "the file is not UTF-8 text",
            "save it as UTF-8, or take it back from version control",
        ))
    })
}

/// Where git has left a conflict in the text: the first marker's bytes.
pub fn conflict(text: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if ["<<<<<<< ", "||||||| ", ">>>>>>> "]
            .iter()
            .any(|marker| line.starts_with(marker))
        {
            return Some(start..start + line.trim_end().len());
        }
        start += line.len();
    }
    None
}

/// The name among `known` that `word` is most likely a misspelling of, if one is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&word, name), name))
        // A third of the letters may be wrong; a prefix such as `desc` counts as near.
        .filter(|(distance, name)| {
            *distance * 3 <= name.len().max(3) || (word.len() > 2 && name.starts_with(&word))
        })
        .min()
        .map(|(_, name)| name)
}

fn floor(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_under_what_they_mean() {
        let text = "a = 1\n\tdébain = []\n";
        let at = text.find('d').unwrap();
        let shown = Problem::new("x.toml", text, at..at + 7, "unknown key", "look").to_string();
        assert_eq!(
            shown,
            "x.toml:2:2: unknown key\n2 | \tdébain = []\n  | \t^^^^^^\n  = hint: look"
        );
    }

    #[test]
    fn spans_outside_the_text_are_moved_into_it() {
        for span in [9..12, 1..2, 2..2, 4..40] {
            let problem = Problem::new("x", "aé\nb", span, "m", "h");
            assert!(problem.line <= 2, "{problem}");
        }
        assert_eq!(position("", 7), (1, 1));
    }

    #[test]
    fn bytes_that_are_not_text_have_a_place() {
        let problem = utf8("x", b"a = 1\nb = \"\xff\"\n".to_vec()).unwrap_err();
        assert_eq!((problem.line, problem.column), (2, 6));
    }

    #[test]
    fn near_names() {
        let known = ["debian", "python", "description"];
        assert_eq!(nearest("debain", known), Some("debian"));
        assert_eq!(nearest("Pyhton", known), Some("python"));
        assert_eq!(nearest("desc", known), Some("description"));
        assert_eq!(nearest("zzz", known), None);
    }
}
