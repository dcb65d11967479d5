//! What is wrong in a finished image, found before people do: requirements that are not met, files that
//! two artifacts own, libraries that are missing, GPUs without code, extension modules that bring the GIL
//! back, scripts without their interpreter, modules that do not import.
//!
//! The parts' blobs are read once, front to back, and what was found in them is kept in the store by
//! their diff-ids: a second check reads no blob. For the imports the image is unpacked and its own
//! interpreter runs in the sandbox; how that went is kept by the image's diff-ids and environment. The
//! image is never changed.
//!
//! What is known to be passed over: libraries that a program opens by name (dlopen), versions of symbols,
//! and programs for other machines than x86-64.

mod distributions;
mod elf;
mod error;
mod facts;
mod fatbin;
mod finding;
mod gpu;
mod import_findings;
mod imports;
mod interpreters;
mod libraries;
mod loader;
mod modules;
mod owners;
mod requirement_lines;
mod requirements;
mod unpack;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use assembler::Image;
use layer::{Context, Part, read_index};
use lock::Lock;

pub use error::{Error, Result};
pub use fatbin::{Code, DeviceCode, Form, Reach};
pub use finding::{Class, Finding, GpuCode, GpuSupport, LookedAt, Report, Severity, Support};
pub use gpu::GPUS;

use elf::Elf;
use loader::Loader;
use view::View;

/// Checks an image that was made from `lock`. Without `imports` nothing of the image is run, and it is
/// not unpacked.
///
/// # Errors
/// See [`Error`]; what is wrong with the image is in the report.
pub fn check(cx: &Context, lock: &Lock, image: &Image, imports: bool) -> Result<Report> {
    let parts: Vec<&Part> = image.parts().collect();
    let facts = facts::of_parts(cx, &parts)?;
    let indexes = parts.iter().map(|part| read_index(&cx.store, part));
    let indexes = indexes.collect::<Result<Vec<_>, _>>()?;
    let config: serde_json::Value = serde_json::from_slice(&image.config).map_err(Error::Config)?;
    let config = &config["config"];
    let env = environment(config);
    let set = |name: &str| env.get(name).map(String::as_str).unwrap_or_default();

    let mut view = View::new(&parts, indexes.clone());
    let lists = facts.iter().flat_map(|facts| &facts.texts);
    let lists = lists.filter(|(path, _)| path.starts_with("var/lib/dpkg/info/"));
    view.learn_debian(lists.map(|(path, text)| (path.as_str(), text.as_str())));
    let view = view;
    let texts: BTreeMap<&str, &str> = view
        .visible(&facts, |facts| &facts.texts)
        .map(|(path, text)| (path, text.as_str()))
        .collect();
    let elf: BTreeMap<&str, &Elf> = view.visible(&facts, |facts| &facts.elf).collect();
    let scripts: Vec<(&str, &String)> = view.visible(&facts, |facts| &facts.scripts).collect();
    let distributions = distributions::all(&view, &texts, lock);

    let met = requirements::check(&view, &texts, &distributions, lock)?;
    let mut report = Report {
        looked_at: LookedAt {
            files: view.iter().count(),
            elf: elf.len(),
            scripts: scripts.len(),
            distributions: distributions.len(),
            requirements: met.count,
            imports: 0,
        },
        findings: met.findings,
        gpu: Vec::new(),
    };
    report
        .findings
        .extend(owners::check(&distributions, &parts, &indexes));
    let mut imported = BTreeSet::new();
    if imports {
        let done = imports::all(cx, image, lock, &env, &distributions)?;
        report.looked_at.imports = done.len();
        let free_threaded = lock.python.tag.ends_with('t');
        report
            .findings
            .extend(import_findings::findings(&done, free_threaded));
        imported = import_findings::whole(&done);
    }
    let loader = Loader::new(&view, &elf, &texts, set("LD_LIBRARY_PATH"));
    report.findings.extend(libraries::check(
        &view,
        &elf,
        &loader,
        &lock.python.tag,
        &imported,
    ));
    report
        .findings
        .extend(broken(&view, view.visible(&facts, |facts| &facts.broken)));
    let (gpu, findings) = gpu::check(&view, &elf);
    report.gpu = gpu;
    report.findings.extend(findings);
    let scripts = scripts.into_iter();
    report.findings.extend(interpreters::check(
        &view,
        scripts,
        &elf,
        set("PATH"),
        &started(config),
    ));
    report.findings.sort();
    Ok(report)
}

/// The environment in the image's config.
fn environment(config: &serde_json::Value) -> BTreeMap<String, String> {
    let pairs = words(config, "/Env");
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What the image starts by itself, as far as it is named by a path.
fn started(config: &serde_json::Value) -> Vec<String> {
    let lists = ["/Entrypoint", "/Cmd", "/Healthcheck/Test"];
    let words = lists.iter().flat_map(|list| words(config, list));
    words
        .filter(|word| word.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

/// The texts of a list in the config.
fn words<'c>(config: &'c serde_json::Value, list: &str) -> impl Iterator<Item = &'c str> {
    let list = config.pointer(list).and_then(serde_json::Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(serde_json::Value::as_str)
}

/// ELF files that make no sense.
fn broken<'f>(
    view: &View,
    files: impl Iterator<Item = (&'f str, &'f String)>,
) -> impl Iterator<Item = Finding> {
    files.map(|(path, why)| Finding {
        class: Class::Libraries,
        severity: Severity::Warning,
        artifact: view.artifact(path),
        what: format!("/{path} is a damaged ELF file: {why}"),
        hint: "it may be meant so, in tests; else the package is damaged".to_owned(),
        paths: vec![format!("/{path}")],
    })
}
