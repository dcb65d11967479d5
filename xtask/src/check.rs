//! `cargo xtask check`: what is wrong in a built image.

use anyhow::{Result, bail};
use check::{Class, Finding, Report, Severity};
use lock::LayerName;

use crate::{build, options::BuildOptions};

/// Paths below a finding, where it has more than one.
const PATHS: usize = 3;

/// Looks for what is wrong in an edition's image, before somebody finds out in a container.
///
/// The image is built first, as `image` does, or found in the store; it is never changed. Then:
///
///   requirements  lines of ComfyUI's and every bundled node's requirements.txt and pyproject.toml,
///                 and of all installed distributions, that the Python environment does not meet
///   owners        files that two artifacts own
///   libraries     shared libraries that are missing, looked for as ld.so does
///   gpu           GPUs that a package has no code for, and which it has
///   gil           without the GIL: extension modules that turn it back on
///   interpreters  scripts and programs whose interpreter or loader is missing
///   imports       Python modules that do not import; each is tried in a process of its own, by the
///                 image's interpreter, in a sandbox without network
///
/// An error is something broken, a warning something that may break when it is used, a note is good to
/// know. Each finding names whose fault it is and what to do. The exit status is 1 if there are errors.
///
/// The first check of an image reads all of its parts, and unpacks it for the imports, into the store
/// and only for that time. What was found is kept: a second check takes a second or two.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:\n  cargo xtask check\n  cargo xtask check megapak --no-imports\n  \
                  cargo xtask check --only libraries --only imports\n  \
                  cargo xtask check --json | jq '.findings[] | select(.severity == \"error\")'"
)]
pub struct Args {
    /// The edition, as in editions/<EDITION>.lock, or the path of a lock file (with a / or ending
    /// with .lock).
    #[arg(default_value = "starter")]
    edition: String,
    /// Import nothing: the image is not unpacked and nothing of it is run (nor is `gil` looked at).
    #[arg(long)]
    no_imports: bool,
    /// Tell of this class alone; may be given several times.
    #[arg(long, value_name = "CLASS", value_parser = class)]
    only: Vec<Class>,
    /// Leave notes out.
    #[arg(long)]
    no_notes: bool,
    #[command(flatten)]
    options: BuildOptions,
}

fn class(text: &str) -> Result<Class, String> {
    let found = Class::ALL.into_iter().find(|class| class.word() == text);
    found.ok_or_else(|| {
        let known = Class::ALL.map(Class::word).join(", ");
        format!("there is no such class; there are: {known}")
    })
}

impl Args {
    fn wants(&self, finding: &Finding) -> bool {
        (self.only.is_empty() || self.only.contains(&finding.class))
            && !(self.no_notes && finding.severity == Severity::Note)
    }
}

pub fn run(args: &Args) -> Result<()> {
    args.options.without_caches("check")?;
    // Paths that two parts have are told all at once; `image` would stop at the first.
    let assemble = assembler::assemble_disputed;
    let alone = build::Standing::Alone;
    let built = build::build(
        &args.edition,
        LayerName::Runtime,
        &args.options,
        alone,
        assemble,
    )?;
    if let Some(from) = &built.lock.from {
        eprintln!(
            "the image below, {}, is not looked into: what the edition itself comes to is",
            from.image
        );
    }
    // What a module lacks is judged by whether it imports.
    let need_imports = [Class::Imports, Class::Gil, Class::Libraries];
    let wants_imports =
        args.only.is_empty() || args.only.iter().any(|class| need_imports.contains(class));
    let imports = wants_imports && !args.no_imports;
    let mut report = check::check(&built.cx, &built.lock, &built.image, imports)?;
    report.findings.retain(|finding| args.wants(finding));
    if args.options.json {
        let edition = &built.image.meta.edition;
        println!("{}", json(&report, edition, &built.image.digest.to_oci())?);
    } else {
        println!("{}", text(&report, args.wants_gpu()));
    }
    match report.count(Severity::Error) {
        0 => Ok(()),
        1 => bail!("1 error was found in {}", args.edition),
        more => bail!("{more} errors were found in {}", args.edition),
    }
}

impl Args {
    fn wants_gpu(&self) -> bool {
        self.only.is_empty() || self.only.contains(&Class::Gpu)
    }
}

fn json(report: &Report, edition: &str, digest: &str) -> Result<String> {
    let mut value = serde_json::to_value(report)?;
    value["edition"] = edition.into();
    value["digest"] = digest.into();
    for (name, severity) in [
        ("errors", Severity::Error),
        ("warnings", Severity::Warning),
        ("notes", Severity::Note),
    ] {
        value[name] = report.count(severity).into();
    }
    Ok(value.to_string())
}

fn text(report: &Report, with_gpu: bool) -> String {
    let mut lines = Vec::new();
    for class in Class::ALL {
        let findings = report
            .findings
            .iter()
            .filter(|finding| finding.class == class);
        let findings: Vec<&Finding> = findings.collect();
        let table = match class {
            Class::Gpu if with_gpu => gpu(report),
            _ => Vec::new(),
        };
        if findings.is_empty() && table.is_empty() {
            continue;
        }
        lines.push(class.word().to_owned());
        lines.extend(table);
        for finding in findings {
            lines.push(format!(
                "  {:<8} {}: {}",
                finding.severity.word(),
                finding.artifact,
                finding.what
            ));
            // Often the text has the only path already.
            if finding
                .paths
                .iter()
                .any(|path| !finding.what.contains(path.as_str()))
            {
                let shown = finding.paths.iter().take(PATHS);
                lines.extend(shown.map(|path| format!("             {path}")));
                let more = finding.paths.len().saturating_sub(PATHS);
                if more > 0 {
                    lines.push(format!("             and {more} more (--json has all)"));
                }
            }
            lines.push(format!("           -> {}", finding.hint));
        }
        lines.push(String::new());
    }
    let at = &report.looked_at;
    lines.push(format!(
        "looked at {} files, {} programs and libraries, {} scripts, {} distributions, {} requirements, {}",
        at.files,
        at.elf,
        at.scripts,
        at.distributions,
        at.requirements,
        match at.imports {
            0 => "no imports".to_owned(),
            count => format!("{count} imports"),
        }
    ));
    let counted = |severity: Severity| {
        let count = report.count(severity);
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {}{plural}", severity.word())
    };
    lines.push(
        [Severity::Error, Severity::Warning, Severity::Note]
            .map(counted)
            .join(", "),
    );
    lines.join("\n")
}

/// A line for each package with code for GPUs.
fn gpu(report: &Report) -> Vec<String> {
    let line = |package: &check::GpuCode| {
        let support = package.support.iter().map(|gpu| {
            let whole = gpu.files.len() == 1;
            let ways = gpu.files.iter().map(|(support, count)| match whole {
                true => support.word().to_owned(),
                false => format!("{} in {count}", support.word()),
            });
            format!("{} {}", gpu.name, ways.collect::<Vec<_>>().join(" and "))
        });
        format!(
            "  {} ({}): {}\n      {}",
            package.artifact,
            match package.files {
                1 => "1 file".to_owned(),
                files => format!("{files} files"),
            },
            support.collect::<Vec<_>>().join(", "),
            package.code.join(" ")
        )
    };
    report.gpu.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_told_by_class_with_what_to_do() {
        let finding = |class, severity, paths: &[&str]| Finding {
            class,
            severity,
            artifact: "node".to_owned(),
            what: "is wrong".to_owned(),
            hint: "mend it".to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let report = Report {
            findings: vec![
                finding(Class::Owners, Severity::Error, &["/a", "/b", "/c", "/d"]),
                finding(Class::Imports, Severity::Note, &[]),
            ],
            ..Report::default()
        };
        let told = text(&report, true);
        let start = "owners\n  error    node: is wrong\n             /a\n             /b\n             /c\n             \
                     and 1 more (--json has all)\n           -> mend it\n\nimports\n  note     node: is wrong\n";
        assert!(told.starts_with(start), "{told}");
        assert!(told.ends_with("1 error, 0 warnings, 1 note"), "{told}");
        let json: serde_json::Value =
            serde_json::from_str(&json(&report, "e", "sha256:0").unwrap()).unwrap();
        assert_eq!(
            (&json["errors"], &json["edition"]),
            (&1.into(), &"e".into())
        );
        assert_eq!(json["findings"][0]["class"], "owners");
        assert!(class("owners").is_ok() && class("owner").unwrap_err().contains("gpu"));
    }
}
