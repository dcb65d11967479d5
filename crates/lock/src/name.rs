//! Names of Python projects.

/// A project's normalised name (PEP 503): lower case, and each run of `-`, `_` and `.` is one `-`.
pub fn normalised(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        let letter = match letter {
            '.' | '_' => '-',
            other => other.to_ascii_lowercase(),
        };
        if letter != '-' || !out.ends_with('-') {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_one() {
        assert_eq!(normalised("Foo__bar.-baz"), "foo-bar-baz");
        assert_eq!(normalised("x"), "x");
    }
}
