//! The Debian system of the base layer beside mmdebstrap, from the same packages on the same disk.

use std::{fmt::Write, fs, path::Path, process::Command};

use anyhow::{Context, Result};
use lock::LayerName;

use super::{
    bed::{Bed, Kept},
    command::{exists, measure, quietly},
    figures::{Figures, Row, Wanted, seconds},
};

pub fn run(bed: &Bed, figures: &mut Figures) -> Result<()> {
    if !exists("mmdebstrap") {
        figures.note("mmdebstrap is not installed: the Debian system was not compared");
        return Ok(());
    }
    let lock = bed.debs_alone(LayerName::Base);
    let path = bed.write_lock("debian", &lock)?;
    let archive = bed.path("archive");
    let names = mirror(bed, &lock, &archive)?;
    let theirs = |ending: &str| {
        let out = bed.path(&format!("mmdebstrap.tar{ending}"));
        let run = measure(&mut mmdebstrap(&lock, &archive, &names, &out));
        let _ = fs::remove_file(out);
        run
    };
    let ours = || {
        bed.keep(Kept::Nothing)?;
        measure(&mut bed.strata(&["image", "--up-to", "base"], &path)?)
    };
    let runs = bed.in_turns(&mut [&mut || ours(), &mut || theirs(""), &mut || theirs(".zst")])?;
    for (what, run, wanted) in [
        ("a tar", runs[1], Wanted::AtLeast(3.0)),
        ("a tar.zst", runs[2], Wanted::Nothing),
    ] {
        figures.row(Row {
            what: format!(
                "Debian system, {} packages, to a zstd blob",
                lock.debs.len()
            ),
            ours: seconds(runs[0].seconds),
            against: format!("mmdebstrap to {what} {}", seconds(run.seconds)),
            ratio: run.seconds / runs[0].seconds,
            wanted,
        });
    }
    Ok(())
}

/// mmdebstrap of the packages of these names, out of a local archive of them.
pub fn mmdebstrap(lock: &lock::Lock, archive: &Path, names: &str, out: &Path) -> Command {
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--quiet", "--variant=custom"])
        .arg(format!("--include={names}"))
        .arg("--setup-hook=mkdir -p \"$1\"/etc/apt/apt.conf.d")
        .env("SOURCE_DATE_EPOCH", lock.suite_seconds().to_string())
        .arg(&lock.debian.suite)
        .arg(out)
        .arg(format!("deb [trusted=yes] copy://{} ./", archive.display()));
    command
}

/// An archive of the packages for apt, flat and local. Gives their names, with commas.
pub fn mirror(bed: &Bed, lock: &lock::Lock, folder: &Path) -> Result<String> {
    fs::create_dir_all(folder)?;
    let mut packages = String::new();
    for deb in &lock.debs {
        let file = deb.artifact().filename;
        let from = bed.download(&deb.sha256);
        std::os::unix::fs::symlink(&from, folder.join(&file))?;
        let control = Command::new("dpkg-deb")
            .arg("--field")
            .arg(&from)
            .output()?;
        let control = String::from_utf8(control.stdout).context(deb.name.clone())?;
        let (control, sha256) = (control.trim_end(), deb.sha256);
        writeln!(
            packages,
            "{control}\nFilename: ./{file}\nSize: {}\nSHA256: {sha256}\n",
            deb.size
        )?;
    }
    fs::write(folder.join("Packages"), packages)?;
    quietly(Command::new("chmod").arg("a+rx").arg(folder))?;
    let names: Vec<&str> = lock.debs.iter().map(|deb| deb.name.as_str()).collect();
    Ok(names.join(","))
}
