//! The image config: the layers' patches merged, lowest first, and what the edition adds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use layer::{ConfigPatch, HealthCheck, LayerBlob};
use oci_spec::{
    OciSpecError,
    image::{Config, HistoryBuilder, ImageConfigurationBuilder, RootFsBuilder},
};

use crate::{Error, Meta, Result, document::json};

const DOCUMENT: &str = "the config";

/// Debian's own `PATH`, below what layers put in front of it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(crate) fn config(meta: &Meta, layers: &[LayerBlob]) -> Result<Vec<u8>> {
    let (os, architecture) = meta
        .platform
        .split_once('/')
        .ok_or_else(|| Error::Platform(meta.platform.clone()))?;
    let parts = || {
        layers
            .iter()
            .flat_map(|layer| layer.parts.iter().map(move |part| (layer, part)))
    };
    let entry = |created_by: String| {
        HistoryBuilder::default()
            .created(meta.created.clone())
            .created_by(created_by)
    };
    let history = parts()
        .map(|(layer, part)| entry(format!("strata layer {}: {}", layer.name, part.name)))
        .chain([entry(format!("strata image {}: config", meta.edition)).empty_layer(true)])
        .map(HistoryBuilder::build)
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    let rootfs = RootFsBuilder::default()
        .typ("layers")
        .diff_ids(
            parts()
                .map(|(_, part)| part.diff_id.to_oci())
                .collect::<Vec<_>>(),
        )
        .build()
        .map_err(failed)?;
    let patches = || layers.iter().map(|layer| &layer.config);
    let config = ImageConfigurationBuilder::default()
        .created(meta.created.clone())
        .architecture(architecture)
        .os(os)
        .config(execution(meta, patches()))
        .rootfs(rootfs)
        .history(history)
        .build()
        .map_err(failed)?;
    let mut config = serde_json::to_value(config).map_err(|source| Error::Json {
        document: DOCUMENT,
        source,
    })?;
    // Docker's own key, which OCI's specification leaves to it.
    if let Some(check) = patches()
        .filter_map(|patch| patch.healthcheck.as_ref())
        .next_back()
    {
        config["config"]["Healthcheck"] = healthcheck(check);
    }
    json(DOCUMENT, &config)
}

fn failed(source: OciSpecError) -> Error {
    Error::Document {
        document: DOCUMENT,
        source,
    }
}

fn execution<'l>(meta: &Meta, patches: impl Iterator<Item = &'l ConfigPatch>) -> Config {
    let mut out = Config::default();
    let mut env = BTreeMap::new();
    let mut path = vec![PATH.to_owned()];
    let mut library_path: Vec<String> = Vec::new();
    let mut labels = HashMap::new();
    let (mut ports, mut volumes) = (BTreeSet::new(), BTreeSet::new());
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
    env.insert("PATH".to_owned(), path.join(":"));
    if !library_path.is_empty() {
        env.insert("LD_LIBRARY_PATH".to_owned(), library_path.join(":"));
    }
    env.extend(meta.image.env.clone());
    let env = env
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"));
    out.set_env(Some(env.collect()));
    let mut label = |name: &str, value: &str| {
        if !value.is_empty() {
            labels.insert(format!("org.opencontainers.image.{name}"), value.to_owned());
        }
    };
    label("title", &meta.image.title);
    label("description", &meta.image.description);
    label("created", &meta.created);
    labels.extend(meta.image.labels.clone());
    let filled = |set: BTreeSet<String>| (!set.is_empty()).then(|| set.into_iter().collect());
    out.set_exposed_ports(filled(ports));
    out.set_volumes(filled(volumes));
    out.set_labels((!labels.is_empty()).then_some(labels));
    out
}

/// Times in nanoseconds.
fn healthcheck(check: &HealthCheck) -> serde_json::Value {
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
