//! How time and memory grow: with bytes, with the number of wheels, with tiny files, with threads.

use std::process::Command;

use anyhow::Result;
use lock::LayerName;

use super::{
    bed::{Bed, Kept},
    command::{Run, exists, measure, quietly},
    figures::{Figures, Row, Wanted, megabytes, seconds},
    made_wheel::{self, Block},
    plot,
};

const MB: usize = 1_000_000;
/// Layers, in bytes.
const SIZES: [usize; 5] = [100 * MB, 300 * MB, 1000 * MB, 3000 * MB, 6000 * MB];
/// Wheels that 1 GB is spread over.
const NUMBERS: [usize; 3] = [10, 100, 1000];
const TINY: usize = 10_000;

pub fn run(bed: &Bed, figures: &mut Figures) -> Result<()> {
    let wheels: Vec<lock::Wheel> = (0..SIZES[4] / (100 * MB))
        .map(|at| wheel(bed, "gb", at, 100 * MB))
        .collect::<Result<_>>()?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    for codec in ["zstd", "gzip"] {
        let mut found = Vec::new();
        for size in SIZES {
            let wheels = wheels.get(..size / (100 * MB)).unwrap_or(&wheels);
            found.push((size as f64 / 1e9, layer(bed, wheels, codec, None)?));
        }
        figures.scaling(plot::Series {
            name: format!("{codec}, {threads} threads, by GB"),
            points: found.iter().map(|(gb, run)| (*gb, run.seconds)).collect(),
        });
        let (small, middle, large) = (found[1].1, found[2], found[4]);
        let per_gb = |(gb, run): (f64, Run)| run.seconds / gb;
        figures.row(Row {
            what: format!("a layer of 6 GB, {codec}, for each GB"),
            ours: format!("{:.2} s/GB", per_gb(large)),
            against: format!("of 1 GB {:.2} s/GB", per_gb(middle)),
            ratio: per_gb(large) / per_gb(middle),
            wanted: Wanted::AtMost(1.1),
        });
        figures.row(Row {
            what: format!("memory for 6 GB, {codec}"),
            ours: megabytes(large.1.memory),
            against: format!("for 0.3 GB {}", megabytes(small.memory)),
            ratio: large.1.memory as f64 / small.memory as f64,
            wanted: Wanted::AtMost(1.1),
        });
    }
    if threads > 1 && exists("taskset") {
        let wheels = &wheels[..10];
        let one = layer(bed, wheels, "zstd", Some("0"))?.seconds;
        let all = layer(bed, wheels, "zstd", None)?.seconds;
        figures.scaling(plot::Series {
            name: "zstd, 1 GB, by threads".to_owned(),
            points: vec![(1.0, one), (threads as f64, all)],
        });
        figures.row(Row {
            what: format!("a layer of 1 GB, zstd, {threads} threads"),
            ours: seconds(all),
            against: format!("1 thread {}", seconds(one)),
            ratio: one / all,
            wanted: Wanted::Nothing,
        });
    }
    let mut points = Vec::new();
    for number in NUMBERS {
        let wheels: Vec<lock::Wheel> = (0..number)
            .map(|at| wheel(bed, &format!("n{number}"), at, 1000 * MB / number))
            .collect::<Result<_>>()?;
        let run = layer(bed, &wheels, "zstd", None)?;
        points.push((number as f64, run.seconds));
    }
    figures.row(Row {
        what: "1 GB in 1,000 wheels, zstd".to_owned(),
        ours: seconds(points[2].1),
        against: format!("in 10 wheels {}", seconds(points[0].1)),
        ratio: points[2].1 / points[0].1,
        wanted: Wanted::Nothing,
    });
    figures.scaling(plot::Series {
        name: "zstd, 1 GB, by number of wheels".to_owned(),
        points,
    });
    for codec in ["zstd", "gzip"] {
        tiny(bed, figures, codec)?;
    }
    Ok(())
}

/// Ten thousand tiny files, beside one file of their bytes.
fn tiny(bed: &Bed, figures: &mut Figures, codec: &str) -> Result<()> {
    let block = Block::of("tiny = 1\n".repeat(20).as_bytes())?;
    let files: Vec<_> = (0..TINY)
        .map(|at| (format!("tiny/{}/{at}.txt", at % 100), &block))
        .collect();
    let many = made_wheel::wheel(&bed.path(""), "tiny", "1.0", &files)?;
    let block = Block::like_a_library(TINY * 180, 3)?;
    let one = made_wheel::wheel(
        &bed.path(""),
        "one",
        "1.0",
        &[("one.so".to_owned(), &block)],
    )?;
    let (many, one) = ([many], [one]);
    let runs = bed.in_turns(&mut [&mut || layer(bed, &many, codec, None), &mut || {
        layer(bed, &one, codec, None)
    }])?;
    let each = (runs[0].seconds - runs[1].seconds) / TINY as f64 * 1e6;
    figures.row(Row {
        what: format!("each of {TINY} tiny files, {codec}, beyond its bytes"),
        ours: format!("{each:.1} µs"),
        against: "20 µs".to_owned(),
        ratio: each / 20.0,
        wanted: Wanted::AtMost(1.0),
    });
    Ok(())
}

fn wheel(bed: &Bed, stem: &str, at: usize, size: usize) -> Result<lock::Wheel> {
    let block = Block::like_a_library(size.min(MB), at as u64 + 1)?;
    let name = format!("{stem}w{at}");
    let files: Vec<_> = (0..(size / MB).max(1))
        .map(|file| (format!("{name}_files/{file}.so"), &block))
        .collect();
    made_wheel::wheel(&bed.path(""), &name, "1.0", &files)
}

/// Builds a layer of these wheels from nothing but them and the interpreter.
fn layer(bed: &Bed, wheels: &[lock::Wheel], codec: &str, cpus: Option<&str>) -> Result<Run> {
    let mut lock = bed.wheels_alone(LayerName::Deps);
    lock.owners.clear();
    lock.wheels = wheels.to_vec();
    let path = bed.write_lock("layer", &lock)?;
    let ours = || bed.strata(&["layer", "deps", "--compression", codec], &path);
    // The first time brings the wheels into the store, and makes the interpreter's root.
    bed.keep(Kept::SystemsAndBytecode)?;
    quietly(&mut ours()?)?;
    bed.keep(Kept::SystemsAndBytecode)?;
    let mut command = match cpus {
        None => ours()?,
        Some(cpus) => {
            let ours = ours()?;
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", cpus]).arg(ours.get_program());
            command.args(ours.get_args()).env("RAYON_NUM_THREADS", "1");
            command
        }
    };
    let run = measure(&mut command)?;
    eprintln!(
        "   {} wheels, {codec}: {}, {}",
        wheels.len(),
        seconds(run.seconds),
        megabytes(run.memory)
    );
    Ok(run)
}
