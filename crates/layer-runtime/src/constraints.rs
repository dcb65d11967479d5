//! The one constraints file that pip is pointed to. It names those that the wheels' parts bring, so
//! that nothing that pip installs later replaces a wheel of the lock unasked.

use lock::Lock;

/// `PIP_CONSTRAINT`.
pub(crate) const PLACE: &str = "/runner-scripts/constraints.txt";

/// The file's text.
pub(crate) fn text(lock: &Lock) -> String {
    let files = python::constraints_files(lock).into_iter();
    let lines: String = files.map(|file| format!("-c {file}\n")).collect();
    format!(
        "# What this image was locked with. pip keeps to it while PIP_CONSTRAINT names this file;\n\
         # `env -u PIP_CONSTRAINT pip install ...` does not.\n{lines}"
    )
}
