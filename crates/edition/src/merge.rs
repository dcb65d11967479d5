//! `extends`: the child's sheet over its parent's. The rules are in docs/editions.md.

use std::collections::{BTreeMap, BTreeSet};

use lock::{LayerName, nearest};

use crate::{
    Requirement, Spanned,
    read::Reading,
    sheet::{Sheet, SheetLayer},
};

/// A sheet that extends nothing can remove nothing.
pub(crate) fn nothing_to_remove(reading: &mut Reading, sheet: &Sheet) {
    let layers = sheet.layers.values().map(|layer| &layer.remove);
    let removals = layers.chain([&sheet.remove]);
    let first: Vec<_> = removals.flat_map(BTreeMap::values).flatten().collect();
    for name in first {
        reading.problem(
            name,
            format!("{:?} is removed from nothing", name.value),
            "only an edition that `extends` another has something to remove".to_owned(),
        );
    }
}

/// The child over the parent.
pub(crate) fn merge(reading: &mut Reading, mut parent: Sheet, child: Sheet) -> Sheet {
    for (key, names) in &child.remove {
        for name in names {
            let known: Vec<String> = match *key {
                "env" => parent.env.keys().cloned().collect(),
                "labels" => parent.labels.keys().cloned().collect(),
                "index" => parent.indexes.keys().cloned().collect(),
                "build" => parent.builds.keys().cloned().collect(),
                _ => parent
                    .owners
                    .iter()
                    .map(|owner| owner.path.clone())
                    .collect(),
            };
            if !known.contains(&name.value) {
                absent(reading, name, &format!("`{key}`"), &known);
            }
        }
        let gone = |name: &String| names.iter().any(|removed| removed.value == *name);
        match *key {
            "env" => parent.env.retain(|name, _| !gone(name)),
            "labels" => parent.labels.retain(|name, _| !gone(name)),
            "index" => parent.indexes.retain(|name, _| !gone(name)),
            "build" => parent.builds.retain(|name, _| !gone(name)),
            _ => parent.owners.retain(|owner| !gone(&owner.path)),
        }
    }
    for (name, layer) in &child.layers {
        remove(reading, &mut parent.layers, *name, layer);
    }
    // Before anything is added, so that the child's lines are never taken for the parent's.
    for layer in child.layers.values() {
        replace(&mut parent.layers, layer);
    }
    for (name, layer) in child.layers {
        let below = parent.layers.entry(name).or_default();
        below.debian.extend(layer.debian);
        below.python.extend(layer.python);
        below.constraints.extend(layer.constraints);
        below.requirements.extend(layer.requirements);
        below.sources.extend(layer.sources);
        below.exclude_newer = layer.exclude_newer.or(below.exclude_newer.take());
    }
    for owner in child.owners {
        parent.owners.retain(|other| other.path != owner.path);
        parent.owners.push(owner);
    }
    // A source of its own replaces the parent's whole, the archive with it.
    if child.python_source.is_some() {
        (parent.archive, parent.archive_sha256) = (None, None);
    }
    parent.env.extend(child.env);
    parent.labels.extend(child.labels);
    parent.indexes.extend(child.indexes);
    parent.builds.extend(child.builds);
    parent.from_source.extend(child.from_source);
    Sheet {
        extends: None,
        from: child.from.or(parent.from),
        suite: child.suite.or(parent.suite),
        snapshot: child.snapshot.or(parent.snapshot),
        components: if child.components.is_empty() {
            parent.components
        } else {
            child.components
        },
        architecture: child.architecture.or(parent.architecture),
        recommends: child.recommends.or(parent.recommends),
        python_version: child.python_version.or(parent.python_version),
        python_source: child.python_source.or(parent.python_source),
        archive: child.archive.or(parent.archive),
        archive_sha256: child.archive_sha256.or(parent.archive_sha256),
        exclude_newer: child.exclude_newer.or(parent.exclude_newer),
        pylock: child.pylock.or(parent.pylock),
        title: child.title.or(parent.title),
        description: child.description.or(parent.description),
        remove: BTreeMap::new(),
        ..parent
    }
}

fn absent(reading: &mut Reading, name: &Spanned<String>, what: &str, known: &[String]) {
    let hint = match nearest(&name.value, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near:?}?"),
        None => "leave it out: the extended edition has no such thing there".to_owned(),
    };
    let message = format!(
        "nothing to remove: the extended edition has no {:?} in {what}",
        name.value
    );
    reading.problem(name, message, hint);
}

fn names_of(layer: &SheetLayer, key: &str) -> Vec<String> {
    match key {
        "debian" => layer.debian.iter().map(|item| item.name.clone()).collect(),
        "python" => layer.python.iter().map(|item| item.name.clone()).collect(),
        "constraints" => layer
            .constraints
            .iter()
            .map(|item| item.name.clone())
            .collect(),
        "requirements" => layer
            .requirements
            .iter()
            .map(|item| item.value.clone())
            .collect(),
        _ => layer.sources.iter().map(|item| item.name.clone()).collect(),
    }
}

/// Takes out what the child's layer removes.
fn remove(
    reading: &mut Reading,
    layers: &mut BTreeMap<LayerName, SheetLayer>,
    at: LayerName,
    child: &SheetLayer,
) {
    for (key, removed) in &child.remove {
        for name in removed {
            let known = layers
                .get(&at)
                .map(|layer| names_of(layer, key))
                .unwrap_or_default();
            if known.contains(&name.value) {
                continue;
            }
            let elsewhere = layers
                .iter()
                .find(|(_, layer)| names_of(layer, key).contains(&name.value));
            match elsewhere {
                Some((other, _)) => {
                    let message = format!(
                        "nothing to remove: {:?} is not in layer {at} of the extended edition",
                        name.value
                    );
                    let hint =
                        format!("it is in layer {other}: write it into [layer.{other}.remove]");
                    reading.problem(name, message, hint);
                }
                None => absent(reading, name, &format!("`{key}` of layer {at}"), &known),
            }
        }
        let Some(layer) = layers.get_mut(&at) else {
            continue;
        };
        let gone = |name: &str| removed.iter().any(|removed| removed.value == name);
        match *key {
            "debian" => layer.debian.retain(|item| !gone(&item.name)),
            "python" => layer.python.retain(|item| !gone(&item.name)),
            "constraints" => layer.constraints.retain(|item| !gone(&item.name)),
            "requirements" => {
                let listed =
                    |item: &Spanned<Requirement>| item.listed_in.as_deref().is_some_and(gone);
                layer.requirements.retain(|file| !gone(&file.value));
                layer.python.retain(|item| !listed(item));
                layer.constraints.retain(|item| !listed(item));
            }
            _ => layer.sources.retain(|item| !gone(&item.name)),
        }
    }
}

/// A line that the child writes itself replaces the parent's lines of that name, in every layer.
/// Lines of requirement files replace nothing: they hold together with what is there.
fn replace(layers: &mut BTreeMap<LayerName, SheetLayer>, child: &SheetLayer) {
    let written = |lines: &[Spanned<Requirement>]| -> BTreeSet<String> {
        lines
            .iter()
            .filter(|line| line.listed_in.is_none())
            .map(|line| line.name.clone())
            .collect()
    };
    let (python, limits) = (written(&child.python), written(&child.constraints));
    let debian: BTreeSet<_> = child.debian.iter().map(|item| item.name.clone()).collect();
    let sources: BTreeSet<_> = child.sources.iter().map(|item| item.name.clone()).collect();
    for layer in layers.values_mut() {
        layer.debian.retain(|item| !debian.contains(&item.name));
        layer.sources.retain(|item| !sources.contains(&item.name));
        layer.python.retain(|line| !python.contains(&line.name));
        layer
            .constraints
            .retain(|line| !limits.contains(&line.name));
    }
}
