//! What CUDA 13.0's nvcc needs on a Debian that is newer than it: a host compiler that it accepts, and a header
//! that keeps glibc's out of its way.

use std::sync::Arc;

use layer::{Entry, EntryPath};
use lock::{Lock, Wheel};

/// The newest that CUDA 13.0's nvcc takes. Debian's own default may be newer.
const COMPILER: &str = "g++-15";

const HEADER: &str = "bits/mathcalls.h";
/// The header's text, for keys.
pub const NVCC_HEADER: &str = include_str!("nvcc/mathcalls.h");

/// Whether nvcc is among these wheels.
pub fn has_nvcc<'w>(mut wheels: impl Iterator<Item = &'w Wheel>) -> bool {
    wheels.any(|wheel| wheel.name == "nvidia-cuda-nvcc")
}

/// The variables that lead nvcc, and CMake, to the two, with the header in the folder `headers`.
pub fn nvcc_env(lock: &Lock, headers: &str) -> Vec<(&'static str, String)> {
    let mut env = vec![("NVCC_PREPEND_FLAGS", format!("-I{headers}"))];
    if lock.debs.iter().any(|deb| deb.name == COMPILER) {
        env.push(("NVCC_CCBIN", COMPILER.to_owned()));
        env.push(("CUDAHOSTCXX", COMPILER.to_owned()));
    }
    env
}

/// The header in the folder `headers`, an absolute path.
///
/// # Errors
/// A path that cannot be.
pub fn nvcc_header(headers: &str) -> layer::Result<Entry> {
    let path = format!("{headers}/{HEADER}");
    let at = EntryPath::from_absolute(&path).map_err(|error| layer::Error::step(&path, error))?;
    let text = Arc::new(NVCC_HEADER.as_bytes().to_vec());
    Ok(Entry::file(at, text, false))
}
