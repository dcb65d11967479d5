//! What imports come to, as findings: which errors are the image's fault, and which only tell that
//! there is no GPU here.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Class, Finding, Severity,
    imports::{Import, Outcome},
};

/// Words of errors that a machine without NVIDIA's driver causes.
const DRIVER: [&str; 8] = [
    "libcuda.so",
    "libnvidia-ml.so",
    "libnvcuvid.so",
    "nvidia driver",
    "cuda driver",
    "no cuda gpus",
    "no cuda-capable",
    "cuda is not available",
];

/// The words before and after the name of the module that turned on the GIL (PEP 703).
const GIL: (&str, &str) = ("to load module '", "'");

/// Findings of imports: those that failed, and modules that turn on the GIL.
pub(crate) fn findings(imports: &[Import], free_threaded: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = imports
        .iter()
        .filter(|import| import.top)
        .filter_map(failure)
        .collect();
    if free_threaded {
        findings.extend(gil(imports));
    }
    findings
}

/// Distributions that have modules, all of which were imported.
pub(crate) fn whole(imports: &[Import]) -> BTreeSet<String> {
    let mut whole: BTreeMap<&str, bool> = BTreeMap::new();
    for import in imports.iter().filter(|import| import.top) {
        let fine = matches!(&import.outcome, Outcome::Told(told) if told.error.is_none());
        *whole.entry(&import.distribution).or_insert(true) &= fine;
    }
    let whole = whole.into_iter().filter(|(_, fine)| *fine);
    whole.map(|(name, _)| name.to_owned()).collect()
}

fn failure(import: &Import) -> Option<Finding> {
    let module = &import.module;
    let (severity, what, hint) = match &import.outcome {
        Outcome::Told(told) => match &told.error {
            None if import.in_comfy => (
                Severity::Note,
                format!("`import {module}` works in ComfyUI alone: it wants ComfyUI's own modules"),
                "nothing to do",
            ),
            None => return None,
            Some(error) if needs_driver(error) => (
                Severity::Note,
                format!("`import {module}` needs the driver: {error}"),
                "try it in a container with a GPU (cargo xtask run)",
            ),
            Some(error) => (
                Severity::Error,
                format!("`import {module}`: {error}"),
                match told.missing {
                    Some(_) => {
                        "add what it wants to the edition (cargo xtask add), or leave it out"
                    }
                    None => "try another version of it, or of what the error names",
                },
            ),
        },
        Outcome::Died(why) if needs_driver(why) => (
            Severity::Note,
            format!("`import {module}` needs the driver: {why}"),
            "try it in a container with a GPU (cargo xtask run)",
        ),
        Outcome::Died(why) => (
            Severity::Error,
            format!("`import {module}`: the interpreter {why}"),
            "try another version of it",
        ),
        Outcome::TooLong => (
            Severity::Warning,
            format!("`import {module}` took longer than two minutes and was stopped"),
            "it may wait for a network, or the machine was busy: check again",
        ),
    };
    Some(Finding {
        class: Class::Imports,
        severity,
        artifact: import.distribution.clone(),
        what,
        hint: hint.to_owned(),
        paths: Vec::new(),
    })
}

fn needs_driver(error: &str) -> bool {
    let error = error.to_lowercase();
    DRIVER.iter().any(|words| error.contains(words))
}

/// Extension modules that turned on the GIL, by distribution; and how many nobody can tell of, since one
/// that they import does so first.
fn gil(imports: &[Import]) -> Vec<Finding> {
    let owner: BTreeMap<&str, &str> = imports
        .iter()
        .map(|import| (import.module.as_str(), import.distribution.as_str()))
        .collect();
    let mut guilty: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut hidden: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut from_start = false;
    for import in imports {
        let Outcome::Told(told) = &import.outcome else {
            continue;
        };
        from_start |= told.gil_before;
        if told.gil_before || !told.gil_after {
            continue;
        }
        let named = told.gil_warnings.iter().filter_map(|text| {
            let (_, rest) = text.split_once(GIL.0)?;
            rest.split(GIL.1).next()
        });
        let mut own = false;
        let mut any = false;
        for module in named {
            any = true;
            own |= module == import.module;
            let distribution = owner.get(module).copied().unwrap_or(&import.distribution);
            guilty.entry(distribution).or_default().insert(module);
        }
        if !any {
            guilty
                .entry(&import.distribution)
                .or_default()
                .insert(&import.module);
        } else if !own && !import.top {
            hidden
                .entry(&import.distribution)
                .or_default()
                .insert(&import.module);
        }
    }
    let finding = |severity, artifact: &str, what: String, hint: &str| Finding {
        class: Class::Gil,
        severity,
        artifact: artifact.to_owned(),
        what,
        hint: hint.to_owned(),
        paths: Vec::new(),
    };
    let names = |modules: BTreeSet<&str>| {
        crate::libraries::list(&modules.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let mut findings = Vec::new();
    if from_start {
        findings.push(finding(
            Severity::Error,
            "python",
            "the interpreter of a free-threaded edition starts with the GIL on".to_owned(),
            "see PYTHON_GIL in [image] env",
        ));
    }
    findings.extend(guilty.into_iter().map(|(artifact, modules)| {
        finding(
            Severity::Warning,
            artifact,
            format!("turns the GIL back on when it loads {}", names(modules)),
            "take a version that declares Py_mod_gil, leave it out, or set PYTHON_GIL=0 at your own risk",
        )
    }));
    findings.extend(hidden.into_iter().map(|(artifact, modules)| {
        finding(
            Severity::Note,
            artifact,
            format!(
                "nobody can tell of {}: what it imports turns the GIL on first",
                names(modules)
            ),
            "check again when the others are free of it",
        )
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::Told;

    fn import(distribution: &str, module: &str, top: bool, told: Told) -> Import {
        Import {
            distribution: distribution.to_owned(),
            module: module.to_owned(),
            top,
            in_comfy: false,
            outcome: Outcome::Told(told),
        }
    }

    #[test]
    fn errors_by_their_class() {
        let told = |error: &str, missing: Option<&str>| Told {
            error: Some(error.to_owned()),
            missing: missing.map(str::to_owned),
            ..Told::default()
        };
        let fine = import("a", "a", true, Told::default());
        let driver = "ImportError: libcuda.so.1: cannot open shared object file: No such file";
        let mut slow = fine.clone();
        slow.outcome = Outcome::TooLong;
        let mut dead = fine.clone();
        dead.outcome = Outcome::Died("ended by signal 11: nothing".to_owned());
        let found = findings(
            &[
                fine.clone(),
                import(
                    "b",
                    "b",
                    true,
                    told("ModuleNotFoundError: No module named 'x'", Some("x")),
                ),
                import("c", "c", true, told(driver, None)),
                import(
                    "d",
                    "d.e",
                    false,
                    told("ImportError: of an inner module", None),
                ),
                slow,
                dead,
            ],
            false,
        );
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.severity, one.artifact.as_str()))
            .collect();
        use Severity::*;
        assert_eq!(
            told,
            [(Error, "b"), (Note, "c"), (Warning, "a"), (Error, "a")]
        );
        assert!(found[0].what.ends_with("No module named 'x'") && found[0].hint.starts_with("add"));
    }

    #[test]
    fn who_turns_on_the_gil() {
        let on = |module: &str| Told {
            gil_after: true,
            gil_warnings: vec![format!(
                "The global interpreter lock (GIL) has been enabled to load module '{module}', which has \
                 not declared that it can run safely without the GIL."
            )],
            ..Told::default()
        };
        let found = findings(
            &[
                import("a", "a", true, on("b._c")),
                import("a", "a._x", false, on("b._c")),
                import("a", "a._free", false, Told::default()),
                import("b", "b._c", false, on("b._c")),
            ],
            true,
        );
        let told: Vec<_> = found
            .iter()
            .map(|one| (one.class, one.severity, one.artifact.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Class::Gil, Severity::Warning, "b"),
                (Class::Gil, Severity::Note, "a")
            ]
        );
        assert!(found[0].what.ends_with("loads b._c"), "{found:?}");
        assert!(found[1].what.contains("a._x"), "{found:?}");
        let with = Told {
            gil_before: true,
            gil_after: true,
            ..Told::default()
        };
        let found = findings(&[import("a", "a", true, with)], true);
        assert_eq!((found.len(), found[0].severity), (1, Severity::Error));
    }
}
