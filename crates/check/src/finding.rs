//! What a check tells: findings by class and severity, and which GPUs each package has code for.

use serde::Serialize;

use crate::fatbin::Code;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Class {
    /// Requirements that the Python environment does not meet.
    Requirements,
    /// Files that two artifacts own.
    Owners,
    /// Shared libraries that a program or library needs.
    Libraries,
    /// GPUs that there is no code for.
    Gpu,
    /// Extension modules that turn the GIL back on.
    Gil,
    /// Scripts and programs whose interpreter or loader is missing.
    Interpreters,
    /// Python modules that do not import.
    Imports,
}

impl Class {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Requirements,
        Self::Owners,
        Self::Libraries,
        Self::Gpu,
        Self::Gil,
        Self::Interpreters,
        Self::Imports,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Requirements => "requirements",
            Self::Owners => "owners",
            Self::Libraries => "libraries",
            Self::Gpu => "gpu",
            Self::Gil => "gil",
            Self::Interpreters => "interpreters",
            Self::Imports => "imports",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something is broken.
    Error,
    /// Something may break when it is used.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What it is about.
    pub class: Class,
    /// How bad it is.
    pub severity: Severity,
    /// Whose fault it is: a package, a node, or the part of the image where nobody else is known.
    pub artifact: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: String,
    /// Paths in the image that it is about, absolute.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
}

/// How a package's code gets onto a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Support {
    /// As machine code.
    Native,
    /// Compiled when it is first used: out of PTX by the driver, or linked by the library.
    Ptx,
    /// Not at all.
    None,
}

impl Support {
    /// Of a set of code, for a GPU.
    pub fn of<'c>(code: impl IntoIterator<Item = &'c Code>, wanted: u32) -> Self {
        let fitting = code.into_iter().filter(|code| code.runs_on(wanted));
        fitting
            .map(|code| match code.form {
                crate::fatbin::Form::Cubin => Self::Native,
                crate::fatbin::Form::Ptx | crate::fatbin::Form::Lto => Self::Ptx,
            })
            .min()
            .unwrap_or(Self::None)
    }

    /// The words for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Ptx => "compiled at first use",
            Self::None => "no",
        }
    }
}

/// A package's code for GPUs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GpuCode {
    /// The package.
    pub artifact: String,
    /// How many of its files have some.
    pub files: usize,
    /// How many modules (fat binaries) they have.
    pub modules: u32,
    /// `sm_90`, `compute_120` …, of all modules.
    pub code: Vec<String>,
    /// Each of [`GPUS`](crate::GPUS).
    pub support: Vec<GpuSupport>,
}

/// How a package's files do on one GPU: how many of them in which way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GpuSupport {
    /// The architecture's number.
    pub architecture: u32,
    /// What people call such GPUs.
    pub name: &'static str,
    /// Files by how they do, the best first.
    pub files: std::collections::BTreeMap<Support, usize>,
}

/// Everything that was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// By class, then the worst first.
    pub findings: Vec<Finding>,
    /// Packages with code for GPUs, by name.
    pub gpu: Vec<GpuCode>,
    /// What was looked at.
    pub looked_at: LookedAt,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LookedAt {
    /// Files of the image.
    pub files: usize,
    /// Programs and libraries.
    pub elf: usize,
    /// Executable scripts.
    pub scripts: usize,
    /// Python distributions.
    pub distributions: usize,
    /// Requirements that hold here.
    pub requirements: usize,
    /// Modules that were imported; none without `imports`.
    pub imports: usize,
}

impl Report {
    /// How many findings are this bad.
    pub fn count(&self, severity: Severity) -> usize {
        let of = |finding: &&Finding| finding.severity == severity;
        self.findings.iter().filter(of).count()
    }
}
