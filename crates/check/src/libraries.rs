//! Shared libraries that programs and libraries need and do not find.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Class, Finding, Severity,
    elf::Elf,
    loader::{Loader, is_of_driver},
    view::View,
};

/// As many paths as a finding names.
const NAMED: usize = 8;

/// What became of one needed name.
enum Outcome<'i> {
    Found,
    /// Not on the file's own search path, but brought by all that is known to load it.
    Inherited,
    Driver,
    /// There, but not where it is looked for.
    Elsewhere(&'i str),
    Nowhere,
}

/// Checks every ELF file of an image. `imported` are artifacts whose modules have all been imported: what
/// they lack is optional.
pub(crate) fn check<'i>(
    view: &'i View,
    elf: &'i BTreeMap<&'i str, &'i Elf>,
    loader: &Loader<'i>,
    python_tag: &str,
    imported: &BTreeSet<String>,
) -> Vec<Finding> {
    let mut outcomes: Vec<(&str, &str, Outcome<'_>)> = Vec::new();
    let mut loads: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut loaded_by: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (path, file) in elf.iter().filter(|(_, file)| !file.foreign) {
        for name in &file.needed {
            let outcome = match loader.find(path, file, name) {
                Some(found) => {
                    loads.entry(path).or_default().push(found);
                    loaded_by.entry(found).or_default().insert(path);
                    Outcome::Found
                }
                None if is_of_driver(name) => Outcome::Driver,
                None => match loader.anywhere(name) {
                    Some(found) => Outcome::Elsewhere(found),
                    None => Outcome::Nowhere,
                },
            };
            outcomes.push((path, name, outcome));
        }
    }
    let direct: BTreeSet<(&str, &str)> = outcomes
        .iter()
        .filter(|(_, _, outcome)| matches!(outcome, Outcome::Found))
        .map(|(path, name, _)| (*path, *name))
        .collect();
    for (path, name, outcome) in &mut outcomes {
        if matches!(outcome, Outcome::Elsewhere(_)) {
            let brings = |above: &str| {
                direct.contains(&(above, *name))
                    || elf
                        .get(above)
                        .is_some_and(|file| loader.inherited(above, file, name).is_some())
            };
            if !loaded_by.get(path).is_none_or(BTreeSet::is_empty)
                && is_brought(path, &loaded_by, &brings, &mut BTreeSet::new())
            {
                *outcome = Outcome::Inherited;
            }
        }
    }
    let roots = |is_root: &dyn Fn(&str, &Elf) -> bool| -> BTreeSet<&str> {
        let roots = elf.iter().filter(|(path, file)| is_root(path, file));
        roots.map(|(path, _)| *path).collect()
    };
    let programs = roots(&|path, file| is_program(view, path, file));
    let extensions = roots(&|path, _| is_extension(path, python_tag));
    let told = Told {
        view,
        elf,
        by_programs: reached(&programs, &loads),
        by_imports: reached(&extensions, &loads),
        imported,
    };
    told.findings(&outcomes)
}

/// Whether on every way to `path` something above it brings the library, so that it is loaded before.
/// Whoever is loaded by nobody ends a way.
fn is_brought<'i>(
    path: &'i str,
    loaded_by: &BTreeMap<&'i str, BTreeSet<&'i str>>,
    brings: &dyn Fn(&str) -> bool,
    seen: &mut BTreeSet<&'i str>,
) -> bool {
    let Some(above) = loaded_by.get(path).filter(|above| !above.is_empty()) else {
        return false;
    };
    above.iter().all(|one| {
        // A way back to where we were adds nothing.
        !seen.insert(one) || brings(one) || is_brought(one, loaded_by, brings, seen)
    })
}

/// A program is started by itself, so nothing has loaded anything before it.
pub(crate) fn is_program(view: &View, path: &str, file: &Elf) -> bool {
    let library = path.ends_with(".so") || path.contains(".so.");
    let loader = file.interpreter.as_deref().unwrap_or_default();
    !loader.is_empty() && !library && view.is_executable(path)
}

/// Whether Python can import the file: by its ending, as the interpreter tells them.
pub(crate) fn is_extension(path: &str, python_tag: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some(stem) = name.strip_suffix(".so") else {
        return false;
    };
    match stem.split_once('.') {
        Some((_, "abi3")) => !python_tag.ends_with('t'),
        Some((_, tag)) => {
            let version = python_tag.trim_start_matches("cp");
            tag == format!("cpython-{version}-x86_64-linux-gnu")
        }
        None => !stem.starts_with("lib") && path.contains("python3"),
    }
}

fn reached<'i>(
    roots: &BTreeSet<&'i str>,
    loads: &BTreeMap<&'i str, Vec<&'i str>>,
) -> BTreeSet<&'i str> {
    let mut reached = roots.clone();
    let mut open: Vec<&str> = roots.iter().copied().collect();
    while let Some(path) = open.pop() {
        for next in loads.get(path).into_iter().flatten() {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

/// Names with the places where they are, and the files that do not look there.
type Misplaced<'i> = (BTreeMap<&'i str, &'i str>, BTreeSet<&'i str>);

/// Puts outcomes into words: one finding for an artifact, a library and a kind of trouble.
struct Told<'i> {
    view: &'i View,
    elf: &'i BTreeMap<&'i str, &'i Elf>,
    /// Files that some program or extension module loads, themselves among them.
    by_programs: BTreeSet<&'i str>,
    by_imports: BTreeSet<&'i str>,
    imported: &'i BTreeSet<String>,
}

impl Told<'_> {
    /// How bad it is that a file cannot be loaded.
    fn severity(&self, path: &str, artifact: &str) -> Severity {
        let import_fails = self.by_imports.contains(path) && !self.imported.contains(artifact);
        match self.by_programs.contains(path) || import_fails {
            true => Severity::Error,
            false => Severity::Warning,
        }
    }

    fn findings(&self, outcomes: &[(&str, &str, Outcome<'_>)]) -> Vec<Finding> {
        let mut nowhere: BTreeMap<(Severity, String, &str), Vec<&str>> = BTreeMap::new();
        let mut elsewhere: BTreeMap<(Severity, String), Misplaced<'_>> = BTreeMap::new();
        let mut driver: BTreeMap<&str, (BTreeSet<String>, Vec<&str>)> = BTreeMap::new();
        for (path, name, outcome) in outcomes {
            let artifact = self.view.artifact(path);
            match outcome {
                Outcome::Found | Outcome::Inherited => {}
                Outcome::Driver => {
                    let (artifacts, paths) = driver.entry(name).or_default();
                    artifacts.insert(artifact);
                    paths.push(path);
                }
                Outcome::Elsewhere(at) => {
                    let file = self.elf.get(path);
                    let severity = match file.is_some_and(|file| is_program(self.view, path, file))
                    {
                        true => Severity::Error,
                        // Another that loads it may have what the program has not.
                        false if self.by_programs.contains(path) => Severity::Warning,
                        false => Severity::Note,
                    };
                    let (names, paths) = elsewhere.entry((severity, artifact)).or_default();
                    names.insert(name, at);
                    paths.insert(path);
                }
                Outcome::Nowhere => {
                    let severity = self.severity(path, &artifact);
                    let paths = nowhere.entry((severity, artifact, name)).or_default();
                    paths.push(path);
                }
            }
        }
        let mut findings = Vec::new();
        let mut optional: BTreeMap<String, (Vec<String>, BTreeSet<&str>)> = BTreeMap::new();
        for ((severity, artifact, name), files) in nowhere {
            if severity != Severity::Error {
                let (names, all) = optional.entry(artifact).or_default();
                names.push(format!("{name} (for {})", some_files(&files)));
                all.extend(files);
                continue;
            }
            let who = some_files(&files);
            let what = format!("{name} is not in the image; {who} cannot be loaded");
            let hint = format!(
                "add what brings {name} (of Debian's packages `apt-file search {name}` names it), or leave it \
                 if what needs it is not wanted"
            );
            findings.push(finding(severity, artifact, what, hint, files));
        }
        for (artifact, (names, files)) in optional {
            let what = format!(
                "not in the image: {}; nothing needs these files to start or to be imported, but who opens them fails",
                list(&names)
            );
            let hint =
                "leave it, if the feature is not wanted; else add the packages that have them";
            let files = files.into_iter().collect();
            findings.push(finding(
                Severity::Warning,
                artifact,
                what,
                hint.to_owned(),
                files,
            ));
        }
        for ((severity, artifact), (names, files)) in elsewhere {
            let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (name, at) in names {
                let folder = at.rsplit_once('/').map_or("", |(folder, _)| folder);
                folders.entry(folder).or_default().push(name);
            }
            let places = folders.iter();
            let places = places.map(|(folder, names)| format!("{} in /{folder}", names.join(", ")));
            let files: Vec<&str> = files.into_iter().collect();
            let what = format!(
                "not on the search path of {}: {}",
                some_files(&files),
                places.collect::<Vec<_>>().join("; ")
            );
            let hint = match severity {
                Severity::Error => {
                    "a program has nothing loaded before it: add the folder to LD_LIBRARY_PATH in [image] env"
                }
                _ => {
                    "fine where the package loads them first, as `import torch` does with torch's own"
                }
            };
            findings.push(finding(severity, artifact, what, hint.to_owned(), files));
        }
        for (name, (artifacts, files)) in driver {
            let artifacts: Vec<String> = artifacts.into_iter().collect();
            let what = format!(
                "comes from the host's driver; needed by {} of {}",
                some_files(&files),
                list(&artifacts)
            );
            let hint = "nothing to do: the container engine brings it (--gpus all)".to_owned();
            findings.push(finding(Severity::Note, name.to_owned(), what, hint, files));
        }
        findings
    }
}

fn finding(
    severity: Severity,
    artifact: String,
    what: String,
    hint: String,
    files: Vec<&str>,
) -> Finding {
    Finding {
        class: Class::Libraries,
        severity,
        artifact,
        what,
        hint,
        paths: files.iter().map(|path| format!("/{path}")).collect(),
    }
}

fn some_files(files: &[&str]) -> String {
    match files {
        [one] => one.rsplit('/').next().unwrap_or(one).to_owned(),
        many => format!("{} files", many.len()),
    }
}

/// The first few of a list, and how many more there are.
pub(crate) fn list(all: &[String]) -> String {
    let shown = all
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::made_up;

    fn needing(names: &[&str]) -> Elf {
        Elf {
            needed: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Elf::default()
        }
    }

    fn findings(files: &[(&str, Elf)]) -> Vec<(Severity, String, Vec<String>)> {
        findings_when(&[], files)
    }

    fn findings_when(
        imported: &[&str],
        files: &[(&str, Elf)],
    ) -> Vec<(Severity, String, Vec<String>)> {
        let imported = imported.iter().map(|name| (*name).to_owned()).collect();
        let mut lines: Vec<&str> = vec!["usr/", "usr/lib/", "usr/bin/", "p/", "p/python3/"];
        lines.extend(files.iter().map(|(path, _)| *path));
        let view = made_up(&[&lines]);
        let elf = files.iter().map(|(path, elf)| (*path, elf)).collect();
        let loader = Loader::new(&view, &elf, &BTreeMap::new(), "");
        check(&view, &elf, &loader, "cp314", &imported)
            .into_iter()
            .map(|found| (found.severity, found.what, found.paths))
            .collect()
    }

    #[test]
    fn what_is_nowhere_is_worse_where_something_loads_it() {
        let found = findings(&[
            (
                "p/python3/m.cpython-314-x86_64-linux-gnu.so",
                needing(&["libone.so"]),
            ),
            ("usr/lib/libone.so", needing(&["libgone.so.1"])),
            ("p/libplugin.so", needing(&["libother.so"])),
            ("p/python3/libx.so", needing(&["libcuda.so.1"])),
        ]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0].0, Severity::Error);
        assert!(
            found[0].1.starts_with("libgone.so.1 is not in the image"),
            "{found:?}"
        );
        assert_eq!(found[1].0, Severity::Warning);
        assert_eq!(found[1].2, ["/p/libplugin.so"]);
        assert_eq!(found[2].0, Severity::Note);
        assert!(found[2].1.contains("driver"), "{found:?}");
    }

    #[test]
    fn what_is_imported_all_the_same_lacks_nothing_that_it_needs() {
        let extension = "p/python3/m.cpython-314-x86_64-linux-gnu.so";
        let severity =
            |imported: &[&str], path, file: Elf| findings_when(imported, &[(path, file)])[0].0;
        let lacking = || needing(&["libgone.so.1"]);
        assert_eq!(severity(&[], extension, lacking()), Severity::Error);
        assert_eq!(
            severity(&["part 0"], extension, lacking()),
            Severity::Warning
        );
        let mut program = lacking();
        program.interpreter = Some("/lib64/ld".to_owned());
        assert_eq!(severity(&["part 0"], "usr/bin/x", program), Severity::Error);
    }

    #[test]
    fn what_callers_bring_is_no_finding() {
        let hidden = || ("p/libhidden.so", Elf::default());
        let mut brings = needing(&["libuser.so", "libhidden.so"]);
        brings.rpath = Some("/p".to_owned());
        let user = || ("usr/lib/libuser.so", needing(&["libhidden.so"]));
        // Loaded by one that has it, and by no other.
        assert_eq!(
            findings(&[("p/libtop.so", brings.clone()), user(), hidden()]),
            []
        );
        // By nobody that is known.
        let found = findings(&[user(), hidden()]);
        assert_eq!(found[0].0, Severity::Note);
        assert!(found[0].1.ends_with("libhidden.so in /p"), "{found:?}");
        // By another, too, that has it not.
        let other = ("p/libother.so", needing(&["libuser.so"]));
        assert_eq!(
            findings(&[("p/libtop.so", brings), other, user(), hidden()]).len(),
            1
        );
        // A program comes first.
        let mut program = needing(&["libhidden.so"]);
        program.interpreter = Some("/lib64/ld".to_owned());
        let found = findings(&[("usr/bin/tool", program.clone()), hidden()]);
        assert_eq!(found[0].0, Severity::Error, "{found:?}");
        program.needed = vec!["libuser.so".to_owned()];
        let found = findings(&[("usr/bin/tool", program), user(), hidden()]);
        assert_eq!(found[0].0, Severity::Warning, "{found:?}");
    }

    #[test]
    fn extensions_are_told_by_their_ending() {
        let is = |name: &str, tag: &str| is_extension(&format!("usr/lib/python3/{name}"), tag);
        assert!(is("a.cpython-314-x86_64-linux-gnu.so", "cp314"));
        assert!(!is("a.cpython-314t-x86_64-linux-gnu.so", "cp314"));
        assert!(is("a.cpython-314t-x86_64-linux-gnu.so", "cp314t"));
        assert!(is("a.abi3.so", "cp314") && !is("a.abi3.so", "cp314t"));
        assert!(is("a.so", "cp314") && !is("liba.so", "cp314") && !is("liba.so.1", "cp314"));
    }
}
