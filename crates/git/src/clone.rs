//! `.git` as a shallow clone of one commit (gitrepository-layout(5)), made of the objects alone: the same
//! bytes whatever a server packed, and whichever git fetched them.

mod index;
mod pack;

use std::sync::Arc;

use layer::{Content, Entry, EntryPath, FileContent};
use lock::Git;
use store::Store;

use crate::{
    Commit, Error, Result,
    walk::{Kind, Walked},
};

/// Version of everything here that shapes a clone.
pub(crate) const FORMAT: &str = "strata git clone 1";

/// The files of `.git` for a commit that is taken whole. HEAD is on the branch that the edition names; where
/// it names a tag, a commit or nothing, it stands on the commit alone.
pub(crate) fn files(
    store: &Store,
    git: &Git,
    commit: &Commit,
    walked: &Walked,
) -> Result<Vec<Entry>> {
    if !git.subfolder.is_empty() {
        return Err(Error::PartOfClone("subfolder"));
    }
    if !git.exclude.is_empty() {
        return Err(Error::PartOfClone("exclude"));
    }
    let id = git.commit;
    let branch = git
        .reference
        .as_deref()
        .and_then(|name| name.strip_prefix("refs/heads/"));
    let mut texts = vec![
        ("config".to_owned(), config(git, branch)),
        ("shallow".to_owned(), format!("{id}\n")),
    ];
    match branch {
        Some(branch) => {
            texts.push(("HEAD".to_owned(), format!("ref: refs/heads/{branch}\n")));
            texts.push((format!("refs/heads/{branch}"), format!("{id}\n")));
            texts.push((format!("refs/remotes/origin/{branch}"), format!("{id}\n")));
        }
        None => texts.push(("HEAD".to_owned(), format!("{id}\n"))),
    }
    let mut contents: Vec<(String, Arc<dyn Content>)> = texts
        .into_iter()
        .map(|(name, text)| (name, Arc::new(text.into_bytes()) as Arc<dyn Content>))
        .collect();
    let own = |leaf: &&crate::walk::Leaf| leaf.objects.commit() == id && leaf.kind != Kind::Empty;
    let leaves: Vec<_> = walked.leaves.iter().filter(own).collect();
    contents.push((
        "index".to_owned(),
        Arc::new(index::index(&leaves, &walked.gitlinks)),
    ));
    let pack = pack::write(store, commit, walked, &leaves)?;
    let name = format!("objects/pack/pack-{}", pack.name);
    let bytes = FileContent::of_open(pack.file, 0, pack.size);
    contents.push((format!("{name}.pack"), Arc::new(bytes)));
    contents.push((format!("{name}.idx"), Arc::new(pack.index)));

    let place = format!("{}/.git", git.to);
    let path = |name: &str| {
        let path = format!("{place}/{name}");
        EntryPath::from_absolute(&path).map_err(|source| archive::Error::Path { path, source })
    };
    let mut entries = vec![Entry::dir(path("refs/tags")?)];
    for (name, content) in contents {
        entries.push(Entry::file(path(&name)?, content, false));
    }
    Ok(entries)
}

/// `.git/config`, as `git clone --depth=1` writes it.
fn config(git: &Git, branch: Option<&str>) -> String {
    // The one branch alone: a pull would bring the whole history of others.
    let fetched = branch.unwrap_or("*");
    let mut text = format!(
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\
         [remote \"origin\"]\n\turl = {}\n\tfetch = {}\n",
        quoted(&git.repository),
        quoted(&format!(
            "+refs/heads/{fetched}:refs/remotes/origin/{fetched}"
        ))
    );
    if let Some(branch) = branch {
        text += &format!(
            "[branch {0}]\n\tremote = origin\n\tmerge = {1}\n",
            quoted(branch),
            quoted(&format!("refs/heads/{branch}"))
        );
    }
    text
}

/// A value or subsection as git-config(1) reads it.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}
