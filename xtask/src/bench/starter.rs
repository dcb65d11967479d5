//! The whole image: from downloads alone, and its packing beside what the machine could do at best.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};
use zip_reader::{Method, ZipFile};

use super::{
    bed::{Bed, Kept},
    command::{Run, measure},
    figures::{Figures, Row, Wanted, megabytes, seconds},
    floor::{self, Amounts, Part},
    plot,
};
use crate::timings::Report;

pub fn run(bed: &Bed, figures: &mut Figures) -> Result<()> {
    let path = bed.write_lock("whole", &bed.lock)?;
    let image =
        |codec: &str| -> Result<Command> { bed.strata(&["image", "--compression", codec], &path) };
    let after = |kept: Kept, codec: &str| -> Result<Run> {
        bed.keep(kept)?;
        measure(&mut image(codec)?)
    };
    let whole = bed.in_turns(&mut [&mut || after(Kept::Nothing, "zstd")])?[0];
    figures.stages(stages(bed, "zstd -3, empty results")?);
    // What is left is taken away step by step: bytecode, and then the systems, are what the
    // differences come to.
    let compiled = bed.in_turns(&mut [&mut || after(Kept::Systems, "zstd")])?[0];
    let packed =
        bed.in_turns(
            &mut [&mut || after(Kept::SystemsAndBytecode, "zstd"), &mut || {
                after(Kept::SystemsAndBytecode, "gzip")
            }],
        )?;
    figures.stages(stages(bed, "gzip, systems and bytecode in the store")?);
    let (zstd, gzip) = (packed[0], packed[1]);

    let gzip_parts = parts(image("gzip")?)?;
    bed.keep(Kept::SystemsAndBytecode)?;
    let zstd_parts = parts(image("zstd")?)?;
    let wheels: Vec<PathBuf> = bed
        .lock
        .wheels
        .iter()
        .map(|wheel| bed.download(&wheel.sha256))
        .collect();
    let speeds = floor::measure(&zstd_parts, &wheels, &bed.path(""))?;
    let deflated = deflated(&wheels)?;
    let sum = |parts: &[Part], size: fn(&Part) -> u64| parts.iter().map(size).sum::<u64>();
    let tars = sum(&zstd_parts, |part| part.diff_size);
    let amounts = |gzip: bool| Amounts {
        inflated: deflated,
        compressed: if gzip { tars - deflated } else { tars },
        tars,
        blobs: sum(if gzip { &gzip_parts } else { &zstd_parts }, |part| {
            part.size
        }),
    };
    figures.note(speeds.shown());
    figures.note(format!(
        "{}: {} of tar in {} parts, {} of it deflated in wheels; {} as zstd -3, {} as gzip",
        bed.lock.edition,
        megabytes(tars),
        zstd_parts.len(),
        megabytes(deflated),
        megabytes(amounts(false).blobs),
        megabytes(amounts(true).blobs),
    ));
    for (name, run, is_gzip) in [("zstd -3", zstd, false), ("gzip", gzip, true)] {
        let least = speeds.floor(is_gzip, amounts(is_gzip));
        figures.row(Row {
            what: format!("packing {}, {name}", bed.lock.edition),
            ours: seconds(run.seconds),
            against: format!("floor {}", seconds(least)),
            ratio: run.seconds / least,
            wanted: Wanted::AtMost(1.4),
        });
    }
    figures.note(format!(
        "whole build of {} from downloads alone, zstd -3: {}; without the Debian systems {} of it, \
         without bytecode too {}: so bytecode takes {} and the systems take {} of it, beside the rest",
        bed.lock.edition,
        seconds(whole.seconds),
        seconds(compiled.seconds),
        seconds(zstd.seconds),
        seconds((compiled.seconds - zstd.seconds).max(0.0)),
        seconds((whole.seconds - compiled.seconds).max(0.0)),
    ));
    let memory = [whole, compiled, zstd, gzip]
        .iter()
        .map(|run| run.memory)
        .max();
    let memory = memory.unwrap_or_default();
    figures.row(Row {
        what: "most memory of all processes together".to_owned(),
        ours: megabytes(memory),
        against: "400 MB".to_owned(),
        ratio: memory as f64 / 400e6,
        wanted: Wanted::AtMost(1.0),
    });
    Ok(())
}

/// The tasks of the last measured build.
fn stages(bed: &Bed, title: &str) -> Result<plot::Stages> {
    let path = bed.path("timings.json");
    let text = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    let report: Report = serde_json::from_slice(&text)?;
    Ok(plot::Stages {
        title: format!("{title}: {:.1} s", report.seconds),
        tasks: report.tasks,
    })
}

/// Builds what is in the store already, and asks what it is.
fn parts(mut command: Command) -> Result<Vec<Part>> {
    #[derive(serde::Deserialize)]
    struct Image {
        layers: Vec<Layer>,
    }
    #[derive(serde::Deserialize)]
    struct Layer {
        parts: Vec<Part>,
    }
    let output = command.arg("--json").output()?;
    let image: Image = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(image
        .layers
        .into_iter()
        .flat_map(|layer| layer.parts)
        .collect())
}

/// Bytes that lie deflated in wheels.
fn deflated(wheels: &[PathBuf]) -> Result<u64> {
    let mut sum = 0;
    for wheel in wheels {
        let zip = ZipFile::open(wheel)?;
        let deflated = zip
            .entries()
            .iter()
            .filter(|entry| entry.method == Method::Deflated);
        sum += deflated.map(|entry| entry.size).sum::<u64>();
    }
    Ok(sum)
}
