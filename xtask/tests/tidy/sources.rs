//! Every Rust file says at its top what lives there, and is small enough to hold one idea.

use crate::{Problem, assert_none, repository};

/// Lines of a source file. The aim is 300; this is the bound.
const SOURCE: usize = 520;
/// Lines of a file of tests, which are many small ideas in a row.
const TESTS: usize = 800;

fn check(file: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !text.starts_with("//!") {
        problems.push(Problem::new(
            file,
            1,
            "does not begin with a //! that says what lives here",
        ));
    }
    let limit = if file.contains("/tests/") {
        TESTS
    } else {
        SOURCE
    };
    let lines = text.lines().count();
    if lines > limit {
        let what = format!("{lines} lines, {limit} are the bound: split it");
        problems.push(Problem::new(file, limit + 1, what));
    }
    problems
}

#[test]
fn sources_say_what_they_are_and_are_small() {
    let files = repository::files();
    let sources: Vec<_> = files
        .iter()
        .filter(|(name, _)| name.ends_with(".rs"))
        .collect();
    assert!(
        sources.len() > 100,
        "only {} sources were found",
        sources.len()
    );
    let check = |(name, text): &&(String, String)| check(name, text);
    assert_none(&sources.iter().flat_map(check).collect::<Vec<_>>());
}

#[test]
fn a_file_without_a_top_comment_is_found() {
    assert_none(&check("a/src/lib.rs", "//! What.\n\nfn a() {}\n"));
    let problems = check("a/src/lib.rs", "// What.\n");
    assert!(
        problems[0]
            .to_string()
            .starts_with("a/src/lib.rs:1: does not begin")
    );
}

#[test]
fn a_long_file_is_found() {
    let text = "//! What.\n".repeat(SOURCE);
    assert_none(&check("a/src/lib.rs", &text));
    let text = text + "\n";
    assert_none(&check("a/tests/all.rs", &text));
    let problems = check("a/src/lib.rs", &text);
    assert!(
        problems[0]
            .to_string()
            .starts_with("a/src/lib.rs:521: 521 lines")
    );
    assert_eq!(check("a/tests/all.rs", &"//!\n".repeat(TESTS + 1)).len(), 1);
}
