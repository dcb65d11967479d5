//! nvcc made to work, in images that have it: see `python`'s `nvcc_env` for why.

use layer::{Plan, Tree};
use lock::{LayerName, Lock};
use store::KeyBuilder;

/// In front of the system's headers for nvcc alone.
const HEADERS: &str = "/usr/local/share/strata/nvcc";

fn is_there(lock: &Lock) -> bool {
    python::has_nvcc(lock.wheels_of(LayerName::Base))
}

/// Variables of the image; none for one without nvcc.
pub(crate) fn env(lock: &Lock) -> Vec<(&'static str, String)> {
    match is_there(lock) {
        true => python::nvcc_env(lock, HEADERS),
        false => Vec::new(),
    }
}

/// The part with the header, if the image has nvcc.
pub(crate) fn plan(lock: &Lock) -> Option<Plan<'_>> {
    is_there(lock).then(|| {
        let mut key = KeyBuilder::new("strata nvcc header 1");
        key.field("folder", HEADERS)
            .field("text", python::NVCC_HEADER);
        Plan::new("nvcc header", key.finish(), 1, move |_| {
            let mut tree = Tree::new();
            tree.insert(python::nvcc_header(HEADERS)?)?;
            Ok(tree)
        })
    })
}
