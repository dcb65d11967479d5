//! CUDA where programs and compilers look for it: NVIDIA's wheels lie among the Python packages, and
//! `/usr/local/cuda` leads there.

use layer::{Entry, EntryPath, Kind, Plan, Result, Tree};
use lock::{LayerName, Lock};
use store::KeyBuilder;

/// `CUDA_HOME`.
pub(crate) const HOME: &str = "/usr/local/cuda";

pub(crate) fn library_path(lock: &Lock) -> Vec<String> {
    vec![
        format!("{HOME}/lib"),
        format!("{}/nvidia/cudnn/lib", lock.python.platlib),
    ]
}

/// The part with the links, small enough to be its own.
pub(crate) fn plan(lock: &Lock) -> Result<Plan<'_>> {
    let path = |path: &str| {
        EntryPath::from_absolute(path).map_err(|error| layer::Error::step("CUDA_HOME", error))
    };
    let target = format!("{}/{}", lock.python.platlib, python::CUDA);
    let mut links = vec![Entry::symlink(path(HOME)?, target)];
    let packages = path(&lock.python.platlib)?;
    links.extend(python::cuda_links(
        &packages,
        lock.wheels_of(LayerName::Base),
    ));
    let mut key = KeyBuilder::new("strata cuda links 2");
    for link in &links {
        key.field("link", link.path.as_bytes());
        if let Kind::Symlink(target) = &link.kind {
            key.field("to", target);
        }
    }
    Ok(Plan::new("cuda link", key.finish(), 1, move |_| {
        let mut tree = Tree::new();
        for link in links {
            tree.insert(link)?;
        }
        Ok(tree)
    }))
}
