//! Building again: with nothing changed, with one custom node changed, and with one small package
//! changed in a large layer.

use std::fs;

use anyhow::Result;
use lock::LayerName;

use super::{
    bed::{Bed, Kept, median},
    command::{Run, measure, quietly},
    figures::{Figures, Row, Wanted, seconds},
    made_wheel::{self, Block},
};

/// Packages of the large layer, most of them small, as they are: bytes of each.
const PACKAGES: usize = 250;
const LARGE: usize = 20;
const SMALL_SIZE: usize = 1_000_000;
const LARGE_SIZE: usize = 150_000_000;

pub fn run(bed: &Bed, figures: &mut Figures) -> Result<()> {
    let mut lock = bed.lock.clone();
    lock.sources
        .push(made_wheel::node(&bed.path(""), "bench-node", "first")?);
    let path = bed.write_lock("again", &lock)?;
    quietly(&mut bed.strata(&["image"], &path)?)?;
    // Without downloads: where one were opened, it would fail.
    let (downloads, away) = (
        bed.path("store/downloads/sha256"),
        bed.path("downloads-away"),
    );
    fs::rename(&downloads, &away)?;
    let mut runs = Vec::new();
    for _ in 0..bed.rounds.max(5) {
        runs.push(measure(&mut bed.strata(&["image"], &path)?));
    }
    fs::rename(&away, &downloads)?;
    let runs: Vec<Run> = runs.into_iter().collect::<Result<_>>()?;
    let nothing = median(&runs).seconds;
    figures.row(Row {
        what: "nothing changed, no artifact there to be opened".to_owned(),
        ours: seconds(nothing),
        against: "150 ms".to_owned(),
        ratio: nothing / 0.15,
        wanted: Wanted::AtMost(1.0),
    });

    let mut runs = Vec::new();
    for round in 0..bed.rounds {
        lock.sources.pop();
        let node = made_wheel::node(&bed.path(""), "bench-node", &format!("round-{round}"))?;
        lock.sources.push(node);
        let path = bed.write_lock("again-node", &lock)?;
        runs.push(measure(&mut bed.strata(&["image"], &path)?)?);
    }
    let node = median(&runs).seconds;
    figures.row(Row {
        what: "one custom node changed".to_owned(),
        ours: seconds(node),
        against: "1 s".to_owned(),
        ratio: node,
        wanted: Wanted::AtMost(1.0),
    });

    let mut lock = bed.wheels_alone(LayerName::Deps);
    lock.wheels.clear();
    lock.owners.clear();
    for at in 0..PACKAGES {
        lock.wheels.push(package(bed, at, "1.0")?);
    }
    let path = bed.write_lock("packages", &lock)?;
    // Once beforehand: that brings the packages into the store.
    quietly(&mut bed.strata(&["layer", "deps"], &path)?)?;
    let (mut whole, mut changes) = (Vec::new(), Vec::new());
    for round in 0..bed.rounds {
        let command = bed.strata(&["layer", "deps"], &path);
        whole.push(bed.after(Kept::SystemsAndBytecode, command)?);
        let small = Block::like_a_library(100_000, round as u64 + 7)?;
        let module = Block::of(format!("ROUND = {round}\n").repeat(100).as_bytes())?;
        let files = [
            (format!("p177_round_{round}/lib.so"), &small),
            (format!("p177_round_{round}/__init__.py"), &module),
        ];
        let mut lock = lock.clone();
        lock.wheels[177] = made_wheel::wheel(&bed.path(""), "p177", &format!("2.{round}"), &files)?;
        let path = bed.write_lock("packages-changed", &lock)?;
        changes.push(measure(&mut bed.strata(&["layer", "deps"], &path)?)?);
    }
    let (layer, changed) = (median(&whole).seconds, median(&changes).seconds);
    figures.row(Row {
        what: format!("one small package changed among {PACKAGES} ({LARGE} of them large)"),
        ours: seconds(changed),
        against: format!("the layer {}", seconds(layer)),
        ratio: layer / changed,
        wanted: Wanted::AtLeast(20.0),
    });
    Ok(())
}

fn package(bed: &Bed, at: usize, version: &str) -> Result<lock::Wheel> {
    let size = if at < LARGE { LARGE_SIZE } else { SMALL_SIZE };
    let block = Block::like_a_library(SMALL_SIZE / 4, at as u64 + 1000)?;
    let files: Vec<_> = (0..size / (SMALL_SIZE / 4))
        .map(|file| (format!("p{at}_files/lib{file}.so"), &block))
        .collect();
    made_wheel::wheel(&bed.path(""), &format!("p{at}"), version, &files)
}
