//! Where a repository's submodules are (gitmodules(5)).

use lock::repository_problem;
use store::Fetcher;

use crate::{
    Commit, Error, Result,
    program::{git, run},
};

/// The address of the submodule at `path` in `commit`, whose own address is `outer`.
///
/// # Errors
/// [`Error::Submodule`] where `.gitmodules` has none, or one that may not be used.
pub(crate) fn address(
    fetcher: &Fetcher,
    commit: &Commit,
    path: &str,
    outer: &str,
) -> Result<String> {
    let wrong = |problem: String| Error::Submodule {
        path: path.to_owned(),
        problem,
    };
    let found = listed(fetcher, commit, path)?;
    let found = found.ok_or_else(|| wrong(".gitmodules does not say where it is".to_owned()))?;
    let address = match found.starts_with("./") || found.starts_with("../") {
        true => relative(outer, &found)
            .ok_or_else(|| wrong(format!("{found:?} leads out of {outer}")))?,
        false => found,
    };
    if let Some((problem, _)) = repository_problem(&address) {
        return Err(wrong(problem));
    }
    // What comes from elsewhere does not get at this machine's files.
    if address.starts_with("file:") && !outer.starts_with("file:") {
        return Err(wrong(format!("{address:?} is on this machine")));
    }
    Ok(address)
}

/// What `.gitmodules` has as the submodule's url.
fn listed(fetcher: &Fetcher, commit: &Commit, path: &str) -> Result<Option<String>> {
    let mut command = git(Some(commit.objects.path()));
    let blob = format!("{}:.gitmodules", commit.id());
    command.args(["config", "-z", "--no-includes", "--blob", &blob, "--list"]);
    let answer = run(command, fetcher, path, &mut || {})?;
    if !answer.status.success() {
        return match answer.says("unable to resolve config blob") {
            true => Ok(None),
            false => Err(Error::Submodule {
                path: path.to_owned(),
                problem: format!(".gitmodules cannot be read; git said:{}", answer.said),
            }),
        };
    }
    // KEY newline VALUE NUL, with keys `submodule.NAME.path` and `submodule.NAME.url`.
    let text = String::from_utf8_lossy(&answer.out);
    let settings: Vec<(&str, &str)> = text
        .split('\0')
        .filter_map(|setting| setting.split_once('\n'))
        .collect();
    let path = path.trim_end_matches('/');
    let of_path = |(key, value): &&(&str, &str)| {
        key.starts_with("submodule.")
            && key.ends_with(".path")
            && value.trim_end_matches('/') == path
    };
    let Some((key, _)) = settings.iter().rfind(of_path) else {
        return Ok(None);
    };
    let key = format!("{}.url", key.strip_suffix(".path").unwrap_or(key));
    let url = settings.iter().rfind(|(name, _)| *name == key);
    Ok(url.map(|(_, url)| (*url).to_owned()))
}

/// An address relative to another, as git resolves it (git-submodule(1), `add`).
fn relative(outer: &str, below: &str) -> Option<String> {
    let mut base = outer.trim_end_matches('/');
    let mut below = below;
    let mut joint = '/';
    loop {
        if let Some(rest) = below.strip_prefix("./") {
            below = rest;
        } else if let Some(rest) = below.strip_prefix("../") {
            below = rest;
            let path = base.find("://").map_or(0, |at| at + 3);
            match (base[path..].rfind('/'), base.rfind(':')) {
                (Some(slash), _) => base = &base[..path + slash],
                // git's short form: HOST:PATH
                (None, Some(colon)) if path == 0 => (base, joint) = (&base[..colon], ':'),
                _ => return None,
            }
        } else {
            return (!below.is_empty()).then(|| format!("{base}{joint}{below}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn relative_addresses() {
        let cases = [
            ("https://h/o/n.git", "../m.git", Some("https://h/o/m.git")),
            ("https://h/o/n/", "../../p/m", Some("https://h/p/m")),
            ("https://h/o/n", "./sub", Some("https://h/o/n/sub")),
            ("git@h:o/n.git", "../m.git", Some("git@h:o/m.git")),
            ("git@h:n.git", "../m.git", Some("git@h:m.git")),
            ("file:///srv/n", "../m", Some("file:///srv/m")),
            ("https://h/n", "../../../x", None),
            ("https://h/n", "../", None),
        ];
        for (outer, below, expected) in cases {
            assert_eq!(
                relative(outer, below).as_deref(),
                expected,
                "{outer} {below}"
            );
        }
    }
}
