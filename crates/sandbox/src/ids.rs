//! User and group ids of a user namespace: which ones the caller may use, and having them mapped.
//! subuid(5), newuidmap(1), user_namespaces(7).

use std::process::Command;

use crate::error::{Error, Result};

/// Inside there are ids 0 to 65535, as on any Debian system; `nobody` is 65534.
const IDS: u32 = 65536;

/// A run of ids: first inside, first outside, how many.
type Run = [u32; 3];

/// One of the two kinds of ids.
struct Kind {
    granted: &'static str,
    program: &'static str,
    map: &'static str,
    own: u32,
}

/// Maps the ids of the user namespace of process `pid`, for the caller with `uid` and `gid`.
pub(crate) fn map(pid: i32, uid: u32, gid: u32) -> Result<()> {
    let kinds = [
        Kind {
            granted: "/etc/subuid",
            program: "newuidmap",
            map: "uid_map",
            own: uid,
        },
        Kind {
            granted: "/etc/subgid",
            program: "newgidmap",
            map: "gid_map",
            own: gid,
        },
    ];
    if uid == 0 {
        // Root of a container: it may hand on what it has, and needs no grant.
        return kinds.iter().try_for_each(|kind| pass_on(pid, kind));
    }
    let passwd = fs_err::read_to_string("/etc/passwd").unwrap_or_default();
    let user = user_name(&passwd, uid);
    for kind in &kinds {
        let grants = fs_err::read_to_string(kind.granted).unwrap_or_default();
        let runs = runs(kind.own, &grants_of(&grants, user, uid)).map_err(|found| {
            let user = user.map_or_else(|| uid.to_string(), str::to_owned);
            Error::SubordinateIds {
                user,
                file: kind.granted,
                found,
            }
        })?;
        delegate(pid, kind, &runs)?;
    }
    Ok(())
}

/// Has the setuid helper write the map.
fn delegate(pid: i32, kind: &Kind, runs: &[Run]) -> Result<()> {
    let wrong = |problem: String| Error::Mapping {
        program: kind.program.to_owned(),
        problem,
    };
    let output = Command::new(kind.program)
        .arg(pid.to_string())
        .args(runs.iter().flatten().map(u32::to_string))
        .output()
        .map_err(|source| wrong(format!("{source}; is the package uidmap installed?")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(wrong(format!("{}: {}", output.status, said.trim())))
}

/// Writes a map in which every id that we have is itself.
fn pass_on(pid: i32, kind: &Kind) -> Result<()> {
    let path = format!("/proc/{pid}/{}", kind.map);
    fs_err::read_to_string(format!("/proc/self/{}", kind.map))
        .and_then(|own| fs_err::write(&path, identity(&own)))
        .map_err(|source| Error::Mapping {
            program: path,
            problem: source.to_string(),
        })
}

/// The map that hands on the ids of `own`, which is a map as the kernel shows it.
fn identity(own: &str) -> String {
    let mut lines = String::new();
    for line in own.lines() {
        let mut fields = line.split_whitespace();
        if let (Some(inside), Some(_), Some(count)) = (fields.next(), fields.next(), fields.next())
        {
            lines.push_str(&format!("{inside} {inside} {count}\n"));
        }
    }
    lines
}

/// The name of `uid` in the text of passwd(5).
fn user_name(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

/// The ranges (first, count) that the text of subuid(5) grants to a user, by name or by number.
fn grants_of(text: &str, user: Option<&str>, uid: u32) -> Vec<(u32, u32)> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let owner = fields.next()?;
            let range = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            (Some(owner) == user || owner.parse() == Ok(uid)).then_some(range)
        })
        .collect()
}

/// Maps 0 to `own` and the rest to the granted ranges, in their order. Where they are too few, how
/// many they are.
fn runs(own: u32, grants: &[(u32, u32)]) -> Result<Vec<Run>, u64> {
    let mut runs = vec![[0, own, 1]];
    let mut next = 1;
    for &(first, count) in grants {
        let count = count.min(IDS - next);
        if count > 0 {
            runs.push([next, first, count]);
            next += count;
        }
    }
    if next == IDS {
        Ok(runs)
    } else {
        Err(u64::from(next - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_user_by_number() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1001:1001::/home/ann:\n";
        assert_eq!(user_name(passwd, 1001), Some("ann"));
        assert_eq!(user_name(passwd, 0), Some("root"));
        assert_eq!(user_name(passwd, 7), None);
    }

    #[test]
    fn grants_go_by_name_or_number_and_skip_what_is_broken() {
        let text = "ann:100000:65536\n1001:300000:10\nbob:1:2\nann:x:1\nann:5\n\n";
        assert_eq!(
            grants_of(text, Some("ann"), 1001),
            [(100_000, 65536), (300_000, 10)]
        );
        assert_eq!(grants_of(text, None, 1001), [(300_000, 10)]);
        assert_eq!(grants_of(text, None, 5), []);
    }

    #[test]
    fn one_range_or_several_fill_the_namespace() {
        assert_eq!(
            runs(1001, &[(100_000, 65536)]),
            Ok(vec![[0, 1001, 1], [1, 100_000, 65535]])
        );
        assert_eq!(
            runs(1, &[(100, 30000), (500_000, 65536), (900_000, 7)]),
            Ok(vec![[0, 1, 1], [1, 100, 30000], [30001, 500_000, 35535]]),
        );
    }

    #[test]
    fn too_few_are_counted() {
        assert_eq!(runs(1, &[]), Err(0));
        assert_eq!(runs(1, &[(5, 1000), (9, 1)]), Err(1001));
    }

    #[test]
    fn a_container_hands_on_what_it_has() {
        assert_eq!(
            identity("         0     100000      65536\n"),
            "0 0 65536\n"
        );
        assert_eq!(identity("0 1000 1\n1 100000 65536\n"), "0 0 1\n1 1 65536\n");
    }
}
