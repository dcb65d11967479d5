//! Repositories made by the real git, and a store of one's own.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use layer::{Kind, Tree};
use lock::{Git, LayerName, ObjectId};
use store::{Fetcher, Places, Silent, Store};
use tempfile::TempDir;

/// A folder with repositories and a store in it.
pub struct Machine {
    pub folder: TempDir,
    pub store: Store,
    pub fetcher: Fetcher,
}

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let fetcher = Fetcher::new(Places::none(), Arc::new(Silent), false);
        Self {
            folder,
            store,
            fetcher,
        }
    }

    pub fn repository(&self, name: &str) -> Repository {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        let repository = Repository { path };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    pub fn complete(&self, git: &mut Git) -> strata_git::Result<()> {
        strata_git::complete(&self.store, &self.fetcher, git)
    }

    pub fn tree(&self, git: &Git) -> strata_git::Result<Tree> {
        strata_git::tree(&self.store, &self.fetcher, git)
    }

    /// The same repositories, and a store without anything.
    pub fn with_other_store(&self) -> Store {
        Store::open(self.folder.path().join("other store")).unwrap()
    }
}

/// A repository with a work tree.
pub struct Repository {
    pub path: PathBuf,
}

impl Repository {
    pub fn address(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// Runs git here; what it printed, without the newline at its end.
    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_with(arguments, b"")
    }

    pub fn git_with(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut child = Command::new("git")
            .args(arguments)
            .current_dir(&self.path)
            .env_remove("GIT_DIR")
            .env_remove("GIT_INDEX_FILE")
            .env_remove("GIT_DEFAULT_HASH")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "A")
            .env("GIT_AUTHOR_EMAIL", "a@example.org")
            .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_COMMITTER_NAME", "C")
            .env("GIT_COMMITTER_EMAIL", "c@example.org")
            .env("GIT_COMMITTER_DATE", "2026-02-03T04:05:06Z")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git, which these tests need");
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    pub fn write(&self, name: impl AsRef<[u8]>, contents: impl AsRef<[u8]>) -> &Self {
        let path = self.path.join(OsStr::from_bytes(name.as_ref()));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
        self
    }

    /// Commits all that is there.
    pub fn commit(&self, message: &str) -> ObjectId {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.head()
    }

    pub fn head(&self) -> ObjectId {
        self.git(&["rev-parse", "HEAD"]).parse().unwrap()
    }

    /// Adds a submodule without checking it out.
    pub fn submodule(&self, path: &str, address: &str, commit: ObjectId) -> &Self {
        let key = |what: &str| format!("submodule.the {path}.{what}");
        self.git(&["config", "-f", ".gitmodules", &key("path"), path]);
        self.git(&["config", "-f", ".gitmodules", &key("url"), address]);
        self.gitlink(path, commit)
    }

    pub fn gitlink(&self, path: &str, commit: ObjectId) -> &Self {
        let entry = format!("160000,{commit},{path}");
        fs::create_dir_all(self.path.join(path)).unwrap();
        self.git(&["update-index", "--add", "--cacheinfo", &entry]);
        self
    }

    /// Commits what stands in the index: a gitlink without its work tree would be taken out by `add`.
    pub fn commit_index(&self, message: &str) -> ObjectId {
        self.git(&["add", ".gitmodules"]);
        self.git(&["commit", "--quiet", "-m", message]);
        self.head()
    }

    /// A commit with this tree object, whatever git thinks of it.
    pub fn commit_of(&self, tree: &[u8]) -> ObjectId {
        let arguments = ["hash-object", "-t", "tree", "-w", "--literally", "--stdin"];
        let tree = self.git_with(&arguments, tree);
        let commit = self.git(&["commit-tree", "-m", "made", &tree]);
        self.git(&["update-ref", "refs/heads/main", &commit]);
        commit.parse().unwrap()
    }

    pub fn blob(&self, contents: &[u8]) -> ObjectId {
        let id = self.git_with(&["hash-object", "-w", "--stdin"], contents);
        id.parse().unwrap()
    }
}

/// An entry as the edition gives it.
pub fn wanted(repository: &Repository, commit: ObjectId) -> Git {
    Git {
        layer: LayerName::Comfy,
        name: "node".to_owned(),
        version: "1".to_owned(),
        repository: repository.address(),
        reference: None,
        commit,
        tree: ObjectId([0; 20]),
        date: String::new(),
        size: 0,
        keep_git: false,
        no_submodules: false,
        subfolder: String::new(),
        to: "/opt/node".to_owned(),
        exclude: Vec::new(),
        submodules: Vec::new(),
    }
}

/// Every path of a tree with what it is: `dir`, `link TARGET`, or mode and contents.
pub fn listed(tree: &Tree) -> BTreeMap<Vec<u8>, String> {
    let shown = |kind: &Kind, mode: u32| match kind {
        Kind::Dir => "dir".to_owned(),
        Kind::Symlink(target) => format!("link {}", String::from_utf8_lossy(target)),
        Kind::File(content) => {
            let mut bytes = Vec::new();
            content.copy_to(&mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, content.size());
            format!("{mode:o} {}", String::from_utf8_lossy(&bytes))
        }
        Kind::Hardlink(_) => unreachable!("git has no hard links"),
    };
    tree.iter()
        .map(|entry| {
            let path = entry.path.as_bytes().to_vec();
            (path, shown(&entry.kind, entry.mode))
        })
        .collect()
}

/// The files of a folder by path, as git sees them.
pub fn on_disk(folder: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if entry.file_name() == ".git" {
                continue;
            }
            if kind.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let contents = match kind.is_symlink() {
                true => fs::read_link(entry.path())
                    .unwrap()
                    .as_os_str()
                    .as_bytes()
                    .to_vec(),
                false => fs::read(entry.path()).unwrap(),
            };
            let path = entry.path();
            let below = path.strip_prefix(folder).unwrap();
            found.insert(below.as_os_str().as_bytes().to_vec(), contents);
        }
    }
    found
}

/// Unpacks a tree's entries below `opt/node` into a folder.
pub fn unpack(tree: &Tree, into: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for entry in tree.iter() {
        let Ok(below) = entry.path.as_path().strip_prefix("opt/node") else {
            continue;
        };
        let path = into.join(below);
        match &entry.kind {
            Kind::Dir => fs::create_dir_all(path).unwrap(),
            Kind::Symlink(target) => {
                std::os::unix::fs::symlink(OsStr::from_bytes(target), path).unwrap();
            }
            Kind::File(content) => {
                content
                    .copy_to(&mut fs::File::create(&path).unwrap())
                    .unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(entry.mode)).unwrap();
            }
            Kind::Hardlink(_) => unreachable!("git has no hard links"),
        }
    }
}
