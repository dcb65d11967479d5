//! An interpreter that uv can ask, in place of the lock's own. uv chooses wheels for the interpreter that it
//! is given, and knows by its answer alone whether it has a GIL. The lock's own would have to run outside of
//! the sandbox; so a program of two lines stands for it, which gives the answer.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use lock::Python;
use serde_json::json;
use store::{KeyBuilder, Store};

use crate::{Error, Result, tags::GLIBC};

const TREE: &str = "uv-python";
const PROGRAM: &str = "#!/bin/sh\nexec cat \"${0%/*}/answer.json\"\n";

/// The interpreter as uv sees it.
#[derive(Debug)]
pub(crate) struct Target {
    program: PathBuf,
    version: String,
}

impl Target {
    pub(crate) fn new(store: &Store, python: &Python) -> Result<Self> {
        let answer = answer(python);
        let mut key = KeyBuilder::new("strata uv-python 1");
        key.field("program", PROGRAM).field("answer", &answer);
        let key = key.finish();
        // In one place: uv remembers by a program's path and time what it answered.
        let _once = store.lock(TREE, &key)?;
        let folder = match store.tree(TREE, &key) {
            Some(folder) => folder,
            None => {
                let scratch = store.scratch(TREE)?;
                for (name, text) in [("python", PROGRAM), ("answer.json", answer.as_str())] {
                    let path = scratch.path().join(name);
                    fs::write(&path, text)
                        .and_then(|()| {
                            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
                        })
                        .map_err(|source| Error::Io { path, source })?;
                }
                store.commit_tree(TREE, &key, scratch)?
            }
        };
        Ok(Self {
            program: folder.join("python"),
            version: python.version.clone(),
        })
    }

    /// What tells uv of it.
    pub(crate) fn arguments(&self) -> [String; 4] {
        [
            "--python".to_owned(),
            self.program.display().to_string(),
            "--python-version".to_owned(),
            self.version.clone(),
        ]
    }
}

/// What uv's own program for asking an interpreter prints, of uv 0.13. Nothing of this machine is in it.
fn answer(python: &Python) -> String {
    let mut numbers = python.version.splitn(3, '.');
    let short = [numbers.next(), numbers.next()].map(Option::unwrap_or_default);
    let scheme = json!({
        "purelib": python.purelib,
        "platlib": python.platlib,
        "include": python.headers,
        "scripts": python.scripts,
        "data": python.data,
    });
    let answer = json!({
        "result": "success",
        "markers": {
            "implementation_name": "cpython",
            "implementation_version": python.version,
            "os_name": "posix",
            "platform_machine": "x86_64",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": python.version,
            "python_version": short.join("."),
            "sys_platform": "linux",
        },
        "sys_base_prefix": python.data,
        "sys_base_exec_prefix": python.data,
        "sys_prefix": python.data,
        "sys_base_executable": python.interpreter,
        "sys_executable": python.interpreter,
        "sys_path": [],
        "site_packages": [],
        "stdlib": python.purelib.trim_end_matches("/site-packages"),
        "extension_suffixes": [],
        "standalone": true,
        "scheme": scheme,
        "virtualenv": scheme,
        "os": { "name": "manylinux", "major": 2, "minor": GLIBC },
        "arch": "x86_64",
        "cpu_info": { "detected": { "kind": "flags", "flags": "" } },
        "manylinux_compatible": true,
        "gil_disabled": python.tag.ends_with('t'),
        "debug_enabled": false,
        "pointer_size": "64",
    });
    answer.to_string()
}
