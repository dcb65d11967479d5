//! The house rules that no compiler checks, over the files of the repository. Each module has one
//! rule: a test that the repository keeps it, and one that the check finds what breaks it.

mod arrows;
mod dependencies;
mod names;
mod repository;
mod sources;

use std::fmt;

/// One place that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    /// Path from the repository's root.
    file: String,
    /// Counted from 1.
    line: usize,
    what: String,
}

impl Problem {
    fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        let (file, what) = (file.to_owned(), what.into());
        Self { file, line, what }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Fails the test with one line for each problem.
#[track_caller]
fn assert_none(problems: &[Problem]) {
    let lines: String = problems.iter().map(|p| format!("\n{p}")).collect();
    assert!(problems.is_empty(), "{lines}");
}
