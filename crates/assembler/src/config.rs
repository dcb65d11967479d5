//! The image config: the layers' patches merged, lowest first, and what the edition adds.

use std::collections::BTreeMap;

use layer::{ConfigPatch, HealthCheck, LayerBlob};

use crate::{
    Error, Meta, Result,
    document::{Config, Empty, Execution, Healthcheck, History, RootFs},
};

/// Debian's own `PATH`, below what layers put in front of it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(crate) fn config(meta: &Meta, layers: &[LayerBlob]) -> Result<Config> {
    let (os, architecture) = meta
        .platform
        .split_once('/')
        .ok_or_else(|| Error::Platform(meta.platform.clone()))?;
    let parts = || {
        layers
            .iter()
            .flat_map(|layer| layer.parts.iter().map(move |part| (layer, part)))
    };
    let mut history: Vec<History> = parts()
        .map(|(layer, part)| History {
            created: meta.created.clone(),
            created_by: format!("strata layer {}: {}", layer.name, part.name),
            empty_layer: false,
        })
        .collect();
    history.push(History {
        created: meta.created.clone(),
        created_by: format!("strata image {}: config", meta.edition),
        empty_layer: true,
    });
    Ok(Config {
        created: meta.created.clone(),
        architecture: architecture.to_owned(),
        os: os.to_owned(),
        config: execution(meta, layers.iter().map(|layer| &layer.config)),
        rootfs: RootFs {
            kind: "layers",
            diff_ids: parts().map(|(_, part)| part.diff_id.to_oci()).collect(),
        },
        history,
    })
}

fn execution<'l>(meta: &Meta, patches: impl Iterator<Item = &'l ConfigPatch>) -> Execution {
    let mut out = Execution::default();
    let mut env = BTreeMap::new();
    let mut path = vec![PATH.to_owned()];
    let mut library_path: Vec<String> = Vec::new();
    for patch in patches {
        env.extend(patch.env.clone());
        path.splice(0..0, patch.path.iter().cloned());
        library_path.splice(0..0, patch.library_path.iter().cloned());
        out.labels.extend(patch.labels.clone());
        replace(&mut out.user, &patch.user);
        replace(&mut out.working_dir, &patch.working_dir);
        replace(&mut out.entrypoint, &patch.entrypoint);
        replace(&mut out.cmd, &patch.cmd);
        replace(&mut out.stop_signal, &patch.stop_signal);
        out.exposed_ports.extend(
            patch
                .exposed_ports
                .iter()
                .map(|port| (port.clone(), Empty {})),
        );
        out.volumes.extend(
            patch
                .volumes
                .iter()
                .map(|volume| (volume.clone(), Empty {})),
        );
        if let Some(check) = &patch.healthcheck {
            out.healthcheck = Some(healthcheck(check));
        }
    }
    env.insert("PATH".to_owned(), path.join(":"));
    if !library_path.is_empty() {
        env.insert("LD_LIBRARY_PATH".to_owned(), library_path.join(":"));
    }
    env.extend(meta.image.env.clone());
    out.env = env
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut label = |name: &str, value: &str| {
        if !value.is_empty() {
            out.labels
                .insert(format!("org.opencontainers.image.{name}"), value.to_owned());
        }
    };
    label("title", &meta.image.title);
    label("description", &meta.image.description);
    label("created", &meta.created);
    out.labels.extend(meta.image.labels.clone());
    out
}

fn replace<T: Clone>(slot: &mut Option<T>, new: &Option<T>) {
    if new.is_some() {
        slot.clone_from(new);
    }
}

fn healthcheck(check: &HealthCheck) -> Healthcheck {
    let nanoseconds =
        |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Healthcheck {
        test: check.test.clone(),
        interval: nanoseconds(check.interval),
        timeout: nanoseconds(check.timeout),
        start_period: nanoseconds(check.start_period),
        retries: check.retries,
    }
}
