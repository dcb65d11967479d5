//! Which GPUs each package has code for.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Class, Finding, GpuCode, GpuSupport, Severity, Support, elf::Elf, fatbin::Code, view::View,
};

/// The architectures that are told of, oldest first, and what people call them.
pub const GPUS: [(u32, &str); 4] = [
    (75, "RTX 20xx"),
    (86, "RTX 30xx"),
    (89, "RTX 40xx"),
    (120, "RTX 50xx"),
];

/// The one that has to work.
const NEWEST: u32 = 120;

/// Sums up the code of every package, and tells of files that leave a GPU out.
pub(crate) fn check(view: &View, elf: &BTreeMap<&str, &Elf>) -> (Vec<GpuCode>, Vec<Finding>) {
    let mut packages: BTreeMap<String, Vec<(&str, &Elf)>> = BTreeMap::new();
    for (path, file) in elf.iter().filter(|(_, file)| !file.device.is_empty()) {
        packages
            .entry(view.artifact(path))
            .or_default()
            .push((path, file));
    }
    let mut findings = Vec::new();
    let mut all = Vec::new();
    for (artifact, files) in packages {
        let code: BTreeSet<Code> = files.iter().flat_map(|(_, file)| code_of(file)).collect();
        let modules = files.iter().flat_map(|(_, file)| file.device.values());
        let support = GPUS.map(|(gpu, name)| {
            let mut by: BTreeMap<Support, Vec<String>> = BTreeMap::new();
            for (path, file) in &files {
                let support = Support::of(&code_of(file).collect::<Vec<_>>(), gpu);
                by.entry(support).or_default().push(format!("/{path}"));
            }
            let counts = by.iter().map(|(support, paths)| (*support, paths.len()));
            let counts = counts.collect();
            for (support, paths) in by {
                findings.extend(finding(&artifact, gpu, name, support, paths));
            }
            GpuSupport {
                architecture: gpu,
                name,
                files: counts,
            }
        });
        all.push(GpuCode {
            artifact,
            files: files.len(),
            modules: modules.map(|(_, count)| count).sum(),
            code: code.iter().map(ToString::to_string).collect(),
            support: support.to_vec(),
        });
    }
    (all, findings)
}

/// The code of all modules of a file.
fn code_of(file: &Elf) -> impl Iterator<Item = Code> {
    file.device
        .values()
        .flat_map(|(code, _)| code.iter().copied())
}

fn finding(
    artifact: &str,
    gpu: u32,
    name: &str,
    support: Support,
    paths: Vec<String>,
) -> Option<Finding> {
    let files = match paths.as_slice() {
        [one] => one.clone(),
        many => format!("{} files", many.len()),
    };
    let (severity, what, hint) = match support {
        Support::Native => return None,
        // Older GPUs get their PTX compiled by everybody; of the newest it is worth a word.
        Support::Ptx if gpu != NEWEST => return None,
        Support::Ptx => (
            Severity::Note,
            format!(
                "{name} (sm_{gpu}): no machine code in {files}, which is compiled at first use"
            ),
            "nothing to do: the first use takes longer, and the driver keeps what it has compiled",
        ),
        Support::None => (
            match gpu {
                NEWEST => Severity::Warning,
                _ => Severity::Note,
            },
            format!("{name} (sm_{gpu}) has no code in {files}"),
            "on such a GPU its functions fail: take a build that has it, or leave the package out",
        ),
    };
    Some(Finding {
        class: Class::Gpu,
        severity,
        artifact: artifact.to_owned(),
        what,
        hint: hint.to_owned(),
        paths,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fatbin::{Form, Reach},
        view::made_up,
    };

    #[test]
    fn files_are_counted_by_how_they_do() {
        let file = |codes: &[(Form, u32, Reach)]| {
            let code = |(form, architecture, reach): &(Form, u32, Reach)| Code {
                form: *form,
                architecture: *architecture,
                reach: *reach,
            };
            Elf {
                device: [("x".to_owned(), (codes.iter().map(code).collect(), 2))].into(),
                ..Elf::default()
            }
        };
        use {Form::*, Reach::*};
        let both = file(&[
            (Cubin, 80, Forward),
            (Cubin, 120, Forward),
            (Ptx, 75, Forward),
        ]);
        let ptx = file(&[(Cubin, 86, Forward), (Ptx, 86, Forward)]);
        let old = file(&[(Cubin, 90, Exact), (Cubin, 86, Forward)]);
        let elf = BTreeMap::from([("a/one.so", &both), ("a/two.so", &ptx), ("b/x.so", &old)]);
        let view = made_up(&[&["a/one.so", "a/two.so"], &["b/x.so"]]);
        let (all, findings) = check(&view, &elf);
        assert_eq!((all[0].files, all[0].modules), (2, 4));
        assert_eq!(
            all[0].code,
            ["sm_80", "sm_86", "sm_120", "compute_75", "compute_86"]
        );
        let support = |at: usize, gpu: usize| Vec::from_iter(all[at].support[gpu].files.clone());
        use Support as S;
        assert_eq!(support(0, 0), [(S::Ptx, 1), (S::None, 1)]);
        assert_eq!(support(0, 1), [(S::Native, 2)]);
        assert_eq!(support(0, 3), [(S::Native, 1), (S::Ptx, 1)]);
        assert_eq!(support(1, 3), [(S::None, 1)]);
        let told: Vec<_> = findings
            .iter()
            .map(|one| (one.severity, one.what.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (Severity::Note, "RTX 20xx (sm_75) has no code in /a/two.so"),
                (
                    Severity::Note,
                    "RTX 50xx (sm_120): no machine code in /a/two.so, which is compiled at first use"
                ),
                (Severity::Note, "RTX 20xx (sm_75) has no code in /b/x.so"),
                (
                    Severity::Warning,
                    "RTX 50xx (sm_120) has no code in /b/x.so"
                ),
            ]
        );
    }
}
