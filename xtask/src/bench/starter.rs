//! The whole image: from downloads alone, and its packing beside what the machine could do at best.

use std::process::Command;

use anyhow::{Context, Result};

use super::{
    bed::{Bed, Kept},
    figures::{Figures, Row, Wanted, megabytes, seconds},
    floor::Least,
    plot,
};
use crate::timings::Report;

pub fn run(bed: &Bed, figures: &mut Figures) -> Result<()> {
    let path = bed.write_lock("whole", &bed.lock)?;
    let image =
        |codec: &str| -> Result<Command> { bed.strata(&["image", "--compression", codec], &path) };
    let whole = bed.in_turns(&mut [&mut || bed.after(Kept::Nothing, image("zstd"))])?[0];
    figures.stages(stages(bed, "zstd -3, empty results")?);
    // What is left is taken away step by step: bytecode, and then the systems, are what the
    // differences come to.
    let compiled = bed.in_turns(&mut [&mut || bed.after(Kept::Systems, image("zstd"))])?[0];
    let packed = bed.in_turns(&mut [
        &mut || bed.after(Kept::SystemsAndBytecode, image("zstd")),
        &mut || bed.after(Kept::SystemsAndBytecode, image("gzip")),
    ])?;
    figures.stages(stages(bed, "gzip, systems and bytecode in the store")?);
    let (zstd, gzip) = (packed[0], packed[1]);

    let least = Least::of(bed, &bed.lock.wheels, &image)?;
    figures.note(least.speeds.shown());
    figures.note(format!(
        "{}: {} of tar, {} of it deflated in wheels; {} as zstd -3, {} as gzip",
        bed.lock.edition,
        megabytes(least.zstd.tars),
        megabytes(least.zstd.inflated),
        megabytes(least.zstd.blobs),
        megabytes(least.gzip.blobs),
    ));
    for (name, run, least) in [
        ("zstd -3", zstd, least.zstd_seconds()),
        ("gzip", gzip, least.gzip_seconds()),
    ] {
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
