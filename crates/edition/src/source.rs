//! Trees that go into the image: from git, archives, wheels and local files.

use std::path::PathBuf;

use lock::Sha256;
use toml::de::DeTable;

use crate::{
    Requirement, Spanned,
    extract::{flag, text, texts},
    reader::Reader,
};

/// A tree that goes somewhere into the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What a person calls it.
    pub name: String,
    /// Its version, for people.
    pub version: Option<String>,
    /// What it is taken from.
    pub from: SourceFrom,
    /// Only what lies in this folder of it; empty: all.
    pub subfolder: String,
    /// Paths below the subfolder that are left out; a folder ends with `/`.
    pub exclude: Vec<String>,
    /// Where it goes: an absolute path in the image, without `.disabled`.
    pub to: String,
    /// It goes to `to` with `.disabled` at the end.
    pub disabled: bool,
}

impl Source {
    /// Where it goes: `to`, with `.disabled` at the end when it is disabled.
    pub fn target(&self) -> String {
        let ending = if self.disabled { ".disabled" } else { "" };
        format!("{}{ending}", self.to.trim_end_matches('/'))
    }
}

/// What a tree is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceFrom {
    /// A git repository.
    Git {
        /// Its URL.
        url: String,
        /// What of it.
        reference: GitRef,
        /// With submodules.
        submodules: bool,
        /// Keep `.git`, as a shallow clone.
        keep_git: bool,
    },
    /// A file at an address: an archive, or the file itself.
    Archive {
        /// The address.
        url: String,
        /// What its sha256 must be.
        sha256: Option<Sha256>,
    },
    /// A wheel on the index.
    Wheel(Requirement),
    /// A local file.
    File {
        /// Its path, joined to the edition's folder.
        path: PathBuf,
        /// What its sha256 must be.
        sha256: Option<Sha256>,
    },
}

/// What of a git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitRef {
    /// The newest commit of the default branch.
    Default,
    /// The newest commit of a branch.
    Branch(String),
    /// The commit of a tag.
    Tag(String),
    /// A commit: 40 hexadecimal digits.
    Commit(String),
}

const KINDS: [&str; 4] = ["git", "archive", "wheel", "file"];
const GIT_ONLY: [&str; 5] = ["branch", "tag", "commit", "submodules", "keep-git"];

/// One `[[layer.NAME.source]]`; `None` if what is wrong with it (reported) leaves nothing to go on.
pub(crate) fn source(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    header: &std::ops::Range<usize>,
) -> Option<Spanned<Source>> {
    let present: Vec<_> = KINDS
        .into_iter()
        .filter(|kind| table.contains_key(*kind))
        .collect();
    let &[kind] = present.as_slice() else {
        let message = if present.is_empty() {
            "the source does not say where it comes from".to_owned()
        } else {
            format!("the source comes from {} at once", present.join(" and "))
        };
        reader.problem(
            header.clone(),
            message,
            "give exactly one of git, archive, wheel, file",
        );
        return None;
    };
    for (key, _) in table.iter() {
        let word = key.get_ref().as_ref();
        let foreign = (GIT_ONLY.contains(&word) && kind != "git")
            || (word == "sha256" && !["archive", "file"].contains(&kind));
        if foreign {
            let hint = if word == "sha256" {
                "leave it out: the lock has the digest (git: give `commit`)"
            } else {
                "leave it out, or take the tree from git"
            };
            reader.problem(
                key.span(),
                format!("`{word}` means nothing for a source of kind {kind}"),
                hint,
            );
        }
    }
    let sha256 = text(reader, table, "sha256").and_then(|text| reader.sha256(&text));
    let given = text(reader, table, kind)?;
    let from = match kind {
        "git" => {
            reader.git_url(&given);
            SourceFrom::Git {
                reference: reference(reader, table),
                url: given.value.clone(),
                submodules: flag(table, "submodules").unwrap_or(true),
                keep_git: flag(table, "keep-git").unwrap_or(false),
            }
        }
        "archive" => {
            reader.url(&given);
            SourceFrom::Archive {
                url: given.value.clone(),
                sha256,
            }
        }
        "wheel" => match Requirement::parse(&given.value) {
            Ok(requirement) => SourceFrom::Wheel(requirement),
            Err((message, hint)) => {
                reader.problem(given.span.clone(), message, hint);
                return None;
            }
        },
        _ => SourceFrom::File {
            path: reader.existing(&given)?,
            sha256,
        },
    };
    let subfolder = text(reader, table, "subfolder");
    let exclude = texts(reader, table, "exclude");
    for path in subfolder.iter().chain(&exclude) {
        if path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
            reader.problem(
                path.span.clone(),
                format!(
                    "expected a relative path without `..`, found {:?}",
                    path.value
                ),
                "the path is one inside what the source is taken from",
            );
        }
    }
    let to = text(reader, table, "to")?;
    if !to.value.starts_with('/') || to.value.split('/').any(|part| part == "..") {
        reader.problem(
            to.span.clone(),
            format!(
                "`to` must be an absolute path in the image, found {:?}",
                to.value
            ),
            format!("write \"/{}\"", to.value.trim_start_matches(['.', '/'])),
        );
    }
    let name = text(reader, table, "name")?;
    let version = text(reader, table, "version").map(|text| text.value);
    Some(reader.spanned(
        Source {
            name: name.value,
            version,
            from,
            subfolder: subfolder.map(|text| text.value).unwrap_or_default(),
            exclude: exclude.into_iter().map(|text| text.value).collect(),
            to: to.value,
            disabled: flag(table, "disabled").unwrap_or(false),
        },
        header,
    ))
}

fn reference(reader: &mut Reader<'_>, table: &DeTable<'_>) -> GitRef {
    let [branch, tag, commit] = ["branch", "tag", "commit"].map(|key| text(reader, table, key));
    let given = [&branch, &tag, &commit].into_iter().flatten();
    if let Some(second) = given.clone().nth(1) {
        reader.problem(
            second.span.clone(),
            "a repository has one of branch, tag and commit",
            "keep the one that you mean; the lock has the commit in any case",
        );
    }
    for text in given {
        if text.value.is_empty()
            || text.value.starts_with('-')
            || text.value.contains([' ', '~', '^', ':'])
        {
            reader.problem(
                text.span.clone(),
                format!("{:?} cannot be a name in git", text.value),
                "write the name alone, such as \"main\"",
            );
        }
    }
    if let Some(commit) = &commit {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if commit.value.len() != 40 || !commit.value.chars().all(hex) {
            reader.problem(
                commit.span.clone(),
                format!("{:?} is no commit (40 hexadecimal digits)", commit.value),
                "give the whole digest (`git rev-parse`), or a `branch` or `tag`",
            );
        }
    }
    match (commit, tag, branch) {
        (Some(commit), ..) => GitRef::Commit(commit.value),
        (_, Some(tag), _) => GitRef::Tag(tag.value),
        (.., Some(branch)) => GitRef::Branch(branch.value),
        _ => GitRef::Default,
    }
}
