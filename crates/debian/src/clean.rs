//! What a configured system holds that belongs to a machine or a moment, and not to a layer.

/// Paths whose contents are left out; the folders themselves stay.
const EMPTIED: [&str; 9] = [
    "dev",
    "proc",
    "run",
    "sys",
    "tmp",
    "var/cache/apt/archives",
    "var/lib/apt/lists",
    "var/tmp",
    "var/log",
];

/// Paths that are left out.
const LEFT_OUT: [&str; 8] = [
    "etc/machine-id",
    "etc/.pwd.lock",
    "var/cache/apt/pkgcache.bin",
    "var/cache/apt/srcpkgcache.bin",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dpkg/lock",
    "var/lib/dpkg/lock-frontend",
    "var/lib/dpkg/triggers/Lock",
];

/// Emptied folders whose own folders stay, since packages own them.
const SKELETONS: [&str; 3] = ["var/log/", "var/cache/apt/archives/", "var/lib/apt/lists/"];

/// Whether a path stays out of the layer.
pub(crate) fn left_out(path: &str, is_dir: bool) -> bool {
    let emptied = EMPTIED.iter().any(|folder| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    });
    let backup = ["etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-"].contains(&path)
        || (path.starts_with("var/lib/dpkg/") && path.ends_with("-old"))
        || (path.starts_with("var/cache/debconf/") && path.ends_with("-old"));
    (emptied && !(is_dir && SKELETONS.iter().any(|folder| path.starts_with(folder))))
        || LEFT_OUT.contains(&path)
        || backup
}

#[cfg(test)]
mod tests {
    use super::left_out;

    #[test]
    fn machines_and_moments_stay_out() {
        for path in [
            "var/log/dpkg.log",
            "etc/machine-id",
            "var/lib/dpkg/status-old",
            "tmp/x",
        ] {
            assert!(left_out(path, false), "{path}");
        }
        for path in ["etc/passwd", "var/lib/dpkg/status", "var/logs", "usr/tmp/x"] {
            assert!(!left_out(path, false), "{path}");
        }
        assert!(!left_out("var/log/apt", true) && !left_out("var/lib/apt/lists/partial", true));
        assert!(!left_out("tmp", true) && left_out("tmp/folder", true));
    }
}
