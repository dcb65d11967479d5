//! The snapshot archive of a lock: where a package may still be that mirrors have dropped.

use debian_archive::Snapshot;
use lock::Lock;
use store::Places;

use crate::Result;

/// `places`, and after all Debian mirrors the snapshot archives that are known, if the lock was made
/// from a snapshot.
///
/// # Errors
/// [`crate::Error::Archive`] for a date that is none; [`crate::Error::Store`] for a setting that is no
/// address.
pub fn with_snapshot(places: Places, lock: &Lock) -> Result<Places> {
    let Some(time) = &lock.debian.snapshot else {
        return Ok(places);
    };
    let snapshots = places.snapshots(Snapshot::parse(time)?.id())?;
    Ok(snapshots
        .into_iter()
        .fold(places, store::Places::with_last_debian_place))
}
