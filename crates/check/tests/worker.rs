//! The importing program alone, under the host's Python: what it tells of modules that import, fail, end
//! the process or turn on the GIL. No free-threaded interpreter is needed: `sys` is made to look like
//! one, and a module warns in CPython's words. Skipped, and said so, without a Python 3.11 or newer.
#![allow(clippy::unwrap_used, clippy::print_stderr)] // helpers outside of #[test] functions

use std::{fs, path::Path, process::Command};

use serde_json::Value;

const PROGRAM: &str = include_str!("../src/worker.py");

/// Sets up `sys` before anything else runs.
const FREE_THREADED: &str = "\
import sys, warnings
sys.gil = False
sys._is_gil_enabled = lambda: sys.gil
def load(name):
    if not sys.gil:
        sys.gil = True
        warnings.warn(f\"The global interpreter lock (GIL) has been enabled to load module '{name}', which \"
                      'has not declared that it can run safely without the GIL.', RuntimeWarning)
";

fn has_python() -> bool {
    let version = "import sys; sys.exit(sys.version_info < (3, 11))";
    let asked = Command::new("python3").args(["-c", version]).status();
    let has = asked.is_ok_and(|status| status.success());
    if !has {
        eprintln!("skipped: there is no Python 3.11 or newer");
    }
    has
}

/// What the program tells of a module in `folder`; its standard output, where that is not JSON.
fn import(folder: &Path, setup: &str, module: &str) -> Result<Value, String> {
    let output = Command::new("python3")
        .args(["-P", "-B", "-c", &format!("{setup}{PROGRAM}"), module])
        .arg(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(&text).map_err(|_| text)
}

#[test]
fn what_is_told_of_a_module() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("fine", "print('noise')\n"),
        ("fails", "raise ValueError('of two\\nlines')\n"),
        ("wants", "import not_there.inner\n"),
        ("leaves", "import sys\nsys.exit(3)\n"),
        ("dies", "import os\nos._exit(0)\n"),
        (
            "holds",
            "import sys, threading\nsys.load('a._c') if hasattr(sys, 'load') else None\n",
        ),
    ] {
        fs::write(folder.path().join(format!("{name}.py")), text).unwrap();
    }
    let told = |module: &str| import(folder.path(), "", module).unwrap();
    let fine = told("fine");
    assert_eq!(
        (&fine["error"], &fine["gil_after"]),
        (&Value::Null, &true.into())
    );
    assert_eq!(told("fails")["error"], "ValueError: of two lines");
    let wants = told("wants");
    assert_eq!(
        wants["error"],
        "ModuleNotFoundError: No module named 'not_there'"
    );
    assert_eq!(wants["missing"], "not_there");
    assert_eq!(told("leaves")["error"], "SystemExit: 3");
    assert_eq!(import(folder.path(), "", "dies"), Err(String::new()));

    let setup = format!("{FREE_THREADED}sys.load = load\n");
    let free = import(folder.path(), &setup, "fine").unwrap();
    assert_eq!(
        (&free["gil_before"], &free["gil_after"]),
        (&false.into(), &false.into())
    );
    let held = import(folder.path(), &setup, "holds").unwrap();
    assert_eq!(
        (&held["gil_before"], &held["gil_after"]),
        (&false.into(), &true.into())
    );
    let warning = held["gil_warnings"][0].as_str().unwrap();
    assert!(warning.contains("to load module 'a._c',"), "{warning}");
}
