//! Which commit a branch or tag of a repository stands at.

use lock::ObjectId;
use store::{Error as StoreError, Fetcher};

use crate::{
    Error, Result,
    program::{git, run},
};

/// The commit that `reference` stands at: `HEAD`, `refs/heads/…` or `refs/tags/…` (of an annotated tag,
/// the commit that it is of). Asks the repository, always.
///
/// # Errors
/// [`Error::NoReference`]; [`Error::Refused`] where git does not get there; [`Error::Store`] where
/// fetching is off.
pub fn look_up(fetcher: &Fetcher, repository: &str, reference: &str) -> Result<ObjectId> {
    let peeled = format!("{reference}^{{}}");
    let found = ask(fetcher, repository, &[reference, &peeled])?;
    let named = |name: &str| found.iter().find(|(found, _)| found == name);
    if let Some((_, commit)) = named(&peeled).or_else(|| named(reference)) {
        return Ok(*commit);
    }
    let (kind, short) = [("branch", "refs/heads/"), ("tag", "refs/tags/")]
        .into_iter()
        .find_map(|(kind, prefix)| Some((kind, reference.strip_prefix(prefix)?)))
        .unwrap_or(("default branch", ""));
    let all = all(fetcher, repository)?;
    let names = all.iter().filter_map(|(name, _)| {
        let name = name.trim_end_matches("^{}");
        name.strip_prefix("refs/heads/")
            .or_else(|| name.strip_prefix("refs/tags/"))
    });
    Err(Error::NoReference {
        repository: repository.to_owned(),
        reference: format!("{kind} {short}").trim_end().to_owned(),
        near: lock::nearest(short, names).map(str::to_owned),
    })
}

/// All branches and tags; what an annotated tag is of stands under its name and `^{}`.
pub(crate) fn all(fetcher: &Fetcher, repository: &str) -> Result<Vec<(String, ObjectId)>> {
    ask(fetcher, repository, &["refs/heads/*", "refs/tags/*"])
}

fn ask(fetcher: &Fetcher, repository: &str, names: &[&str]) -> Result<Vec<(String, ObjectId)>> {
    if fetcher.offline() && !repository.starts_with("file:") {
        return Err(Error::Store(StoreError::Offline {
            artifact: format!("what {repository} has"),
            more: 0,
        }));
    }
    let mut command = git(None);
    command.args(["ls-remote", "--quiet", "--", repository]);
    command.args(names);
    let answer = run(command, fetcher, repository, &mut || {})?;
    if !answer.status.success() {
        return Err(Error::Refused {
            repository: repository.to_owned(),
            doing: "its branches and tags cannot be listed".to_owned(),
            said: answer.said,
        });
    }
    let text = String::from_utf8_lossy(&answer.out);
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    Ok(lines
        .filter_map(|(id, name)| Some((name.to_owned(), id.parse().ok()?)))
        .collect())
}
