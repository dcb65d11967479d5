//! What CUDA 13.0's nvcc needs on a Debian that is newer than it: a host compiler that it accepts, and a header
//! that keeps glibc's out of its way.

use std::sync::Arc;

use layer::{Entry, EntryPath, Plan, Result, Tree};
use lock::Lock;
use store::KeyBuilder;

/// The newest that CUDA 13.0's nvcc takes. Debian's own default may be newer.
const COMPILER: &str = "g++-15";

/// In front of the system's headers for nvcc alone.
const HEADERS: &str = "/usr/local/share/strata/nvcc";
const HEADER: &str = "bits/mathcalls.h";
const TEXT: &str = include_str!("nvcc/mathcalls.h");

/// Whether the image has nvcc.
fn is_there(lock: &Lock) -> bool {
    let mut wheels = lock.wheels.iter();
    wheels.any(|wheel| wheel.name == "nvidia-cuda-nvcc")
}

/// The variables that lead nvcc, and CMake, to the two; empty for an image without nvcc.
pub(crate) fn env(lock: &Lock) -> Vec<(&'static str, String)> {
    if !is_there(lock) {
        return Vec::new();
    }
    let mut env = vec![("NVCC_PREPEND_FLAGS", format!("-I{HEADERS}"))];
    if lock.debs.iter().any(|deb| deb.name == COMPILER) {
        env.push(("NVCC_CCBIN", COMPILER.to_owned()));
        env.push(("CUDAHOSTCXX", COMPILER.to_owned()));
    }
    env
}

/// The part with the header, if the image has nvcc.
pub(crate) fn plan(lock: &Lock) -> Option<Plan<'_>> {
    is_there(lock).then(|| {
        let mut key = KeyBuilder::new("strata nvcc header 1");
        key.field("folder", HEADERS)
            .field("file", HEADER)
            .field("text", TEXT);
        Plan::new("nvcc header", key.finish(), 1, move |_| header())
    })
}

fn header() -> Result<Tree> {
    let path = format!("{HEADERS}/{HEADER}");
    let at = EntryPath::from_absolute(&path).map_err(|error| layer::Error::step(&path, error))?;
    let mut tree = Tree::new();
    let text = Arc::new(TEXT.as_bytes().to_vec());
    tree.insert(Entry::file(at, text, false))?;
    Ok(tree)
}
