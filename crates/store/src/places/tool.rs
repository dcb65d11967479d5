//! The default that a tool on this machine brings: the index that Python's pip would use.

use std::process::{Command, Stdio};

use super::Place;

/// Prints the simple index that this pip has as its default.
const ASK: &str = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)";

/// Asks the pip of the first Python on the path that has one.
pub(super) fn default_index() -> Result<Place, String> {
    let mut problems = Vec::new();
    for python in ["python3", "python"] {
        match ask(python) {
            Ok(place) => return Ok(place),
            Err(problem) => problems.push(format!("{python}: {problem}")),
        }
    }
    Err(format!(
        "no setting names one, and no pip was found to ask ({})",
        problems.join("; ")
    ))
}

fn ask(python: &str) -> Result<Place, String> {
    let output = Command::new(python)
        .args(["-c", ASK])
        // `-c` looks for modules in the working folder first, which may hold anything.
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("it failed");
        return Err(last.to_owned());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Place::parse(python, said.trim()).map_err(|error| error.to_string())
}
