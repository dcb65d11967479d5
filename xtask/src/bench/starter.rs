//! The whole image: from downloads alone, and its packing beside what the machine could do at best.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};

use super::{
    bed::{Bed, Kept},
    built::{deflated, parts},
    command::{Run, measure},
    figures::{Figures, Row, Wanted, megabytes, seconds},
    floor::{self, Amounts},
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
    let of_zstd = Amounts::of(&zstd_parts, deflated, false);
    let of_gzip = Amounts::of(&gzip_parts, deflated, true);
    figures.note(speeds.shown());
    figures.note(format!(
        "{}: {} of tar in {} parts, {} of it deflated in wheels; {} as zstd -3, {} as gzip",
        bed.lock.edition,
        megabytes(of_zstd.tars),
        zstd_parts.len(),
        megabytes(deflated),
        megabytes(of_zstd.blobs),
        megabytes(of_gzip.blobs),
    ));
    for (name, run, amounts) in [("zstd -3", zstd, of_zstd), ("gzip", gzip, of_gzip)] {
        let least = speeds.floor(amounts);
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
