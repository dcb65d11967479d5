//! Trees out of git repositories: which commit each branch or tag stands at, and what is in it.

use edition::{GitRef, Source, SourceFrom};
use lock::{Git, LayerName, ObjectId};

use crate::{Error, Result, sources::Resolving, together::each};

/// What one source of the edition asks of a repository.
struct Asked<'e> {
    layer: LayerName,
    source: &'e Source,
    place: String,
    url: &'e str,
    reference: &'e GitRef,
    no_submodules: bool,
    keep_git: bool,
}

/// The git trees of all layers, by layer and name.
pub(crate) fn git(with: &Resolving<'_>) -> Result<Vec<Git>> {
    let mut asked = Vec::new();
    for (layer, of) in &with.edition.layers {
        for source in &of.sources {
            if let SourceFrom::Git {
                url,
                reference,
                submodules,
                keep_git,
            } = &source.from
            {
                asked.push(Asked {
                    layer: *layer,
                    source,
                    place: source.place.to_string(),
                    url,
                    reference,
                    no_submodules: !submodules,
                    keep_git: *keep_git,
                });
            }
        }
    }
    let mut found = each(&asked, |one| one.resolve(with))?;
    found.sort_by(|one, other| (one.layer, &one.name).cmp(&(other.layer, &other.name)));
    Ok(found)
}

impl Asked<'_> {
    fn resolve(&self, with: &Resolving<'_>) -> Result<Git> {
        let reference = match self.reference {
            GitRef::Default => Some("HEAD".to_owned()),
            GitRef::Branch(name) => Some(format!("refs/heads/{name}")),
            GitRef::Tag(name) => Some(format!("refs/tags/{name}")),
            GitRef::Commit(_) => None,
        };
        let named: Option<ObjectId> = match self.reference {
            GitRef::Commit(commit) => commit.parse().ok(),
            _ => None,
        };
        let kept = with.kept.git.iter().find(|kept| {
            (kept.layer, &kept.name) == (self.layer, &self.source.name)
                && kept.repository == self.url
                && kept.reference == reference
                && named.is_none_or(|named| named == kept.commit)
        });
        let kept = kept.filter(|_| !with.update.has(&self.source.name));
        let failed = |source| Error::Git {
            place: self.place.clone(),
            name: self.source.name.clone(),
            source: Box::new(source),
        };
        let commit = match (named, kept) {
            (Some(commit), _) => commit,
            (None, Some(kept)) => kept.commit,
            (None, None) => {
                let name = reference.as_deref().unwrap_or("HEAD");
                ::git::look_up(with.fetcher, self.url, name).map_err(failed)?
            }
        };
        let mut exclude = self.source.exclude.clone();
        exclude.sort();
        let version = match (&self.source.version, self.reference) {
            (Some(version), _) => version.clone(),
            (None, GitRef::Tag(tag)) => tag.clone(),
            (None, _) => commit.short(),
        };
        let mut git = Git {
            layer: self.layer,
            name: self.source.name.clone(),
            version,
            repository: self.url.to_owned(),
            reference,
            commit,
            tree: ObjectId([0; 20]),
            date: String::new(),
            size: 0,
            keep_git: self.keep_git,
            no_submodules: self.no_submodules,
            subfolder: self.source.subfolder.clone(),
            to: self.source.target(),
            exclude,
            submodules: Vec::new(),
        };
        if let Some(kept) = kept {
            // Only what the repository tells.
            git.tree = kept.tree;
            git.date.clone_from(&kept.date);
            git.size = kept.size;
            git.submodules.clone_from(&kept.submodules);
            let said = |git: &Git| {
                let taken = (git.subfolder.clone(), git.exclude.clone());
                (git.commit, taken, git.no_submodules, git.keep_git)
            };
            if said(&git) == said(kept) {
                return Ok(git);
            }
        }
        ::git::complete(with.store, with.fetcher, &mut git).map_err(failed)?;
        Ok(git)
    }
}
