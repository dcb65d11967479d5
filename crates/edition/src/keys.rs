//! Every key of an edition file: the one table that the reader, the JSON schema and the reference
//! page's test go by.

/// A table of an edition file.
#[derive(Debug)]
pub struct Table {
    /// How the reference writes it, such as `[debian]`.
    pub title: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Must be there (in an edition that extends none).
    pub required: bool,
    /// What it means.
    pub doc: &'static str,
}

/// What a key holds.
#[derive(Debug)]
pub enum Kind {
    /// A string.
    Text,
    /// A string out of a few.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A date or time of RFC 3339, as a string or as TOML's own.
    Time,
    /// A list of strings.
    Texts,
    /// Names to strings.
    TextMap,
    /// One table.
    Table(&'static Table),
    /// A list of tables.
    Tables(&'static Table),
    /// Free names to tables.
    Named(&'static Table),
    /// Layer names to tables.
    Layers(&'static Table),
}

impl Kind {
    /// What a person calls it.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Text | Self::Choice(_) => "a string",
            Self::Flag => "true or false",
            Self::Time => "a date or time (RFC 3339)",
            Self::Texts => "a list of strings",
            Self::TextMap => "a table of strings",
            Self::Table(_) | Self::Named(_) | Self::Layers(_) => "a table",
            Self::Tables(_) => "a list of tables",
        }
    }
}

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        required: false,
        doc,
    }
}

const fn must(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        required: true,
        doc,
    }
}

/// The whole file.
pub static EDITION: Table = Table {
    title: "the file",
    doc: "What one image is made of.",
    keys: &[
        key(
            "extends",
            Kind::Text,
            "Name of the edition beside this one that this one adds to and removes from.",
        ),
        key(
            "from",
            Kind::Text,
            "The image below: \"REGISTRY/REPOSITORY:TAG\", \"oci:FOLDER\", \"oci-archive:FILE\"; \"\" for none.",
        ),
        must(
            "debian",
            Kind::Table(&DEBIAN),
            "Where Debian packages come from.",
        ),
        must(
            "python",
            Kind::Table(&PYTHON),
            "The interpreter, and rules for all Python packages.",
        ),
        must(
            "image",
            Kind::Table(&IMAGE),
            "What the image says of itself.",
        ),
        key(
            "layer",
            Kind::Layers(&LAYER),
            "What each layer wants, by the layer's name.",
        ),
        key(
            "index",
            Kind::Named(&INDEX),
            "More Python indexes, by a name of your choice.",
        ),
        key(
            "build",
            Kind::Named(&BUILD),
            "How packages are built from source, by the package's name.",
        ),
        key(
            "owner",
            Kind::Tables(&OWNER),
            "Who owns a path that several wheels bring.",
        ),
        key(
            "remove",
            Kind::Table(&REMOVE),
            "What of the extended edition is left out.",
        ),
    ],
};

/// `[debian]`.
pub static DEBIAN: Table = Table {
    title: "[debian]",
    doc: "Where Debian packages come from.",
    keys: &[
        must("suite", Kind::Text, "Suite or codename, such as \"forky\"."),
        key(
            "snapshot",
            Kind::Time,
            "Date of a snapshot of the archive; without it, today's archive.",
        ),
        key(
            "components",
            Kind::Texts,
            "Components of the archive. Default: [\"main\"].",
        ),
        key(
            "architecture",
            Kind::Choice(&["amd64"]),
            "dpkg's architecture. Default: \"amd64\".",
        ),
        key(
            "recommends",
            Kind::Flag,
            "Also take what packages recommend. Default: false.",
        ),
    ],
};

/// `[python]`.
pub static PYTHON: Table = Table {
    title: "[python]",
    doc: "The interpreter, and rules for all Python packages.",
    keys: &[
        must(
            "version",
            Kind::Text,
            "\"3.14\", or \"3.14t\" for the free-threaded build.",
        ),
        key(
            "source",
            Kind::Choice(&["debian", "python-build-standalone"]),
            "Where the interpreter comes from. Default: \"debian\".",
        ),
        key(
            "archive",
            Kind::Text,
            "URL of an install_only archive of python-build-standalone.",
        ),
        key("sha256", Kind::Text, "sha256 of that archive."),
        key(
            "exclude-newer",
            Kind::Time,
            "Ignore Python files uploaded after this time.",
        ),
        key(
            "from-source",
            Kind::Texts,
            "Packages that are taken as source, to be built into wheels.",
        ),
        key(
            "pylock",
            Kind::Text,
            "A PEP 751 lock (pylock.toml) that is taken as it is.",
        ),
    ],
};

/// `[image]`.
pub static IMAGE: Table = Table {
    title: "[image]",
    doc: "What the image says of itself.",
    keys: &[
        must(
            "title",
            Kind::Text,
            "The label org.opencontainers.image.title.",
        ),
        key(
            "description",
            Kind::Text,
            "The label org.opencontainers.image.description.",
        ),
        key("env", Kind::TextMap, "More environment variables."),
        key("labels", Kind::TextMap, "More labels."),
    ],
};

/// `[layer.NAME]`.
pub static LAYER: Table = Table {
    title: "[layer.NAME]",
    doc: "What one layer wants. NAME is base, python, torch, deps, perf, comfy or runtime.",
    keys: &[
        key(
            "debian",
            Kind::Texts,
            "Debian packages: \"gcc\", \"gcc=4:15.2.0-5\", \"gcc (>= 4:15)\".",
        ),
        key("python", Kind::Texts, "Python packages: PEP 508 lines."),
        key(
            "requirements",
            Kind::Texts,
            "Requirement files of pip, relative to this file.",
        ),
        key(
            "constraints",
            Kind::Texts,
            "Limits (PEP 508) and files of limits (*.txt) that install nothing.",
        ),
        key(
            "exclude-newer",
            Kind::Time,
            "The same as in [python], for the packages this layer names.",
        ),
        key(
            "source",
            Kind::Tables(&SOURCE),
            "Trees: from git, archives, wheels and local files.",
        ),
        key(
            "remove",
            Kind::Table(&LAYER_REMOVE),
            "What of the extended edition's layer is left out.",
        ),
    ],
};

/// `[[layer.NAME.source]]`.
pub static SOURCE: Table = Table {
    title: "[[layer.NAME.source]]",
    doc: "A tree that goes somewhere into the image. Exactly one of git, archive, wheel and file.",
    keys: &[
        must(
            "name",
            Kind::Text,
            "What a person calls it; one of its kind in the edition.",
        ),
        key("version", Kind::Text, "Its version, for people."),
        key("git", Kind::Text, "URL of a git repository."),
        key(
            "branch",
            Kind::Text,
            "git: the branch whose newest commit is locked.",
        ),
        key("tag", Kind::Text, "git: the tag."),
        key(
            "commit",
            Kind::Text,
            "git: the commit, 40 hexadecimal digits.",
        ),
        key(
            "submodules",
            Kind::Flag,
            "git: with its submodules. Default: true.",
        ),
        key(
            "keep-git",
            Kind::Flag,
            "git: keep .git, as a shallow clone. Default: false.",
        ),
        key(
            "archive",
            Kind::Text,
            "URL of a tar or zip archive, or of one file.",
        ),
        key(
            "wheel",
            Kind::Text,
            "A wheel on the index, as a PEP 508 line.",
        ),
        key("file", Kind::Text, "A local file, relative to this file."),
        key(
            "sha256",
            Kind::Text,
            "archive, file: what its sha256 must be.",
        ),
        key(
            "subfolder",
            Kind::Text,
            "Only what lies in this folder of it.",
        ),
        key(
            "exclude",
            Kind::Texts,
            "Paths below the subfolder left out; a folder ends with /.",
        ),
        must(
            "to",
            Kind::Text,
            "Where it goes: an absolute path in the image.",
        ),
        key(
            "disabled",
            Kind::Flag,
            "Put it at `to` with .disabled at the end, as ComfyUI's Manager does.",
        ),
    ],
};

/// `[layer.NAME.remove]`.
pub static LAYER_REMOVE: Table = Table {
    title: "[layer.NAME.remove]",
    doc: "What of the extended edition's layer is left out, by name.",
    keys: &[
        key("debian", Kind::Texts, "Names of Debian packages."),
        key(
            "python",
            Kind::Texts,
            "Names of Python packages, also those of requirement files.",
        ),
        key(
            "requirements",
            Kind::Texts,
            "Requirement files, as the extended edition writes them.",
        ),
        key(
            "constraints",
            Kind::Texts,
            "Names of packages whose limits go.",
        ),
        key("source", Kind::Texts, "Names of trees."),
    ],
};

/// `[remove]`.
pub static REMOVE: Table = Table {
    title: "[remove]",
    doc: "What of the extended edition is left out, besides what its layers want.",
    keys: &[
        key("env", Kind::Texts, "Environment variables."),
        key("labels", Kind::Texts, "Labels."),
        key("index", Kind::Texts, "Indexes."),
        key(
            "build",
            Kind::Texts,
            "Tables [build.NAME], by the package's name.",
        ),
        key("owner", Kind::Texts, "Paths of owners."),
    ],
};

/// `[index.NAME]`.
pub static INDEX: Table = Table {
    title: "[index.NAME]",
    doc: "A Python index besides the default one. Only the packages that it lists come from it.",
    keys: &[
        must("url", Kind::Text, "Its address (PEP 503)."),
        must(
            "packages",
            Kind::Texts,
            "The packages that come from it, and from nowhere else.",
        ),
    ],
};

/// `[build.NAME]`.
pub static BUILD: Table = Table {
    title: "[build.NAME]",
    doc: "How one package is built from source, where its own pyproject.toml does not say it all.",
    keys: &[
        key(
            "requires",
            Kind::Texts,
            "What is there while it is built (PEP 508), in place of what it names itself.",
        ),
        key(
            "environment",
            Kind::TextMap,
            "Environment variables while it is built.",
        ),
    ],
};

/// `[[owner]]`.
pub static OWNER: Table = Table {
    title: "[[owner]]",
    doc: "Who owns a path that several wheels bring; the others' files there are left out.",
    keys: &[
        must(
            "path",
            Kind::Text,
            "A path as in RECORD: a file, or a folder with / at its end.",
        ),
        must("package", Kind::Text, "The package that owns it."),
    ],
};

/// All tables, in the order of the reference page.
pub static TABLES: &[&Table] = &[
    &EDITION,
    &DEBIAN,
    &PYTHON,
    &IMAGE,
    &LAYER,
    &SOURCE,
    &INDEX,
    &BUILD,
    &OWNER,
    &LAYER_REMOVE,
    &REMOVE,
];
