//! The image config: that of the image below, the layers' patches over it, lowest first, and what the edition adds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use layer::{ConfigPatch, HealthCheck, LayerBlob};
use oci_image::Below;
use oci_spec::{
    OciSpecError,
    image::{Config, History, HistoryBuilder, ImageConfigurationBuilder, RootFsBuilder},
};
use serde_json::Value;

use crate::{Error, Meta, Result, blobs, document::json};

const DOCUMENT: &str = "the config";

/// Debian's own `PATH`, below what layers put in front of it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Docker's own keys of the inner config, which OCI's specification leaves to it. `OnBuild` is not taken over:
/// it is for the image that is built on the one below, which is this one; it does not go to the next.
const DOCKERS: [&str; 2] = ["Healthcheck", "Shell"];

/// Variables that lead an interpreter of the image below to its modules, and ours away from its own.
const PYTHONS: [&str; 2] = ["PYTHONHOME", "PYTHONPATH"];

/// Labels that say what an image is, not what is in it.
const OF_IMAGE: &str = "org.opencontainers.image.";

pub(crate) fn config(meta: &Meta, layers: &[LayerBlob]) -> Result<Vec<u8>> {
    let (os, architecture) = meta
        .platform
        .split_once('/')
        .ok_or_else(|| Error::Platform(meta.platform.clone()))?;
    let below = meta.below.as_deref();
    let theirs = below.map(Lower::read).transpose()?;
    let lower = below.iter().flat_map(|below| &below.layers);
    let diff_ids = lower.map(|layer| layer.diff_id);
    let diff_ids = diff_ids.chain(blobs::own(layers).map(|blob| blob.diff_id));
    let rootfs = RootFsBuilder::default()
        .typ("layers")
        .diff_ids(diff_ids.map(|id| id.to_oci()).collect::<Vec<_>>())
        .build()
        .map_err(failed)?;
    let mut history = match below {
        Some(below) => theirs_history(below, theirs.as_ref().map(|lower| &lower.history))?,
        None => Vec::new(),
    };
    history.extend(own_history(meta, layers)?);
    let patches = || layers.iter().map(|layer| &layer.config);
    let config = ImageConfigurationBuilder::default()
        .created(meta.created.clone())
        .architecture(architecture)
        .os(os)
        .config(execution(meta, theirs.as_ref(), patches()))
        .rootfs(rootfs)
        .history(history)
        .build()
        .map_err(failed)?;
    let mut config = serde_json::to_value(config).map_err(|source| Error::Json {
        document: DOCUMENT,
        source,
    })?;
    for key in DOCKERS {
        let value = below.and_then(|below| below.config.pointer(&format!("/config/{key}")));
        if let Some(value) = value.filter(|value| !value.is_null()) {
            config["config"][key] = value.clone();
        }
    }
    if let Some(check) = patches()
        .filter_map(|patch| patch.healthcheck.as_ref())
        .next_back()
    {
        config["config"]["Healthcheck"] = healthcheck(check);
    }
    json(DOCUMENT, &config)
}

/// What says which image this one stands on (OCI image specification, pre-defined annotations): for
/// labels and for the manifest's annotations. An image that is no registry's has no name for others.
pub(crate) fn base(below: &Below) -> impl Iterator<Item = (String, String)> {
    let name = below.name().map(str::to_owned);
    let name = name.map(|name| ("org.opencontainers.image.base.name".to_owned(), name));
    let digest = below.from.digest.to_oci();
    name.into_iter()
        .chain([("org.opencontainers.image.base.digest".to_owned(), digest)])
}

fn failed(source: OciSpecError) -> Error {
    Error::Document {
        document: DOCUMENT,
        source,
    }
}

/// What is taken over from the config of the image below.
struct Lower {
    config: Config,
    history: Vec<History>,
}

impl Lower {
    fn read(below: &Below) -> Result<Self> {
        let part = |key: &str| below.config.get(key).filter(|value| !value.is_null());
        Ok(Self {
            config: part("config").map(typed).transpose()?.unwrap_or_default(),
            history: part("history").map(typed).transpose()?.unwrap_or_default(),
        })
    }
}

fn typed<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T> {
    serde_json::from_value(value.clone()).map_err(|source| Error::Json {
        document: "the config of the image below",
        source,
    })
}

/// The history below ours. Engines count its entries with layers: where the count is another than that of
/// the layers, it is one line for each of them.
fn theirs_history(below: &Below, history: Option<&Vec<History>>) -> Result<Vec<History>> {
    let history = history.cloned().unwrap_or_default();
    let filled = history
        .iter()
        .filter(|entry| entry.empty_layer() != Some(true));
    if filled.count() == below.layers.len() {
        return Ok(history);
    }
    let line = format!("layer of {}", below.from.digest.to_oci());
    let entries = below.layers.iter();
    entries
        .map(|_| HistoryBuilder::default().created_by(line.clone()).build())
        .collect::<Result<_, _>>()
        .map_err(failed)
}

fn own_history(meta: &Meta, layers: &[LayerBlob]) -> Result<Vec<History>> {
    let parts = layers
        .iter()
        .flat_map(|layer| layer.parts.iter().map(move |part| (layer, part)));
    let entry = |created_by: String| {
        HistoryBuilder::default()
            .created(meta.created.clone())
            .created_by(created_by)
    };
    parts
        .map(|(layer, part)| entry(format!("strata layer {}: {}", layer.name, part.name)))
        .chain([entry(format!("strata image {}: config", meta.edition)).empty_layer(true)])
        .map(HistoryBuilder::build)
        .collect::<Result<_, _>>()
        .map_err(failed)
}

/// The variables of the image below, by name.
fn variables(config: &Config) -> BTreeMap<String, String> {
    let pairs = config.env().iter().flatten();
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A list of folders, none twice: the first of its kind stays.
fn folders(ours: Vec<String>, theirs: Option<String>) -> Option<String> {
    let theirs = theirs.unwrap_or_default();
    let theirs = theirs.split(':').filter(|folder| !folder.is_empty());
    let mut all: Vec<String> = Vec::new();
    for folder in ours.into_iter().chain(theirs.map(str::to_owned)) {
        if !all.contains(&folder) {
            all.push(folder);
        }
    }
    (!all.is_empty()).then(|| all.join(":"))
}

fn execution<'l>(
    meta: &Meta,
    lower: Option<&Lower>,
    patches: impl Iterator<Item = &'l ConfigPatch> + Clone,
) -> Config {
    let mut out = lower.map(|lower| lower.config.clone()).unwrap_or_default();
    if patches.clone().any(|patch| patch.entrypoint.is_some()) {
        // What the entrypoint below was given is none of ours' business.
        out.set_cmd(None);
    }
    let mut env = variables(&out);
    for of_python in PYTHONS {
        env.remove(of_python);
    }
    let (their_path, their_library_path) = (env.remove("PATH"), env.remove("LD_LIBRARY_PATH"));
    let mut path: Vec<String> = PATH.split(':').map(str::to_owned).collect();
    let mut library_path: Vec<String> = Vec::new();
    let mut labels: HashMap<String, String> = out.labels().clone().unwrap_or_default();
    // What the image below says of itself (title, version, licences, its own base …) is not true of this one.
    labels.retain(|name, _| !name.starts_with(OF_IMAGE));
    let mut ports: BTreeSet<String> = out.exposed_ports().iter().flatten().cloned().collect();
    let mut volumes: BTreeSet<String> = out.volumes().iter().flatten().cloned().collect();
    for patch in patches {
        env.extend(patch.env.clone());
        path.splice(0..0, patch.path.iter().cloned());
        library_path.splice(0..0, patch.library_path.iter().cloned());
        labels.extend(patch.labels.clone());
        ports.extend(patch.exposed_ports.iter().cloned());
        volumes.extend(patch.volumes.iter().cloned());
        if patch.user.is_some() {
            out.set_user(patch.user.clone());
        }
        if patch.working_dir.is_some() {
            out.set_working_dir(patch.working_dir.clone());
        }
        if patch.entrypoint.is_some() {
            out.set_entrypoint(patch.entrypoint.clone());
        }
        if patch.cmd.is_some() {
            out.set_cmd(patch.cmd.clone());
        }
        if patch.stop_signal.is_some() {
            out.set_stop_signal(patch.stop_signal.clone());
        }
    }
    let mut set = |name: &str, value: Option<String>| {
        value.and_then(|value| env.insert(name.to_owned(), value))
    };
    set("PATH", folders(path, their_path));
    set("LD_LIBRARY_PATH", folders(library_path, their_library_path));
    env.extend(meta.image.env.clone());
    let env = env
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"));
    out.set_env(Some(env.collect()));
    let mut label = |name: &str, value: &str| {
        if !value.is_empty() {
            labels.insert(format!("{OF_IMAGE}{name}"), value.to_owned());
        }
    };
    label("title", &meta.image.title);
    label("description", &meta.image.description);
    label("created", &meta.created);
    if let Some(below) = meta.below.as_deref() {
        labels.extend(base(below));
    }
    labels.extend(meta.image.labels.clone());
    let filled = |set: BTreeSet<String>| (!set.is_empty()).then(|| set.into_iter().collect());
    out.set_exposed_ports(filled(ports));
    out.set_volumes(filled(volumes));
    out.set_labels((!labels.is_empty()).then_some(labels));
    out
}

/// Times in nanoseconds.
fn healthcheck(check: &HealthCheck) -> Value {
    let nanoseconds =
        |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    serde_json::json!({
        "Test": check.test,
        "Interval": nanoseconds(check.interval),
        "Timeout": nanoseconds(check.timeout),
        "StartPeriod": nanoseconds(check.start_period),
        "Retries": check.retries,
    })
}
