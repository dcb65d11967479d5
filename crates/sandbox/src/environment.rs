//! The environment of every program inside: the same on all machines, nothing inherited.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// What a program finds unless the caller says otherwise. `PYTHONDONTWRITEBYTECODE` is absent on
/// purpose: bytecode is written in advance, and deliberately.
const FIXED: [(&str, &str); 10] = [
    (
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ),
    ("HOME", "/root"),
    ("LANG", "C.UTF-8"),
    ("LC_ALL", "C.UTF-8"),
    ("TZ", "UTC0"),
    ("USER", "root"),
    ("LOGNAME", "root"),
    ("SHELL", "/bin/sh"),
    ("TERM", "dumb"),
    ("PYTHONHASHSEED", "0"),
];

/// The fixed environment, sorted.
pub(crate) fn fixed() -> BTreeMap<OsString, OsString> {
    FIXED
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
