//! Requirements that the image's Python environment does not meet: of ComfyUI, of its nodes, and of the
//! installed distributions among each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use layer::FileKind;
use lock::{LayerName, Lock, normalised};
use pep508_rs::{
    ExtraName, MarkerEnvironment, MarkerEnvironmentBuilder, Requirement, VerbatimUrl, VersionOrUrl,
};

use crate::{
    Class, Error, Finding, Result, Severity, distributions::Distribution, imports::COMFY,
    requirement_lines, requirement_lines::Line, view::View,
};

/// Where nodes that come with the image stand.
const NODES: &str = "opt/comfyui-nodes";
/// ComfyUI passes over a node whose folder ends so.
const DISABLED: &str = ".disabled";

/// Distributions that bring the same modules: one stands for another, as far as a name goes.
const ALIKE: [&[&str]; 4] = [
    &[
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python",
        "opencv-contrib-python-headless",
    ],
    &["onnxruntime", "onnxruntime-gpu"],
    &["cupy", "cupy-cuda12x", "cupy-cuda13x"],
    &["triton", "triton-windows"],
];

/// The environment of an image.
#[derive(Debug)]
pub(crate) struct Environment<'d> {
    markers: MarkerEnvironment,
    /// By normalised name; of two of one name, the one that Python finds first.
    by_name: BTreeMap<&'d str, &'d Distribution>,
    edition: String,
}

/// What became of a requirement.
enum Verdict<'d> {
    Met,
    Missing,
    /// Another version is there.
    Other(&'d str),
    /// Not there, but one that brings the same modules.
    Alike(&'d str),
}

/// What was found, and how many requirements hold in this environment.
pub(crate) struct Checked {
    pub findings: Vec<Finding>,
    pub count: usize,
}

/// Checks all of them.
pub(crate) fn check(
    view: &View,
    texts: &BTreeMap<&str, &str>,
    distributions: &[Distribution],
    lock: &Lock,
) -> Result<Checked> {
    let environment = Environment::new(distributions, lock)?;
    let mut out = Checked {
        findings: Vec::new(),
        count: 0,
    };
    let mut extras = BTreeSet::new();
    for (folder, name) in trees(view, lock) {
        let lines = requirement_lines::of_tree(&folder, texts);
        environment.check_tree(&folder, &name, &lines, &mut out, &mut extras);
    }
    environment.check_distributions(&mut out, extras);
    Ok(out)
}

/// Folders of ComfyUI and of nodes, each with its name.
fn trees(view: &View, lock: &Lock) -> BTreeMap<String, String> {
    let trim = |to: &str| to.trim_matches('/').to_owned();
    let sources = lock
        .sources_of(LayerName::Comfy)
        .map(|one| (trim(&one.to), one.name.clone()));
    let git = lock
        .git_of(LayerName::Comfy)
        .map(|one| (trim(&one.to), one.name.clone()));
    let mut trees: BTreeMap<String, String> = sources.chain(git).collect();
    trees
        .entry(COMFY.to_owned())
        .or_insert_with(|| "ComfyUI".to_owned());
    let below = format!("{NODES}/");
    for (path, node) in view.iter() {
        if let Some(name) = path.strip_prefix(&below)
            && !name.contains('/')
            && node.record.kind == FileKind::Dir
        {
            trees
                .entry(path.to_owned())
                .or_insert_with(|| name.to_owned());
        }
    }
    trees
}

impl<'d> Environment<'d> {
    fn new(distributions: &'d [Distribution], lock: &Lock) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for one in distributions {
            by_name.entry(one.name.as_str()).or_insert(one);
        }
        Ok(Self {
            markers: markers(lock)?,
            by_name,
            edition: lock.edition.clone(),
        })
    }

    fn check_tree(
        &self,
        folder: &str,
        name: &str,
        lines: &[Line],
        out: &mut Checked,
        extras: &mut BTreeSet<(String, String)>,
    ) {
        let disabled = folder.ends_with(DISABLED);
        for line in lines {
            let told = format!("{}: `{}`", line.place, line.text);
            let mut push = |severity: Severity, what: String, hint: String| {
                let (severity, what) = match disabled {
                    true => (Severity::Note, format!("{what} (the node is disabled)")),
                    false => (severity, what),
                };
                out.findings.push(Finding {
                    class: Class::Requirements,
                    severity,
                    artifact: name.to_owned(),
                    what,
                    hint,
                    paths: vec![format!("/{folder}/{}", file(&line.place))],
                });
            };
            if let Some(why) = line.unread {
                let hint = "see by hand whether it is there".to_owned();
                push(
                    Severity::Note,
                    format!("{told} cannot be judged: {why}"),
                    hint,
                );
                continue;
            }
            let requirement = match Requirement::<VerbatimUrl>::from_str(&line.text) {
                Ok(requirement) => requirement,
                Err(error) => {
                    let why = error.message.to_string();
                    let hint = "see by hand whether it is there".to_owned();
                    push(
                        Severity::Note,
                        format!("{told} cannot be judged: {why}"),
                        hint,
                    );
                    continue;
                }
            };
            if !requirement.evaluate_markers(&self.markers, &[]) {
                continue;
            }
            extras.extend(extras_of(&requirement));
            match self.judge(&requirement) {
                Verdict::Met => {}
                Verdict::Missing => push(
                    Severity::Error,
                    format!("{told} is not installed"),
                    self.add(&requirement),
                ),
                Verdict::Other(version) => {
                    // Nodes pin more than they need; ComfyUI means what it says.
                    let severity = match folder == COMFY {
                        true => Severity::Error,
                        false => Severity::Warning,
                    };
                    let what = format!("{told}: {} {version} is installed", requirement.name);
                    push(severity, what, self.change(&requirement));
                }
                Verdict::Alike(other) => push(
                    Severity::Note,
                    format!("{told} is not installed; {other} is, which brings the same modules"),
                    "nothing to do, unless the node needs what only the other has".to_owned(),
                ),
            }
            out.count += 1;
        }
    }

    /// `Requires-Dist`, and what the extras that somebody asks for add to it.
    fn check_distributions(&self, out: &mut Checked, extras: BTreeSet<(String, String)>) {
        let mut open: Vec<(String, Option<String>)> = self
            .by_name
            .keys()
            .map(|name| ((*name).to_owned(), None))
            .collect();
        open.extend(extras.into_iter().map(|(name, extra)| (name, Some(extra))));
        let mut seen: BTreeSet<(String, Option<String>)> = open.iter().cloned().collect();
        while let Some((name, extra)) = open.pop() {
            let Some(distribution) = self.by_name.get(name.as_str()) else {
                continue; // told where it is required
            };
            let named = extra
                .as_ref()
                .and_then(|extra| ExtraName::from_str(extra).ok());
            for line in &distribution.requires {
                let Ok(requirement) = Requirement::<VerbatimUrl>::from_str(line) else {
                    continue; // pip passes over old metadata that is no requirement
                };
                let plain = requirement.evaluate_markers(&self.markers, &[]);
                let holds = match &named {
                    None => plain,
                    Some(named) => {
                        !plain
                            && requirement
                                .evaluate_markers(&self.markers, std::slice::from_ref(named))
                    }
                };
                if !holds {
                    continue;
                }
                out.count += 1;
                for (of, wanted) in extras_of(&requirement) {
                    let next = (of, Some(wanted));
                    if seen.insert(next.clone()) {
                        open.push(next);
                    }
                }
                self.told_of(distribution, extra.as_deref(), line, &requirement, out);
            }
        }
    }

    fn told_of(
        &self,
        distribution: &Distribution,
        extra: Option<&str>,
        line: &str,
        requirement: &Requirement<VerbatimUrl>,
        out: &mut Checked,
    ) {
        let told = match extra {
            None => format!("requires `{line}`"),
            Some(extra) => format!("with [{extra}] requires `{line}`"),
        };
        // An extra is asked for by somebody, but whether it is used is another question.
        let severity = match extra {
            None => Severity::Error,
            Some(_) => Severity::Warning,
        };
        let (severity, what, hint) = match self.judge(requirement) {
            Verdict::Met => return,
            Verdict::Missing => (
                severity,
                format!("{told}, which is not installed"),
                self.add(requirement),
            ),
            Verdict::Other(version) => (
                severity,
                format!("{told}; {} {version} is installed", requirement.name),
                self.change(requirement),
            ),
            Verdict::Alike(other) => (
                Severity::Note,
                format!(
                    "{told}, which is not installed; {other} is, which brings the same modules"
                ),
                "nothing to do, unless it needs what only the other has".to_owned(),
            ),
        };
        out.findings.push(Finding {
            class: Class::Requirements,
            severity,
            artifact: format!("{} {}", distribution.name, distribution.version),
            what,
            hint,
            paths: vec![format!("/{}", distribution.info)],
        });
    }

    fn judge(&self, requirement: &Requirement<VerbatimUrl>) -> Verdict<'d> {
        let name = normalised(requirement.name.as_ref());
        let Some(found) = self.by_name.get(name.as_str()) else {
            let alike = ALIKE.iter().filter(|alike| alike.contains(&name.as_str()));
            let there = alike
                .flat_map(|alike| alike.iter())
                .find_map(|one| self.by_name.get(one));
            return there.map_or(Verdict::Missing, |found| Verdict::Alike(&found.name));
        };
        match (&requirement.version_or_url, found.pep440()) {
            (Some(VersionOrUrl::VersionSpecifier(wanted)), Some(version))
                if !wanted.contains(&version) =>
            {
                Verdict::Other(&found.version)
            }
            _ => Verdict::Met,
        }
    }

    fn add(&self, requirement: &Requirement<VerbatimUrl>) -> String {
        let versions = match &requirement.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(wanted)) => wanted.to_string(),
            _ => String::new(),
        };
        format!(
            "cargo xtask add deps '{}{}' --edition {}",
            requirement.name,
            versions.replace(' ', ""),
            self.edition
        )
    }

    fn change(&self, requirement: &Requirement<VerbatimUrl>) -> String {
        format!(
            "`{}` takes that version if all others agree; else leave it, and see whether it works",
            self.add(requirement)
        )
    }
}

fn extras_of(requirement: &Requirement<VerbatimUrl>) -> Vec<(String, String)> {
    let name = normalised(requirement.name.as_ref());
    let extras = requirement.extras.iter();
    extras
        .map(|extra| (name.clone(), extra.to_string()))
        .collect()
}

/// `requirements.txt:3` without its line.
fn file(place: &str) -> &str {
    place.split(':').next().unwrap_or(place)
}

/// What markers are evaluated against: the lock's interpreter, on Linux and x86-64.
fn markers(lock: &Lock) -> Result<MarkerEnvironment> {
    let full = &lock.python.version;
    let minor = full.split('.').take(2).collect::<Vec<_>>().join(".");
    let builder = MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: full,
        os_name: "posix",
        platform_machine: "x86_64",
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system: "Linux",
        platform_version: "",
        python_full_version: full,
        python_version: &minor,
        sys_platform: "linux",
    };
    MarkerEnvironment::try_from(builder).map_err(|source| Error::Version {
        version: full.clone(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::made_up;

    fn distribution(name: &str, version: &str, requires: &[&str]) -> Distribution {
        Distribution {
            name: name.to_owned(),
            version: version.to_owned(),
            artifact: name.to_owned(),
            info: format!("site/{name}-{version}.dist-info"),
            requires: requires.iter().map(|line| (*line).to_owned()).collect(),
            record: Vec::new(),
            top_level: None,
        }
    }

    #[test]
    fn distributions_among_each_other() {
        let lock = Lock::starter().unwrap();
        let installed = [
            distribution(
                "a",
                "1.0",
                &[
                    "b>=2",
                    "c",
                    "d ; sys_platform == 'win32'",
                    "e[x]",
                    "f ; extra == 'y'",
                ],
            ),
            distribution("b", "1.9", &["nonsense here !"]),
            distribution(
                "e",
                "1",
                &["g<2 ; extra == 'x'", "h ; python_version < '3.14'"],
            ),
            distribution("g", "2", &[]),
            distribution("opencv-python-headless", "4.10", &["opencv-python"]),
        ];
        let checked = check(&made_up(&[]), &BTreeMap::new(), &installed, &lock).unwrap();
        let told: Vec<(Severity, &str)> = checked
            .findings
            .iter()
            .map(|one| (one.severity, one.what.as_str()))
            .collect();
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told.contains(&(Severity::Error, "requires `b>=2`; b 1.9 is installed")));
        assert!(told.contains(&(Severity::Error, "requires `c`, which is not installed")));
        assert!(told.contains(&(
            Severity::Warning,
            "with [x] requires `g<2 ; extra == 'x'`; g 2 is installed"
        )));
        assert!(told.iter().any(|(severity, _)| *severity == Severity::Note));
    }

    #[test]
    fn trees_and_disabled_ones() {
        let lock = Lock::starter().unwrap();
        let view = made_up(&[&[
            "opt/",
            "opt/comfyui/",
            "opt/comfyui-nodes/",
            "opt/comfyui-nodes/n/",
            "opt/comfyui-nodes/o.disabled/",
        ]]);
        let texts = BTreeMap::from([
            ("opt/comfyui/requirements.txt", "a==2\n"),
            ("opt/comfyui-nodes/n/requirements.txt", "a==2\nz\n"),
            ("opt/comfyui-nodes/o.disabled/requirements.txt", "z\n"),
        ]);
        let installed = [distribution("a", "1.0", &[])];
        let checked = check(&view, &texts, &installed, &lock).unwrap();
        let told: Vec<(Severity, &str)> = checked
            .findings
            .iter()
            .map(|one| (one.severity, one.artifact.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Severity::Error, "ComfyUI"),
                (Severity::Warning, "n"),
                (Severity::Error, "n"),
                (Severity::Note, "o.disabled"),
            ]
        );
        assert_eq!(checked.count, 4);
        assert!(
            checked.findings[2]
                .hint
                .contains("add deps 'z' --edition starter")
        );
    }
}
