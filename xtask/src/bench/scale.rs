//! How time and memory grow: with bytes, with the number of wheels, with tiny files, with threads.

use std::{path::PathBuf, process::Command};

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
        let of_size = |size| wheels.get(..size / (100 * MB)).unwrap_or(&wheels);
        let layers = SIZES.map(|size| Layer::new(bed, of_size(size), codec));
        let layers: Vec<Layer<'_>> = layers.into_iter().collect::<Result<_>>()?;
        let sizes = SIZES.into_iter().map(|size| size as f64 / 1e9);
        let found: Vec<(f64, Run)> = sizes.zip(in_turns(bed, &layers)?).collect();
        figures.scaling(plot::Series {
            name: format!("{codec}, {threads} threads, by GB"),
            points: found.iter().map(|(gb, run)| (*gb, run.seconds)).collect(),
        });
        let (small, middle, large) = (found[1], found[2], found[4]);
        // From 0.3 GB on, so that starting up does not hide how it grows.
        let per_gb = |(gb, run): (f64, Run)| (run.seconds - small.1.seconds) / (gb - small.0);
        figures.row(Row {
            what: format!("each GB from 0.3 to 6 GB of a layer, {codec}"),
            ours: format!("{:.2} s", per_gb(large)),
            against: format!("from 0.3 to 1 GB {:.2} s", per_gb(middle)),
            ratio: per_gb(large) / per_gb(middle),
            wanted: Wanted::AtMost(1.1),
        });
        figures.row(Row {
            what: format!("memory for 6 GB, {codec}"),
            ours: megabytes(large.1.memory),
            against: format!("for 0.3 GB {}", megabytes(small.1.memory)),
            ratio: large.1.memory as f64 / small.1.memory as f64,
            wanted: Wanted::AtMost(1.1),
        });
    }
    if threads > 1 && exists("taskset") {
        let wheels = &wheels[..10];
        let layer = Layer::new(bed, wheels, "zstd")?;
        let runs = bed.in_turns(&mut [&mut || layer.measure_on(Some("0")), &mut || {
            layer.measure_on(None)
        }])?;
        let (one, all) = (runs[0].seconds, runs[1].seconds);
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
    let layers = NUMBERS.map(|number| {
        let wheels: Vec<lock::Wheel> = (0..number)
            .map(|at| wheel(bed, &format!("n{number}"), at, 1000 * MB / number))
            .collect::<Result<_>>()?;
        Layer::new(bed, &wheels, "zstd")
    });
    let layers: Vec<Layer<'_>> = layers.into_iter().collect::<Result<_>>()?;
    let numbers = NUMBERS.into_iter().map(|number| number as f64);
    let times = in_turns(bed, &layers)?.into_iter().map(|run| run.seconds);
    let points: Vec<(f64, f64)> = numbers.zip(times).collect();
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
fn tiny(bed: &Bed, figures: &mut Figures, codec: &'static str) -> Result<()> {
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
    let layers = [
        Layer::new(bed, &[many], codec)?,
        Layer::new(bed, &[one], codec)?,
    ];
    let runs = in_turns(bed, &layers)?;
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

/// A layer of some wheels, to be built from nothing but them and the interpreter.
struct Layer<'b> {
    bed: &'b Bed,
    lock: PathBuf,
    codec: &'static str,
    wheels: usize,
}

impl<'b> Layer<'b> {
    /// Builds it once: that brings the wheels into the store, and makes the interpreter's root.
    fn new(bed: &'b Bed, wheels: &[lock::Wheel], codec: &'static str) -> Result<Self> {
        let mut lock = bed.wheels_alone(LayerName::Deps);
        lock.owners.clear();
        lock.wheels = wheels.to_vec();
        let first = wheels.first().map_or("", |wheel| wheel.name.as_str());
        let name = format!("layer-{first}-{}", wheels.len());
        let layer = Self {
            bed,
            lock: bed.write_lock(&name, &lock)?,
            codec,
            wheels: wheels.len(),
        };
        bed.keep(Kept::SystemsAndBytecode)?;
        quietly(&mut layer.command()?)?;
        Ok(layer)
    }

    fn command(&self) -> Result<Command> {
        let verb = ["layer", "deps", "--compression", self.codec];
        self.bed.strata(&verb, &self.lock)
    }

    /// Builds it anew, on these processors alone.
    fn measure_on(&self, cpus: Option<&str>) -> Result<Run> {
        self.bed.keep(Kept::SystemsAndBytecode)?;
        let ours = self.command()?;
        let mut command = match cpus {
            None => ours,
            Some(cpus) => {
                let mut command = Command::new("taskset");
                command.args(["--cpu-list", cpus]).arg(ours.get_program());
                command.args(ours.get_args()).env("RAYON_NUM_THREADS", "1");
                command
            }
        };
        let run = measure(&mut command)?;
        eprintln!(
            "   {} wheels, {}: {}, {}",
            self.wheels,
            self.codec,
            seconds(run.seconds),
            megabytes(run.memory)
        );
        Ok(run)
    }
}

/// Measures layers in turns; gives their median times, and the most memory.
fn in_turns(bed: &Bed, layers: &[Layer<'_>]) -> Result<Vec<Run>> {
    let mut sides: Vec<_> = layers
        .iter()
        .map(|layer| || layer.measure_on(None))
        .collect();
    let mut sides: Vec<&mut dyn FnMut() -> Result<Run>> = sides
        .iter_mut()
        .map(|side| side as &mut dyn FnMut() -> Result<Run>)
        .collect();
    bed.in_turns(&mut sides)
}
