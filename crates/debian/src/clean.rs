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

/// Whether a path stays out of the layer. Folders below `var/log` stay: daemons expect them.
pub(crate) fn left_out(path: &str, is_dir: bool) -> bool {
    let emptied = EMPTIED.iter().any(|folder| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    });
    let backup = ["etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-"].contains(&path)
        || (path.starts_with("var/lib/dpkg/") && path.ends_with("-old"))
        || (path.starts_with("var/cache/debconf/") && path.ends_with("-old"));
    (emptied && !(is_dir && path.starts_with("var/log/"))) || LEFT_OUT.contains(&path) || backup
}
