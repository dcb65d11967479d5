//! Layer 6: the entrypoint, the base directory, pip's constraints, the check of the kernels, and the
//! image's config.
//!
//! Small files that this crate brings itself; they change when this crate or the lock does.

mod constraints;
mod kernels;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use layer::{ConfigPatch, Context, Entry, EntryPath, HealthCheck, LayerBlob, Plan, Result, Tree};
use lock::{LayerName, Lock};
use store::KeyBuilder;

pub use layer;

/// Entrypoint, base directory and image config.
#[derive(Debug, Clone)]
pub struct Runtime {
    lock: Lock,
}

/// The layer of the default edition, from the lock that ships inside the crates, with the default
/// store.
///
/// # Errors
/// See [`layer::Error`].
pub fn build() -> Result<LayerBlob> {
    layer::Layer::build(
        &Runtime::from_lock(&Lock::starter()?)?,
        &Context::from_env()?,
    )
}

const ENTRYPOINT: &str = "/runner-scripts/entrypoint.sh";
const ATTENTION: &str = "/runner-scripts/attention.py";
const HEALTH: &str = "/runner-scripts/health.py";
const NODES: &str = "/runner-scripts/bundled-nodes.yaml";
/// Any user must be able to write here, as in /tmp: `--user` takes any number.
const SHARED: u32 = 0o1777;
/// Folders of the base directory that ComfyUI expects.
const FOLDERS: [&str; 7] = [
    "root",
    "root/models",
    "root/input",
    "root/output",
    "root/user",
    "root/temp",
    "root/custom_nodes",
];

impl Runtime {
    /// The layer as a lock has it.
    ///
    /// # Errors
    /// None today.
    pub fn from_lock(lock: &Lock) -> Result<Self> {
        Ok(Self { lock: lock.clone() })
    }

    fn files(&self) -> [(&'static str, String, bool); 6] {
        let interpreter = &self.lock.python.interpreter;
        [
            (
                ENTRYPOINT,
                run_by(interpreter, include_str!("entrypoint.sh")),
                true,
            ),
            (
                ATTENTION,
                run_by(interpreter, include_str!("attention.py")),
                true,
            ),
            (HEALTH, run_by(interpreter, include_str!("health.py")), true),
            (NODES, include_str!("bundled-nodes.yaml").to_owned(), false),
            (constraints::PLACE, constraints::text(&self.lock), false),
            (kernels::PLACE, kernels::text(&self.lock), false),
        ]
    }
}

/// A script with the image's own interpreter in place of the first in `PATH`, which may be that of an image below.
fn run_by(interpreter: &str, script: &str) -> String {
    script
        .replace("#!/usr/bin/env python3\n", &format!("#!{interpreter}\n"))
        .replace("python=python3\n", &format!("python={interpreter}\n"))
}

impl layer::Layer for Runtime {
    fn name(&self) -> &str {
        LayerName::Runtime.as_str()
    }

    fn build(&self, cx: &Context) -> Result<LayerBlob> {
        let packages = contents::packages(&self.lock, LayerName::Runtime);
        LayerBlob::build(cx, self.name(), self.all()?, config(), packages)
    }

    fn plans(&self) -> Result<Option<Vec<Plan<'_>>>> {
        self.all().map(Some)
    }
}

impl Runtime {
    fn all(&self) -> Result<Vec<Plan<'_>>> {
        let mut plans = contents::plans(&self.lock, LayerName::Runtime)?;
        plans.push(self.plan());
        Ok(plans)
    }

    fn plan(&self) -> Plan<'_> {
        let files = self.files();
        let mut key = KeyBuilder::new("strata runtime 1");
        for (path, text, executable) in &files {
            key.field("path", path)
                .field("text", text)
                .number("x", u64::from(*executable));
        }
        key.list("folders", FOLDERS)
            .number("mode", u64::from(SHARED));
        Plan::new("runtime", key.finish(), 1, move |_| {
            let mut tree = Tree::new();
            for folder in FOLDERS {
                let path = EntryPath::new(folder).map_err(|e| layer::Error::step(folder, e))?;
                tree.insert(Entry::dir(path).with_mode(SHARED))?;
            }
            for (path, text, executable) in files {
                let at = EntryPath::from_absolute(path).map_err(|e| layer::Error::step(path, e))?;
                tree.insert(Entry::file(at, Arc::new(text.into_bytes()), executable))?;
            }
            Ok(tree)
        })
    }
}

fn config() -> ConfigPatch {
    let env = [("PIP_CONSTRAINT", constraints::PLACE), ("CLI_ARGS", "")];
    ConfigPatch {
        env: env
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect::<BTreeMap<_, _>>(),
        working_dir: Some("/root".to_owned()),
        entrypoint: Some(vec![ENTRYPOINT.to_owned()]),
        exposed_ports: vec!["8188/tcp".to_owned()],
        stop_signal: Some("SIGINT".to_owned()),
        healthcheck: Some(HealthCheck {
            test: vec!["CMD".to_owned(), HEALTH.to_owned()],
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            start_period: Duration::from_secs(120),
            retries: 3,
        }),
        ..ConfigPatch::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_run_by_the_interpreter_of_the_lock() {
        let mut lock = Lock::starter().unwrap();
        let texts = |lock: &Lock| {
            let runtime = Runtime::from_lock(lock).unwrap();
            let key = layer::Layer::plans(&runtime)
                .unwrap()
                .unwrap()
                .pop()
                .unwrap()
                .tars();
            (runtime.files().map(|(_, text, _)| text), key)
        };
        let (_, key) = texts(&lock);
        lock.python.interpreter = "/opt/own/python".to_owned();
        let (files, other) = texts(&lock);
        assert_ne!(key, other);
        assert!(files[0].contains("\npython=/opt/own/python\n"));
        for text in &files[1..3] {
            assert!(text.starts_with("#!/opt/own/python\n"));
        }
    }
}
