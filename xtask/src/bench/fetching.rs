//! From an empty store: downloads overlap with building.

use std::fs;

use anyhow::Result;

use super::{
    bed::{Bed, Kept},
    command::measure,
    figures::{Figures, Row, Wanted, seconds},
};

pub fn run(bed: &Bed, figures: &mut Figures) -> Result<()> {
    let path = bed.write_lock("fetching", &bed.lock)?;
    let empty = bed.path("empty-store");
    let online = |verb: &str| -> Result<_> {
        if empty.exists() {
            // What is large goes; many small files are moved aside, as in `Bed::keep`.
            fs::remove_dir_all(empty.join("downloads"))?;
            fs::remove_dir_all(empty.join("blobs"))?;
            fs::rename(
                &empty,
                bed.path(&format!("old-{}", fs::read_dir(bed.path(""))?.count())),
            )?;
        }
        let mut command = std::process::Command::new(std::env::current_exe()?);
        command.arg(verb).arg(&path).arg("--store").arg(&empty);
        if verb == "image" {
            command.arg("--out").arg(bed.path("layout"));
        }
        measure(&mut command)
    };
    let runs = bed.in_turns(&mut [
        &mut || online("fetch"),
        &mut || bed.after(Kept::Nothing, bed.strata(&["image"], &path)),
        &mut || online("image"),
    ])?;
    fs::remove_dir_all(&empty)?;
    let (fetching, building, both) = (runs[0].seconds, runs[1].seconds, runs[2].seconds);
    figures.row(Row {
        what: "from an empty store".to_owned(),
        ours: seconds(both),
        against: format!(
            "the larger of fetching {} and building {}",
            seconds(fetching),
            seconds(building)
        ),
        ratio: both / fetching.max(building),
        wanted: Wanted::AtMost(1.3),
    });
    Ok(())
}
