//! The whole image beside a Containerfile of the same packages: mmdebstrap makes the root file system,
//! buildah adds it, uv installs the wheels from a local folder and compiles them, buildah writes an OCI
//! archive. That side runs once: it takes minutes.

use std::{fs, process::Command};

use anyhow::Result;

use super::{
    bed::{Bed, Kept},
    command::{exists, measure, sync},
    debian::{NO_WAITING, mirror, mmdebstrap},
    figures::{Figures, Row, Wanted, megabytes, seconds},
    floor::Least,
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
    // Its storage takes a copy of the image, and has no links.
    bed.remove_aside()?;
    let path = bed.write_lock("whole", &bed.lock)?;
    let image = |codec: &str| bed.strata(&["image", "--compression", codec], &path);
    let runs = bed.in_turns(&mut [
        &mut || bed.after(Kept::Nothing, image("gzip")),
        &mut || bed.after(Kept::Systems, image("gzip")),
        &mut || bed.after(Kept::SystemsAndBytecode, image("gzip")),
    ])?;
    let (ours, compiled, packed) = (runs[0], runs[1], runs[2]);
    let packing = Least::of(bed, &bed.lock.wheels, &image)?.gzip_seconds();
    // Makes room.
    bed.keep(Kept::SystemsAndBytecode)?;

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
    let (storage, scratch) = (bed.path("buildah"), bed.path("buildah-tmp"));
    fs::create_dir_all(&scratch)?;
    let buildah = || {
        let mut command = Command::new("buildah");
        command
            .arg("--root")
            .arg(storage.join("root"))
            .arg("--runroot")
            .arg(storage.join("run"))
            .env("TMPDIR", &scratch)
            .args(["--storage-driver", "vfs"]);
        command
    };
    let root = context.join("root.tar");
    let mut system = mmdebstrap(bed, &bed.lock, &archive, &names, &root)?;
    system.arg(NO_WAITING);
    sync()?;
    let system = measure(&mut system)?;
    let written = bed.path("bench.tar");
    // Straight into the archive, compressed: a tag and `push` would take the image in and out of the storage.
    let built = measure(
        buildah()
            .args(["build", "--isolation", "chroot"])
            .arg("--disable-compression=false")
            .arg("--tag")
            .arg(format!("oci-archive:{}", written.display()))
            .arg("--volume")
            .arg(format!("{}:/bench:ro", volume.display()))
            .arg(&context),
    )?;
    let theirs = system.seconds + built.seconds;
    figures.note(format!(
        "the Containerfile: mmdebstrap {}, buildah build into an archive of {} {}",
        seconds(system.seconds),
        megabytes(fs::metadata(&written)?.len()),
        seconds(built.seconds)
    ));
    let against = format!("mmdebstrap, buildah and uv {}", seconds(theirs));
    figures.row(Row {
        what: format!("{} from downloads alone, gzip", bed.lock.edition),
        ours: seconds(ours.seconds),
        against: against.clone(),
        ratio: theirs / ours.seconds,
        wanted: Wanted::AtLeast(10.0),
    });
    // What ours would come to with packing that costs nothing beyond this machine's floor, and the Debian
    // systems for nothing.
    let bytecode = (compiled.seconds - packed.seconds).max(0.0);
    figures.row(Row {
        what: format!(
            "{} as our bytecode ({}) and the floor of packing ({}) alone",
            bed.lock.edition,
            seconds(bytecode),
            seconds(packing)
        ),
        ours: seconds(bytecode + packing),
        against,
        ratio: theirs / (bytecode + packing),
        wanted: Wanted::Nothing,
    });
    Ok(())
}
