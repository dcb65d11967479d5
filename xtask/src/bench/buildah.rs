//! The whole image beside a Containerfile of the same packages: mmdebstrap makes the root file system,
//! buildah adds it, uv installs the wheels from a local folder and compiles them, buildah writes an OCI
//! archive. Once: it takes minutes.

use std::{fs, process::Command};

use anyhow::Result;

use super::{
    bed::{Bed, Kept},
    command::{exists, measure},
    debian::{mirror, mmdebstrap},
    figures::{Figures, Row, Wanted, seconds},
};

/// The wheels are in a volume, so that they are not copied into the build; and uv keeps no cache, which
/// would go into the image beside what is installed, and be compressed with it.
const CONTAINERFILE: &str = "FROM scratch
ADD root.tar /
RUN /bench/uv pip install --no-config --no-index --offline --no-deps --compile-bytecode \
    --no-cache --break-system-packages --python /usr/bin/python3.14 /bench/wheels/*.whl
";

pub fn run(bed: &Bed, figures: &mut Figures) -> Result<()> {
    for program in ["buildah", "mmdebstrap"] {
        if !exists(program) {
            figures.note(format!(
                "{program} is not installed: the image was not compared with a Containerfile"
            ));
            return Ok(());
        }
    }
    // Three copies of the image come here: its storage has no links.
    bed.remove_aside()?;
    let path = bed.write_lock("whole", &bed.lock)?;
    bed.keep(Kept::Nothing)?;
    let ours = measure(&mut bed.strata(&["image", "--compression", "gzip"], &path)?)?;

    let (context, volume) = (bed.path("context"), bed.path("volume"));
    fs::create_dir_all(&context)?;
    fs::create_dir_all(volume.join("wheels"))?;
    fs::write(context.join("Containerfile"), CONTAINERFILE)?;
    fs::copy(
        resolve::uv(&bed.user_store, &bed.fetcher)?,
        volume.join("uv"),
    )?;
    for wheel in &bed.lock.wheels {
        let from = bed.download(&wheel.sha256);
        let to = volume.join("wheels").join(&wheel.filename);
        // A symbolic link would lead out of the volume.
        fs::hard_link(&from, &to)?;
    }
    let archive = bed.path("archive-whole");
    let names = mirror(bed, &bed.lock, &archive)?;
    let storage = bed.path("buildah");
    let buildah = || {
        let mut command = Command::new("buildah");
        command
            .arg("--root")
            .arg(storage.join("root"))
            .arg("--runroot")
            .arg(storage.join("run"))
            .args(["--storage-driver", "vfs"]);
        command
    };
    let root = context.join("root.tar");
    let system = measure(&mut mmdebstrap(&bed.lock, &archive, &names, &root))?;
    let built = measure(
        buildah()
            .args(["build", "--isolation", "chroot", "--tag", "bench"])
            .arg("--volume")
            .arg(format!("{}:/bench:ro", volume.display()))
            .arg(&context),
    )?;
    let written = bed.path("bench.tar");
    let pushed = measure(
        buildah()
            .args(["push", "bench"])
            .arg(format!("oci-archive:{}", written.display())),
    )?;
    let theirs = system.seconds + built.seconds + pushed.seconds;
    figures.note(format!(
        "the Containerfile: mmdebstrap {}, buildah build {}, writing the archive of {} MB {}",
        seconds(system.seconds),
        seconds(built.seconds),
        fs::metadata(&written)?.len() / 1_000_000,
        seconds(pushed.seconds)
    ));
    figures.row(Row {
        what: format!("{} from downloads alone, gzip", bed.lock.edition),
        ours: seconds(ours.seconds),
        against: format!("mmdebstrap, buildah and uv {}", seconds(theirs)),
        ratio: theirs / ours.seconds,
        wanted: Wanted::AtLeast(10.0),
    });
    Ok(())
}
