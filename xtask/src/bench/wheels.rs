//! All wheels of the edition as one layer, beside `uv pip install --target` of them with a warm cache.

use std::{cell::RefCell, fs, os::unix::fs::symlink, process::Command};

use anyhow::Result;
use lock::LayerName;

use super::{
    bed::{Bed, Kept, median},
    command::{Run, measure, quietly, to_disk},
    figures::{Figures, Row, Wanted, seconds},
    floor::Least,
};

pub fn run(bed: &Bed, figures: &mut Figures) -> Result<()> {
    let lock = bed.wheels_alone(LayerName::Deps);
    let path = bed.write_lock("wheels", &lock)?;
    let uv = resolve::uv(&bed.user_store, &bed.fetcher)?;
    let folder = bed.path("wheels");
    fs::create_dir_all(&folder)?;
    for wheel in &lock.wheels {
        symlink(bed.download(&wheel.sha256), folder.join(&wheel.filename))?;
    }
    let (cache, target) = (bed.path("uv-cache"), bed.path("target"));
    let number = std::cell::Cell::new(0);
    let install = || {
        // Into a new folder each time; the old one stays until the end, as in `Bed::keep`.
        number.set(number.get() + 1);
        let mut command = Command::new(&uv);
        command
            .args(["pip", "install", "--no-deps", "--offline", "--no-config"])
            .args([
                "--link-mode",
                "copy",
                "--no-index",
                "--python-version",
                "3.14",
            ])
            .args(["--python-platform", "x86_64-manylinux_2_40"])
            .arg("--target")
            .arg(target.join(number.get().to_string()))
            .env("UV_CACHE_DIR", &cache)
            .env("UV_PYTHON_DOWNLOADS", "never");
        command.args(lock.wheels.iter().map(|wheel| folder.join(&wheel.filename)));
        command
    };
    // Its cache becomes warm, and our bytecode is made: neither side is measured with that.
    quietly(&mut install())?;
    bed.keep(Kept::Systems)?;
    let layer = |codec: &str| bed.strata(&["layer", "deps", "--compression", codec], &path);
    quietly(&mut layer("zstd")?)?;
    // Each run is measured twice: to its end (our blobs are on the disk then, uv's files may not be), and until
    // all of it is.
    let sides = ["gzip", "zstd", "uv"];
    let on_disk = RefCell::new(sides.map(|_| Vec::new()));
    let side = |at: usize| -> Result<Run> {
        bed.keep(Kept::SystemsAndBytecode)?;
        let mut command = match sides[at] {
            "uv" => install(),
            codec => layer(codec)?,
        };
        let run = measure(&mut command)?;
        on_disk.borrow_mut()[at].push(to_disk(run)?);
        Ok(run)
    };
    let to_the_end = bed.in_turns(&mut [&mut || side(0), &mut || side(1), &mut || side(2)])?;
    let on_disk: Vec<Run> = on_disk.take().iter().map(|runs| median(runs)).collect();
    for (runs, place, wanted) in [
        (&to_the_end, "", Wanted::AtLeast(1.5)),
        (&on_disk, ", until all is on the disk", Wanted::Nothing),
    ] {
        for (at, codec) in ["gzip", "zstd -3"].into_iter().enumerate() {
            figures.row(Row {
                what: format!(
                    "{} wheels to hashed blobs, {codec}{place}",
                    lock.wheels.len()
                ),
                ours: seconds(runs[at].seconds),
                against: format!("uv to a folder {}", seconds(runs[2].seconds)),
                ratio: runs[2].seconds / runs[at].seconds,
                wanted,
            });
        }
    }
    // What the machine could do at best: whether any tool could.
    let least = Least::of(bed, &lock.wheels, &layer)?.without_bytecode();
    for (codec, least) in [
        ("gzip", least.gzip_seconds()),
        ("zstd -3", least.zstd_seconds()),
    ] {
        figures.row(Row {
            what: format!(
                "{} wheels at this machine's floor without bytecode, {codec}",
                lock.wheels.len()
            ),
            ours: seconds(least),
            against: format!("uv to a folder {}", seconds(to_the_end[2].seconds)),
            ratio: to_the_end[2].seconds / least,
            wanted: Wanted::Nothing,
        });
    }
    fs::remove_dir_all(&target)?;
    fs::remove_dir_all(&cache)?;
    Ok(())
}
