//! What can go wrong between a repository's address and a tree.

use std::path::PathBuf;

use lock::ObjectId;

/// The result of taking a tree from git.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a tree could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no git.
    #[error(
        "git cannot be started: {0}\nhint: install it (Debian: apt-get install git), \
         or take the tree from an archive or a wheel"
    )]
    NoGit(std::io::Error),
    /// git said no.
    #[error(
        "{repository}: {doing}; git said:{said}\n\
         hint: `git ls-remote {repository}` tells whether git can reach it from here"
    )]
    Refused {
        /// The repository's address.
        repository: String,
        /// What was being done.
        doing: String,
        /// git's last lines.
        said: String,
    },
    /// There is no such branch or tag.
    #[error(
        "{repository} has no {reference}{}",
        near.as_ref().map(|near| format!("\nhint: did you mean {near:?}?")).unwrap_or_default()
    )]
    NoReference {
        /// The repository's address.
        repository: String,
        /// `branch …`, `tag …` or `default branch`.
        reference: String,
        /// A branch or tag of nearly that name.
        near: Option<String>,
    },
    /// The repository does not have the commit (any more).
    #[error(
        "{repository} has no commit {commit}\n\
         hint: it may have been removed, as by a forced push; \
         `cargo xtask lock --update NAME` locks what is there now, where the edition names a branch or tag"
    )]
    NoCommit {
        /// The repository's address.
        repository: String,
        /// The commit.
        commit: ObjectId,
    },
    /// The commit's tree is another than the lock says.
    #[error(
        "commit {commit}: expected tree {expected}, found {found}\n\
         hint: the lock's entry was edited; delete it and run `cargo xtask lock` again"
    )]
    Tree {
        /// The commit.
        commit: ObjectId,
        /// In the lock.
        expected: ObjectId,
        /// In the commit.
        found: ObjectId,
    },
    /// An object is of another kind, or not what git writes.
    #[error("object {object}: {problem}")]
    Object {
        /// Its name.
        object: ObjectId,
        /// What was expected and what was found.
        problem: String,
    },
    /// An object in the store is not what its name says, or is gone.
    #[error(
        "the copy of commit {commit} in the store was damaged (object {object}: {problem}) and has \
         been removed\nhint: run the same command again, and it will be fetched anew"
    )]
    Damaged {
        /// The commit.
        commit: ObjectId,
        /// The object.
        object: ObjectId,
        /// What was found.
        problem: String,
    },
    /// A submodule that cannot be had.
    #[error("submodule {path:?}: {problem}\nhint: `submodules = false` leaves submodules out")]
    Submodule {
        /// Its path.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A file whose contents are elsewhere.
    #[error(
        "{path:?} is a pointer of Git LFS, which is not resolved\n\
         hint: `exclude` can leave it out, and an archive at an address can bring the file itself"
    )]
    Lfs {
        /// Its path in the repository.
        path: String,
    },
    /// `.git` is to be kept beside a part of the files.
    #[error(
        "`.git` cannot be kept where only a part of the repository is taken: git would take the rest for \
         deleted\nhint: leave out `keep-git`, or `{0}`"
    )]
    PartOfClone(&'static str),
    /// A tree that is no honest repository's.
    #[error("the tree of commit {commit} has more than {limit} {what}")]
    TooMany {
        /// The commit.
        commit: ObjectId,
        /// The limit.
        limit: usize,
        /// Of what.
        what: &'static str,
    },
    /// What is taken of it cannot stand in a layer, or is nothing.
    #[error(transparent)]
    Selection(#[from] archive::Error),
    /// The tree could not be made.
    #[error(transparent)]
    Entries(#[from] Box<layer::Error>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
