//! What is there while a package is built: its build requirements (PEP 518), resolved apart from the
//! environment of the image.

use std::collections::{BTreeMap, BTreeSet};

use lock::{LayerName, Sdist, Tool, Wheel};
use serde::Deserialize;

use crate::{
    Error, Result, Update,
    python::{Python, Question},
    sdist,
    together::each,
};

/// What a package without `[build-system]` is built with (PEP 518).
const DEFAULT: &str = "setuptools>=40.8.0";

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Project {
    build_system: Option<BuildSystem>,
}

#[derive(Deserialize)]
struct BuildSystem {
    #[serde(default)]
    requires: Vec<String>,
}

/// The tools of one package.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tools {
    /// As `requires` of a lock's entry.
    pub(crate) ids: Vec<String>,
    pub(crate) tools: Vec<Tool>,
}

impl Python<'_> {
    /// The tools of a package: what the edition's `[build.NAME]` says, else what the package's own
    /// `pyproject.toml` does. At `versions`, those of the image, where they will do; else at what the earlier lock
    /// has for it.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) fn tools(
        &self,
        name: &str,
        pyproject: Option<&str>,
        versions: &BTreeMap<String, String>,
    ) -> Result<Tools> {
        let with = self.with;
        let said = with.edition.builds.get(name);
        let said = said.and_then(|build| build.requires.as_ref());
        let requirements: Vec<String> = match said {
            Some(lines) => lines.iter().map(|line| line.text.clone()).collect(),
            None => own(name, pyproject)?,
        };
        if requirements.is_empty() {
            return Ok(Tools::default());
        }
        let mut keep = versions.clone();
        let kept = with.kept.whole.iter().flat_map(|lock| &lock.sdists);
        let kept = kept.filter(|old| old.name == name && !with.update.has(name));
        let pairs = kept
            .flat_map(|old| &old.requires)
            .filter_map(|id| id.split_once("=="));
        for (name, version) in pairs {
            keep.entry(name.to_owned())
                .or_insert_with(|| version.to_owned());
        }
        let found = self.ask(Question {
            requirements: &requirements,
            constraints: &[],
            keep: &keep,
            update: &Update::Nothing,
            dependencies: true,
        })?;
        self.note(found.values());
        let mut tools = Vec::new();
        for (name, wheel) in found {
            if !wheel.filename.ends_with(".whl") {
                return Err(Error::Sdist {
                    file: wheel.filename,
                    problem: "a package that is built from source cannot build another".to_owned(),
                });
            }
            let locked = self.locked(LayerName::Base, name, &wheel, false)?;
            tools.push(Tool {
                name: locked.name,
                version: locked.version,
                filename: locked.filename,
                size: locked.size,
                sha256: locked.sha256,
                index: locked.index,
            });
        }
        Ok(Tools {
            ids: tools.iter().map(Tool::id).collect(),
            tools,
        })
    }

    /// Gives source distributions what they are built with; what of it no layer has.
    pub(crate) fn equip(&self, sdists: &mut [Sdist], wheels: &[Wheel]) -> Result<Vec<Tool>> {
        let versions = wheels.iter();
        let versions: BTreeMap<String, String> = versions
            .map(|wheel| (wheel.name.clone(), wheel.version.clone()))
            .collect();
        let found = each(sdists, |sdist| {
            if let Some(package) = self.from_git.get(&sdist.name) {
                return Ok(Tools {
                    ids: sdist.requires.clone(),
                    tools: package.tools.clone(),
                });
            }
            let Some(artifact) = sdist.artifact() else {
                return Ok(Tools::default());
            };
            let path = self.with.fetcher.fetch(self.with.store, &artifact)?;
            let pyproject = sdist::pyproject(self.with.store, &path, &artifact)?;
            self.tools(&sdist.name, pyproject.as_deref(), &versions)
        })?;
        let mut all = BTreeSet::new();
        for (sdist, tools) in sdists.iter_mut().zip(found) {
            sdist.requires = tools.ids;
            sdist.environment = self.variables(&sdist.name);
            all.extend(tools.tools);
        }
        all.retain(|tool| !wheels.iter().any(|wheel| wheel.sha256 == tool.sha256));
        Ok(all.into_iter().collect())
    }

    /// Whether every `[build.NAME]` is of a package that is built.
    pub(crate) fn all_built(&self, sdists: &[Sdist]) -> Result<()> {
        for (name, build) in &self.with.edition.builds {
            if !sdists.iter().any(|sdist| sdist.name == *name) {
                return Err(Error::NothingToBuild {
                    place: build.place.to_string(),
                    package: name.clone(),
                });
            }
        }
        Ok(())
    }

    /// The variables of `[build.NAME]`.
    pub(crate) fn variables(&self, name: &str) -> BTreeMap<String, String> {
        let build = self.with.edition.builds.get(name);
        let environment = build.into_iter().flat_map(|build| &build.environment);
        environment
            .map(|(name, value)| (name.clone(), value.value.clone()))
            .collect()
    }
}

/// What a package's own `pyproject.toml` asks for.
fn own(name: &str, pyproject: Option<&str>) -> Result<Vec<String>> {
    let project: Option<Project> =
        pyproject
            .map(toml::from_str)
            .transpose()
            .map_err(|error| Error::Sdist {
                file: format!("pyproject.toml of {name}"),
                problem: error.to_string(),
            })?;
    let system = project.and_then(|project| project.build_system);
    Ok(match system {
        Some(system) => system.requires,
        None => vec![DEFAULT.to_owned()],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_package_says_itself() {
        let text = "[build-system]\nrequires = [\"cmake\", \"wheel\"]\nbuild-backend = \"x\"\n";
        assert_eq!(own("a", Some(text)).unwrap(), ["cmake", "wheel"]);
        for none in [None, Some("[project]\nname = \"a\"\n")] {
            assert_eq!(own("a", none).unwrap(), [DEFAULT]);
        }
        assert!(
            own("a", Some("["))
                .unwrap_err()
                .to_string()
                .contains("pyproject.toml of a")
        );
    }
}
