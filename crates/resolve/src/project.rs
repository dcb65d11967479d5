//! What uv is asked, as the `pyproject.toml` of a project that wants it: uv takes a package from an index
//! of its own only where a project says so.

use std::collections::BTreeMap;

use edition::{Edition, Index, Spanned};
use serde::Serialize;

#[derive(Serialize)]
struct File<'f> {
    project: Project<'f>,
    tool: Tool<'f>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Project<'f> {
    name: &'static str,
    version: &'static str,
    requires_python: String,
    dependencies: &'f [String],
}

#[derive(Serialize)]
struct Tool<'f> {
    uv: Uv<'f>,
}

#[derive(Serialize)]
struct Uv<'f> {
    sources: BTreeMap<&'f str, Source<'f>>,
    index: Vec<Listed<'f>>,
}

#[derive(Serialize)]
struct Source<'f> {
    index: &'f str,
}

#[derive(Serialize)]
struct Listed<'f> {
    name: &'f str,
    url: &'f str,
    /// Only what names it is looked for there.
    explicit: bool,
}

/// The index of the edition that a package comes from, if that is not the default one.
pub(crate) fn index_of<'e>(edition: &'e Edition, package: &str) -> Option<&'e Spanned<Index>> {
    let mut indexes = edition.indexes.values();
    indexes.find(|index| index.packages.iter().any(|listed| listed == package))
}

/// The text of the project file for these requirements.
pub(crate) fn project(
    edition: &Edition,
    requirements: &[String],
) -> Result<String, toml::ser::Error> {
    let version = edition.python.version.value;
    let sources = edition.indexes.iter().flat_map(|(name, index)| {
        let packages = index.packages.iter();
        packages.map(move |package| (package.as_str(), Source { index: name }))
    });
    let index = edition.indexes.iter().map(|(name, index)| Listed {
        name,
        url: &index.url,
        explicit: true,
    });
    toml::to_string(&File {
        project: Project {
            name: "edition",
            version: "0",
            requires_python: format!(">={}.{}", version.major, version.minor),
            dependencies: requirements,
        },
        tool: Tool {
            uv: Uv {
                sources: sources.collect(),
                index: index.collect(),
            },
        },
    })
}
