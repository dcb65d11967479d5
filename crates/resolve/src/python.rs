//! The Python environment: one resolution for all layers, then each package to the lowest layer that
//! needs it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
};

use edition::{Edition, Requirement, RequirementFrom};
use jiff::Timestamp;
use lock::{LayerName, Sdist, SdistFile, Tool, Wheel};
use serde::Serialize;

use crate::{
    Error, Result, Update,
    direct::Direct,
    from_git::FromGit,
    project::{index_of, project},
    pylock::{self, Chosen},
    sdist::{self, Metadata},
    sources::Resolving,
    tags::{GLIBC, Tags},
    target::Target,
    uv::Uv,
};

/// What one run of uv is asked.
pub(crate) struct Question<'q> {
    pub(crate) requirements: &'q [String],
    pub(crate) constraints: &'q [String],
    /// Versions to stay at where they still do.
    pub(crate) keep: &'q BTreeMap<String, String>,
    pub(crate) update: &'q Update,
    pub(crate) dependencies: bool,
}

/// Resolves requirements for one edition's interpreter.
pub(crate) struct Python<'p> {
    uv: &'p Uv,
    edition: &'p Edition,
    pub(crate) with: &'p Resolving<'p>,
    tags: Tags,
    /// The interpreter, where it is not left to uv to find one.
    target: Option<Target>,
    /// Wheels that the edition gives itself.
    direct: BTreeMap<String, Direct>,
    /// Packages from git, which were built; their wheels are among `direct`.
    pub(crate) from_git: BTreeMap<String, FromGit>,
    /// Packages that are taken as source.
    as_source: BTreeSet<String>,
    /// What is known of those, by name and version.
    metadata: Mutex<BTreeMap<(String, String), Metadata>>,
    scratch: &'p Path,
    newest: Mutex<Option<Timestamp>>,
}

impl<'p> Python<'p> {
    pub(crate) fn new(
        uv: &'p Uv,
        with: &'p Resolving<'p>,
        direct: BTreeMap<String, Direct>,
        target: Option<Target>,
        scratch: &'p Path,
    ) -> Self {
        Self {
            uv,
            edition: with.edition,
            with,
            direct,
            from_git: BTreeMap::new(),
            target,
            tags: Tags::new(with.edition.python.version.value),
            as_source: with
                .edition
                .python
                .from_source
                .iter()
                .map(|name| name.value.clone())
                .collect(),
            metadata: Mutex::default(),
            scratch,
            newest: Mutex::default(),
        }
    }

    /// Adds packages from git.
    pub(crate) fn add(&mut self, packages: BTreeMap<String, FromGit>) {
        let wheels = packages.iter();
        let wheels = wheels.map(|(name, package)| (name.clone(), package.direct.clone()));
        self.direct.extend(wheels);
        self.from_git = packages;
    }

    /// When the index got the newest of the wheels that were chosen.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A requirement as uv reads it.
    fn text(&self, line: &Requirement) -> String {
        match self.direct.get(&line.name) {
            Some(direct) if !matches!(line.from, RequirementFrom::Index(_)) => direct.text.clone(),
            _ => line.text.clone(),
        }
    }

    pub(crate) fn note<'w>(&self, wheels: impl IntoIterator<Item = &'w Chosen>) {
        let uploads = wheels.into_iter().filter_map(|wheel| wheel.uploaded);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = newest.into_iter().chain(uploads).max();
    }

    /// The wheels and packages from source of all layers, each in the lowest that needs it, by layer and name;
    /// and the tools that build the latter.
    pub(crate) fn packages(
        &self,
        keep: &BTreeMap<String, String>,
        update: &Update,
    ) -> Result<(Vec<Wheel>, Vec<Sdist>, Vec<Tool>)> {
        let limits: Vec<String> = self
            .edition
            .constraints()
            .map(|(_, line)| line.text.clone())
            .collect();
        let all: Vec<String> = self
            .edition
            .requirements()
            .map(|(_, line)| self.text(line))
            .collect();
        if all.is_empty() {
            self.all_built(&[])?;
            return Ok(Default::default());
        }
        let solution = match &self.edition.python.pylock {
            Some(path) => pylock::read(&path.value, &self.tags, &self.direct, &self.as_source)?,
            None => self.solve(all, &limits, keep, update)?,
        };
        self.note(solution.values());
        let requested: BTreeSet<&str> = self
            .edition
            .requirements()
            .map(|(_, line)| line.name.as_str())
            .collect();
        let pins: Vec<String> = solution
            .iter()
            .map(|(name, wheel)| self.pin(name, wheel))
            .collect();
        let (mut wheels, mut sdists, mut placed) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (layer, reached) in self.reached(&solution, &pins)? {
            for name in reached {
                let Some(wheel) = solution.get(&name) else {
                    continue;
                };
                if placed.insert(name.clone()) {
                    let requested = requested.contains(name.as_str());
                    if let Some(package) = self.from_git.get(&name) {
                        let mut sdist = package.sdist.clone();
                        if sdist.layer != layer {
                            // Lower, on another system: it is built there.
                            (sdist.layer, sdist.wheel) = (layer, None);
                        }
                        sdists.push(sdist);
                        continue;
                    }
                    match wheel.filename.ends_with(".whl") {
                        true => wheels.push(self.locked(layer, name, wheel, requested)?),
                        false => sdists.push(self.sdist(layer, name, wheel, requested)?),
                    }
                }
            }
        }
        let tools = self.equip(&mut sdists, &wheels)?;
        self.all_built(&sdists)?;
        Ok((wheels, sdists, tools))
    }

    /// The one environment. uv takes from an index of its own only what a project names itself; so what
    /// else turns out to come from one is named too, and asked again.
    fn solve(
        &self,
        mut requirements: Vec<String>,
        constraints: &[String],
        keep: &BTreeMap<String, String>,
        update: &Update,
    ) -> Result<BTreeMap<String, Chosen>> {
        let named = self
            .edition
            .requirements()
            .map(|(_, line)| line.name.clone());
        let mut named: BTreeSet<String> = named.collect();
        loop {
            let solution = self.ask(Question {
                requirements: &requirements,
                constraints,
                keep,
                update,
                dependencies: true,
            })?;
            let unnamed: Vec<String> = solution
                .keys()
                .filter(|name| index_of(self.edition, name).is_some() && !named.contains(*name))
                .cloned()
                .collect();
            let learnt = self.learn(&solution)?;
            if unnamed.is_empty() && !learnt {
                return Ok(solution);
            }
            requirements.extend(unnamed.iter().cloned());
            named.extend(unnamed);
        }
    }

    /// Reads what the source distributions of a solution need; whether that was news. What they need can
    /// lead to other versions of them, which are read in turn.
    fn learn(&self, solution: &BTreeMap<String, Chosen>) -> Result<bool> {
        let mut news = false;
        for name in &self.as_source {
            let Some(chosen) = solution.get(name) else {
                continue;
            };
            let known = || self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
            let id = (name.clone(), chosen.version.clone());
            if chosen.filename.ends_with(".whl") || known().contains_key(&id) {
                continue;
            }
            let sdist = self.sdist(LayerName::Deps, name.clone(), chosen, false)?;
            let Some(artifact) = sdist.artifact() else {
                continue;
            };
            let path = self.with.fetcher.fetch(self.with.store, &artifact)?;
            let found = sdist::metadata(self.with.store, &path, &sdist, &artifact)?;
            known().insert(id, found);
            news = true;
        }
        Ok(news)
    }

    /// What uv is told of packages as source, so that it runs none of them: of the versions that were looked
    /// at what they say, of any other that it needs nothing, until it is chosen.
    fn settings(&self) -> Result<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct Settings {
            dependency_metadata: Vec<Metadata>,
        }
        let known = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        let any = self.as_source.iter().map(|name| Metadata {
            name: name.clone(),
            ..Metadata::default()
        });
        let all = known.values().cloned().chain(any);
        Ok(toml::to_string(&Settings {
            dependency_metadata: all.collect(),
        })?)
    }

    /// A wheel of the solution as a constraint. One that is not on the default index is named by its
    /// address, since uv would look for it there.
    fn pin(&self, name: &str, wheel: &Chosen) -> String {
        match (
            self.direct.get(name),
            index_of(self.edition, name),
            &wheel.url,
        ) {
            (Some(direct), _, _) => direct.text.clone(),
            (None, Some(_), Some(url)) => format!("{name} @ {url}#sha256={}", wheel.sha256),
            _ => format!("{name}=={}", wheel.version),
        }
    }

    /// The packages that each layer and those below it need, lowest first. uv is asked for all
    /// layers at the same time: a run waits for the index most of its time.
    fn reached(
        &self,
        solution: &BTreeMap<String, Chosen>,
        pins: &[String],
    ) -> Result<Vec<(LayerName, BTreeSet<String>)>> {
        let of_layer = self.edition.requirements().map(|(layer, _)| layer);
        let layers: Vec<LayerName> = of_layer.collect::<BTreeSet<_>>().into_iter().collect();
        let Some((top, lower)) = layers.split_last() else {
            return Ok(Vec::new());
        };
        let below = |layer: &LayerName| {
            let lines = self.edition.requirements();
            let lines = lines.filter(|(of, _)| of <= layer);
            lines.map(|(_, line)| self.text(line)).collect::<Vec<_>>()
        };
        let ask = |layer: &LayerName| {
            let part = self.ask(Question {
                requirements: &below(layer),
                constraints: pins,
                keep: &BTreeMap::new(),
                update: &Update::Nothing,
                dependencies: true,
            })?;
            Ok((*layer, part.into_keys().collect()))
        };
        let mut reached: Vec<_> = thread::scope(|scope| {
            let asked: Vec<_> = lower
                .iter()
                .map(|layer| scope.spawn(move || ask(layer)))
                .collect();
            asked
                .into_iter()
                .map(|thread| thread.join().unwrap_or(Err(Error::Lost)))
                .collect::<Result<_>>()
        })?;
        reached.push((*top, solution.keys().cloned().collect()));
        Ok(reached)
    }

    pub(crate) fn locked(
        &self,
        layer: LayerName,
        name: String,
        wheel: &Chosen,
        requested: bool,
    ) -> Result<Wheel> {
        let size = self.with.size(&name, wheel)?;
        let direct = self.direct.get(&name);
        let index = index_of(self.edition, &name).filter(|_| direct.is_none());
        Ok(Wheel {
            layer,
            version: wheel.version.clone(),
            filename: wheel.filename.clone(),
            size,
            sha256: wheel.sha256,
            requested,
            url: direct.and_then(|direct| direct.url.clone()),
            file: direct.and_then(|direct| direct.file.clone()),
            index: index.map(|index| index.url.clone()),
            name,
        })
    }

    fn sdist(
        &self,
        layer: LayerName,
        name: String,
        sdist: &Chosen,
        requested: bool,
    ) -> Result<Sdist> {
        Ok(Sdist {
            layer,
            version: sdist.version.clone(),
            requested,
            requires: Vec::new(),
            environment: BTreeMap::new(),
            file: Some(SdistFile {
                filename: sdist.filename.clone(),
                size: self.with.size(&name, sdist)?,
                sha256: sdist.sha256,
                index: index_of(self.edition, &name).map(|index| index.url.clone()),
            }),
            git: None,
            wheel: None,
            name,
        })
    }

    /// The wheel of one project, without what it depends on.
    pub(crate) fn single(
        &self,
        requirement: &Requirement,
        keep: &BTreeMap<String, String>,
        update: &Update,
    ) -> Result<Chosen> {
        let mut found = self.ask(Question {
            requirements: std::slice::from_ref(&requirement.text),
            constraints: &[],
            keep,
            update,
            dependencies: false,
        })?;
        self.note(found.get(&requirement.name));
        found
            .remove(&requirement.name)
            .ok_or_else(|| Error::NoWheel {
                package: requirement.name.clone(),
            })
    }

    pub(crate) fn ask(&self, question: Question<'_>) -> Result<BTreeMap<String, Chosen>> {
        let folder = tempfile::tempdir_in(self.scratch).map_err(|source| Error::Io {
            path: self.scratch.to_owned(),
            source,
        })?;
        let folder = folder.path();
        let file = |name: &str, text: String| -> Result<PathBuf> {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|source| Error::Io {
                path: path.clone(),
                source,
            })?;
            Ok(path)
        };
        let lines = |lines: &[String]| {
            lines
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>()
        };
        let input = if self.edition.indexes.is_empty() {
            file("requirements.in", lines(question.requirements))?
        } else {
            file(
                "pyproject.toml",
                project(self.edition, question.requirements)?,
            )?
        };
        let limits = file("constraints.txt", lines(question.constraints))?;
        // uv stays at the versions of the file that it is to write.
        let output = file("pylock.toml", pylock::preferences(question.keep))?;
        if question.keep.is_empty() {
            // A file without packages is none to uv.
            fs::remove_file(&output).map_err(|source| Error::Io {
                path: output.clone(),
                source,
            })?;
        }
        let version = self.edition.python.version.value;
        let shown = |path: &Path| path.display().to_string();
        let mut arguments: Vec<String> = ["pip", "compile", "--quiet", "--format", "pylock.toml"]
            .map(str::to_owned)
            .to_vec();
        arguments.extend([shown(&input), "--constraints".to_owned(), shown(&limits)]);
        arguments.extend(["--output-file".to_owned(), shown(&output)]);
        match &self.target {
            Some(target) => arguments.extend(target.arguments()),
            None => arguments.extend([
                "--python-version".to_owned(),
                format!("{}.{}", version.major, version.minor),
            ]),
        }
        arguments.extend(["--only-binary".to_owned(), ":all:".to_owned()]);
        if self.as_source.is_empty() {
            arguments.push("--no-config".to_owned());
        } else {
            let settings = file("uv.toml", self.settings()?)?;
            arguments.extend(["--config-file".to_owned(), shown(&settings)]);
        }
        for name in &self.as_source {
            arguments.extend(["--no-binary".to_owned(), name.clone()]);
        }
        arguments.extend([
            "--python-platform".to_owned(),
            format!("x86_64-manylinux_2_{GLIBC}"),
        ]);
        if let Some(newest) = &self.edition.python.exclude_newer {
            arguments.extend(["--exclude-newer".to_owned(), newest.value.clone()]);
        }
        for (name, newest) in self.dates() {
            arguments.extend([
                "--exclude-newer-package".to_owned(),
                format!("{name}={newest}"),
            ]);
        }
        match question.update {
            Update::Nothing => {}
            Update::All => arguments.push("--upgrade".to_owned()),
            Update::Names(names) => {
                for name in names {
                    arguments.extend(["--upgrade-package".to_owned(), name.clone()]);
                }
            }
        }
        if !question.dependencies {
            arguments.push("--no-deps".to_owned());
        }
        self.uv
            .run(&arguments)
            .map_err(|error| self.located(error, folder))?;
        pylock::read(&output, &self.tags, &self.direct, &self.as_source)
    }

    /// Dates of layers, by the packages that they name.
    fn dates(&self) -> BTreeMap<&str, &str> {
        let mut dates = BTreeMap::new();
        for layer in self.edition.layers.values() {
            if let Some(newest) = &layer.exclude_newer {
                dates.extend(
                    layer
                        .python
                        .iter()
                        .map(|line| (line.name.as_str(), newest.value.as_str())),
                );
            }
        }
        dates
    }

    /// Adds the edition's lines that uv's explanation speaks of.
    fn located(&self, error: Error, folder: &Path) -> Error {
        let Error::Python { explanation, .. } = error else {
            return error;
        };
        // Our own files stand for the edition in uv's words.
        let folder = format!("{}/", folder.display());
        let explanation = explanation.replace(&folder, "");
        let words: BTreeSet<String> = explanation
            .split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
            .map(|word| lock::normalised(word.trim_matches('.')))
            .collect();
        let requirements = self.edition.requirements().map(|(_, line)| line);
        let lines = requirements.chain(self.edition.constraints().map(|(_, line)| line));
        let lines = lines
            .filter(|line| words.contains(&line.name))
            .map(|line| format!("{}: {}", line.place, line.text))
            .collect();
        Error::Python { explanation, lines }
    }
}
