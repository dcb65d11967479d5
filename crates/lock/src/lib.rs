//! Editions and lock files, as types: what a lock may say, read and checked. No I/O beyond reading
//! one file, no network, no resolution.
//!
//! A lock names content, never places: every entry has a name, a version, a file name, a size in
//! bytes and a sha256, or repository, commit and tree. Where to fetch it from is `store`'s business.
//!
//! The lock of the default edition ships inside this crate ([`Lock::starter`]), so that a project
//! which depends on one layer crate needs no file of ours.

mod artifact;
mod below;
mod check;
mod diagnose;
mod digest;
mod entry;
mod error;
mod git;
mod hex;
mod interpreter;
mod layer_name;
mod lock_file;
mod name;
mod object_id;
mod problem;
mod repository;
mod sdist;

pub use artifact::{Artifact, Origin};
pub use below::{BaseImage, ImageAt, ParseImageAtError, is_repository_part, is_tag};
pub use digest::Sha256;
pub use entry::{Deb, DebianSuite, Image, Owner, Source, SourceKind, Wheel};
pub use error::{Error, Result};
pub use git::{Git, Submodule};
pub use interpreter::{Python, PythonArchive};
pub use layer_name::{LayerName, UnknownLayer};
pub use lock_file::{Lock, VERSION};
pub use name::normalised;
pub use object_id::{ObjectId, ParseObjectIdError};
pub use problem::{Problem, Problems, conflict, nearest, position, utf8};
pub use repository::repository_problem;
pub use sdist::{BuiltWheel, Sdist, SdistFile, SdistGit, Tool};
