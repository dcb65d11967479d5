//! uv, the program that resolves Python packages: an artifact like any other, so that nobody has to
//! install it.

use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use lock::{Artifact, Origin, Sha256};
use store::{Fetcher, KeyBuilder, Store};

use crate::{Error, Result};

/// Names another uv to use.
const VARIABLE: &str = "STRATA_UV";
const VERSION: &str = "0.13.9";
const FILENAME: &str = "uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl";
const SIZE: u64 = 17_606_939;
const SHA256: &str = "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19";
/// Where the program is in the wheel.
const MEMBER: &str = "uv-0.13.9.data/scripts/uv";
/// The program unpacked is smaller than this.
const LIMIT: u64 = 256 << 20;
const TREE: &str = "uv";

/// The program, ready to run with this machine's places.
#[derive(Debug)]
pub(crate) struct Uv {
    program: PathBuf,
    /// The index, credentials included: never shown.
    index: Option<String>,
    offline: bool,
}

impl Uv {
    /// `STRATA_UV`, or the pinned one from the store or the Python index.
    pub(crate) fn get(store: &Store, fetcher: &Fetcher) -> Result<Self> {
        let program = uv(store, fetcher)?;
        let index = fetcher
            .places()
            .python()?
            .first()
            .map(store::Place::with_credentials);
        let offline = fetcher.offline();
        Ok(Self {
            program,
            index,
            offline,
        })
    }

    /// Runs it. Its explanation of a failure is its standard error.
    pub(crate) fn run(&self, arguments: &[String]) -> Result<()> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("UV_PYTHON_DOWNLOADS", "never")
            .env("UV_NO_PROGRESS", "1")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        for name in store::SECRETS {
            command.env_remove(name);
        }
        if std::env::var_os("SSL_CERT_FILE").is_none() {
            command.env("UV_SYSTEM_CERTS", "true");
        }
        if let Some(index) = &self.index {
            command.env("UV_DEFAULT_INDEX", index);
        }
        if self.offline {
            command.env("UV_OFFLINE", "1");
        }
        let output = command.output().map_err(|source| Error::Io {
            path: self.program.clone(),
            source,
        })?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Python {
            explanation: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            lines: Vec::new(),
        })
    }
}

/// The program's path: `STRATA_UV`, or the pinned one from the store or the Python index.
///
/// # Errors
/// Where it can be had from neither.
pub fn uv(store: &Store, fetcher: &Fetcher) -> Result<PathBuf> {
    match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        Some(program) => Ok(program.into()),
        None => pinned(store, fetcher),
    }
}

fn pinned(store: &Store, fetcher: &Fetcher) -> Result<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Error::NoUv { variable: VARIABLE });
    }
    let sha256: Sha256 = SHA256
        .parse()
        .map_err(|_| Error::NoUv { variable: VARIABLE })?;
    let artifact = Artifact {
        name: format!("uv {VERSION}"),
        filename: FILENAME.to_owned(),
        size: SIZE,
        sha256,
        origin: Origin::Python {
            project: "uv".to_owned(),
        },
    };
    let mut key = KeyBuilder::new("strata uv 1");
    key.field("wheel", sha256.0);
    let key = key.finish();
    let _once = store.lock(TREE, &key)?;
    let folder = match store.tree(TREE, &key) {
        Some(folder) => folder,
        None => {
            let wheel = fetcher.fetch(store, &artifact)?;
            let scratch = store.scratch(TREE)?;
            unpack(&wheel, &scratch.path().join("uv"))?;
            store.commit_tree(TREE, &key, scratch)?
        }
    };
    Ok(folder.join("uv"))
}

fn unpack(wheel: &Path, to: &Path) -> Result<()> {
    let damaged = |problem: String| Error::Wheel {
        file: FILENAME,
        problem,
    };
    let zip = zip_reader::ZipFile::open(wheel).map_err(|error| damaged(error.to_string()))?;
    let at = zip
        .entries()
        .iter()
        .position(|entry| entry.path.as_bytes() == MEMBER.as_bytes())
        .ok_or_else(|| damaged(format!("{MEMBER} is not in it")))?;
    let bytes = zip
        .read(at, LIMIT)
        .map_err(|error| damaged(error.to_string()))?;
    let io = |source| Error::Io {
        path: to.to_owned(),
        source,
    };
    let mut file = std::fs::File::create(to).map_err(io)?;
    file.write_all(&bytes).map_err(io)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o755))
        .map_err(io)
}
