//! The Debian system of the base layer beside mmdebstrap, from the same packages on the same disk.

use std::{fmt::Write, fs, path::Path, process::Command};

use anyhow::{Context, Result};
use lock::LayerName;

use super::{
    bed::{Bed, Kept},
    command::{Run, exists, measure, quietly},
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
    let theirs = |ending: &str, options: &[&str]| {
        let out = bed.path(&format!("mmdebstrap.tar{ending}"));
        let mut command = mmdebstrap(bed, &lock, &archive, &names, &out)?;
        command.args(options);
        bed.forget(&lock)?;
        let run = measure(&mut command);
        let _ = fs::remove_file(out);
        run
    };
    let ours = || {
        bed.keep(Kept::Nothing)?;
        bed.forget(&lock)?;
        measure(&mut bed.strata(&["image", "--up-to", "base"], &path)?)
    };
    let rounds = bed.rounds_of(&mut [
        &mut || ours(),
        &mut || theirs("", &[]),
        &mut || theirs("", &[NO_WAITING]),
        &mut || theirs(".zst", &[NO_WAITING]),
    ])?;
    // mmdebstrap removes its root at its end; what is left of that trouble makes single rounds slow.
    let best = |runs: &Vec<Run>| {
        runs.iter()
            .map(|run| run.seconds)
            .fold(f64::INFINITY, f64::min)
    };
    let best: Vec<f64> = rounds.iter().map(best).collect();
    let whats = [
        "a tar",
        "a tar, without waiting",
        "a tar.zst, without waiting",
    ];
    for (what, theirs) in whats.into_iter().zip(&best[1..]) {
        figures.row(Row {
            what: format!(
                "Debian system, {} packages, to a zstd blob",
                lock.debs.len()
            ),
            ours: seconds(best[0]),
            against: format!("mmdebstrap to {what} {}", seconds(*theirs)),
            ratio: theirs / best[0],
            wanted: Wanted::AtLeast(3.0),
        });
    }
    Ok(())
}

/// mmdebstrap's dpkg does not wait until what it unpacks is on the disk, then; ours never does.
pub const NO_WAITING: &str = "--dpkgopt=force-unsafe-io";

/// mmdebstrap of the packages of these names, out of a local archive of them, on the bed's disk. The variant
/// `essential` unpacks twice only what it must: `custom` does so with all packages.
pub fn mmdebstrap(
    bed: &Bed,
    lock: &lock::Lock,
    archive: &Path,
    names: &str,
    out: &Path,
) -> Result<Command> {
    let scratch = bed.path("mmdebstrap");
    fs::create_dir_all(&scratch)?;
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--quiet", "--variant=essential"])
        .arg(format!("--include={names}"))
        .arg("--setup-hook=mkdir -p \"$1\"/etc/apt/apt.conf.d")
        .env("SOURCE_DATE_EPOCH", lock.suite_seconds().to_string())
        .env("TMPDIR", scratch)
        // As many threads as there are.
        .env("ZSTD_NBTHREADS", "0")
        .arg(&lock.debian.suite)
        .arg(out)
        .arg(format!("deb [trusted=yes] copy://{} ./", archive.display()));
    Ok(command)
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
    // mmdebstrap looks for essential packages in the suite of this name.
    let (suite, size) = (&lock.debian.suite, packages.len());
    let sha256 = store::sha256_of(packages.as_bytes());
    let release =
        format!("Suite: {suite}\nCodename: {suite}\nSHA256:\n {sha256} {size} Packages\n");
    fs::write(folder.join("Release"), release)?;
    fs::write(folder.join("Packages"), packages)?;
    quietly(Command::new("chmod").arg("a+rx").arg(folder))?;
    let names: Vec<&str> = lock.debs.iter().map(|deb| deb.name.as_str()).collect();
    Ok(names.join(","))
}
