//! One edition file as it was written, before `extends`: every key may be absent.

use std::{collections::BTreeMap, path::PathBuf};

use lock::{LayerName, Owner, Sha256};

use crate::{Build, DebianRequest, Index, PythonVersion, Requirement, Source, Spanned};

/// One edition file.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    pub extends: Option<Spanned<String>>,
    /// Empty: on nothing, whatever the extended edition says.
    pub from: Option<Spanned<String>>,
    pub suite: Option<Spanned<String>>,
    pub snapshot: Option<Spanned<String>>,
    pub components: Vec<Spanned<String>>,
    pub architecture: Option<Spanned<String>>,
    pub recommends: Option<bool>,
    pub python_version: Option<Spanned<PythonVersion>>,
    pub python_source: Option<Spanned<String>>,
    pub archive: Option<Spanned<String>>,
    pub archive_sha256: Option<Spanned<Sha256>>,
    pub exclude_newer: Option<Spanned<String>>,
    pub from_source: Vec<Spanned<String>>,
    pub pylock: Option<Spanned<PathBuf>>,
    pub title: Option<Spanned<String>>,
    pub description: Option<Spanned<String>>,
    pub env: BTreeMap<String, Spanned<String>>,
    pub labels: BTreeMap<String, Spanned<String>>,
    pub layers: BTreeMap<LayerName, SheetLayer>,
    pub indexes: BTreeMap<String, Spanned<Index>>,
    pub builds: BTreeMap<String, Spanned<Build>>,
    pub owners: Vec<Spanned<Owner>>,
    pub remove: BTreeMap<&'static str, Vec<Spanned<String>>>,
}

/// One layer of it.
#[derive(Debug, Default)]
pub(crate) struct SheetLayer {
    pub debian: Vec<Spanned<DebianRequest>>,
    pub python: Vec<Spanned<Requirement>>,
    pub constraints: Vec<Spanned<Requirement>>,
    /// Requirement files, as written.
    pub requirements: Vec<Spanned<String>>,
    pub exclude_newer: Option<Spanned<String>>,
    pub sources: Vec<Spanned<Source>>,
    pub remove: BTreeMap<&'static str, Vec<Spanned<String>>>,
}
