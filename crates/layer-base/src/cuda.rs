//! CUDA where programs look for it: NVIDIA's wheels lie among the Python packages, and
//! `/usr/local/cuda` leads there.

use layer::{Entry, EntryPath, Plan, Result, Tree};
use lock::Lock;
use store::KeyBuilder;

/// `CUDA_HOME`.
pub(crate) const HOME: &str = "/usr/local/cuda";

/// The folder below the Python packages that CUDA 13's wheels share.
const SHARED: &str = "nvidia/cu13";

pub(crate) fn library_path(lock: &Lock) -> Vec<String> {
    vec![
        format!("{HOME}/lib"),
        format!("{}/nvidia/cudnn/lib", lock.python.platlib),
    ]
}

/// The part with the link, small enough to be its own.
pub(crate) fn plan(lock: &Lock) -> Result<Plan<'_>> {
    let target = format!("{}/{SHARED}", lock.python.platlib);
    let mut key = KeyBuilder::new("strata cuda link 1");
    key.field("from", HOME).field("to", &target);
    Ok(Plan::new("cuda link", key.finish(), 1, move |_| {
        let path = EntryPath::from_absolute(HOME)
            .map_err(|error| layer::Error::step("CUDA_HOME", error))?;
        let mut tree = Tree::new();
        tree.insert(Entry::symlink(path, target))?;
        Ok(tree)
    }))
}
