//! All wheels of the edition as one layer, beside `uv pip install --target` of them with a warm cache.

use std::{fs, os::unix::fs::symlink, process::Command};

use anyhow::Result;
use lock::LayerName;

use super::{
    bed::{Bed, Kept},
    command::{measure, quietly, to_disk},
    figures::{Figures, Row, Wanted, seconds},
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
    let after = |mut command: Command| {
        bed.keep(Kept::SystemsAndBytecode)?;
        measure(&mut command)
    };
    let runs = bed.in_turns(&mut [
        &mut || after(layer("gzip")?),
        &mut || after(layer("zstd")?),
        &mut || after(install()),
        &mut || after(to_disk(&layer("gzip")?)),
        &mut || after(to_disk(&layer("zstd")?)),
        &mut || after(to_disk(&install())),
    ])?;
    let (in_memory, on_disk) = runs.split_at(3);
    for (runs, place, wanted) in [
        (in_memory, "", Wanted::AtLeast(1.5)),
        (on_disk, ", until all is on the disk", Wanted::Nothing),
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
    fs::remove_dir_all(&target)?;
    fs::remove_dir_all(&cache)?;
    Ok(())
}
