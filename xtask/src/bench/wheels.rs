//! All wheels of the edition as one layer, beside `uv pip install --target` of them with a warm cache.

use std::{cell::RefCell, fs, os::unix::fs::symlink, path::PathBuf, process::Command};

use anyhow::Result;
use lock::LayerName;

use super::{
    bed::{Bed, Kept, median},
    built::{deflated, parts},
    command::{Run, measure, quietly, to_disk},
    figures::{Figures, Row, Wanted, seconds},
    floor::{self, Amounts},
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
    let layer = |codec: &str| bed.strata(&["layer", "deps", "--compression", codec], &path);
    quietly(&mut layer("zstd")?)?;
    // Each run is measured twice: to its end, and until all of it is on the disk.
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
    let in_memory = bed.in_turns(&mut [&mut || side(0), &mut || side(1), &mut || side(2)])?;
    let on_disk: Vec<Run> = on_disk.take().iter().map(|runs| median(runs)).collect();
    for (runs, place, wanted) in [
        (&in_memory, "", Wanted::AtLeast(1.5)),
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
    let paths: Vec<PathBuf> = lock
        .wheels
        .iter()
        .map(|wheel| bed.download(&wheel.sha256))
        .collect();
    let deflated = deflated(&paths)?;
    let (gzip_parts, zstd_parts) = (parts(layer("gzip")?)?, parts(layer("zstd")?)?);
    let speeds = floor::measure(&zstd_parts, &paths, &bed.path(""))?;
    for (codec, parts, gzip) in [("gzip", &gzip_parts, true), ("zstd -3", &zstd_parts, false)] {
        let least = speeds.floor(Amounts::of(parts, deflated, gzip));
        figures.row(Row {
            what: format!(
                "{} wheels at this machine's floor, {codec}",
                lock.wheels.len()
            ),
            ours: seconds(least),
            against: format!("uv to a folder {}", seconds(in_memory[2].seconds)),
            ratio: in_memory[2].seconds / least,
            wanted: Wanted::Nothing,
        });
    }
    fs::remove_dir_all(&target)?;
    fs::remove_dir_all(&cache)?;
    Ok(())
}
