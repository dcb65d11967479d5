//! pip's constraints: every wheel of the lock at its version, so that nothing that pip installs
//! later replaces one of them unasked.

use lock::Lock;

/// `PIP_CONSTRAINT`.
pub(crate) const PLACE: &str = "/runner-scripts/constraints.txt";

/// The file's text, sorted by name.
pub(crate) fn text(lock: &Lock) -> String {
    let mut lines: Vec<String> = lock
        .wheels
        .iter()
        .map(|wheel| format!("{}=={}\n", wheel.name, wheel.version))
        .collect();
    lines.sort();
    format!(
        "# What this image was locked with. pip keeps to it while PIP_CONSTRAINT names this file;\n\
         # `env -u PIP_CONSTRAINT pip install ...` does not.\n{}",
        lines.concat()
    )
}
