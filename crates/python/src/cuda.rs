//! What NVIDIA's wheels lack for whoever compiles with them: `lib64`, where nvcc looks, and libraries by their
//! names without a version, which the linker wants. The wheels bring what programs need when they run.

use layer::{Entry, EntryPath};
use lock::Wheel;

/// The folder below the Python packages that CUDA 13's wheels share.
pub const CUDA: &str = "nvidia/cu13";

/// Libraries by the wheel that brings them: below the Python packages, the folder; the name; its version.
const LIBRARIES: [(&str, &str, &str, u32); 14] = [
    ("nvidia-cublas", "nvidia/cu13/lib", "libcublas", 13),
    ("nvidia-cublas", "nvidia/cu13/lib", "libcublasLt", 13),
    ("nvidia-cuda-cupti", "nvidia/cu13/lib", "libcupti", 13),
    ("nvidia-cuda-nvrtc", "nvidia/cu13/lib", "libnvrtc", 13),
    ("nvidia-cuda-runtime", "nvidia/cu13/lib", "libcudart", 13),
    ("nvidia-cudnn-cu13", "nvidia/cudnn/lib", "libcudnn", 9),
    ("nvidia-cufft", "nvidia/cu13/lib", "libcufft", 12),
    ("nvidia-cufile", "nvidia/cu13/lib", "libcufile", 0),
    ("nvidia-curand", "nvidia/cu13/lib", "libcurand", 10),
    ("nvidia-cusolver", "nvidia/cu13/lib", "libcusolver", 12),
    ("nvidia-cusparse", "nvidia/cu13/lib", "libcusparse", 12),
    ("nvidia-nccl-cu13", "nvidia/nccl/lib", "libnccl", 2),
    ("nvidia-nvjitlink", "nvidia/cu13/lib", "libnvJitLink", 13),
    ("nvidia-nvjpeg", "nvidia/cu13/lib", "libnvjpeg", 13),
];

/// The links for these wheels, which are installed in the folder `packages`.
pub fn cuda_links<'w>(packages: &EntryPath, wheels: impl Iterator<Item = &'w Wheel>) -> Vec<Entry> {
    let names: Vec<&str> = wheels.map(|wheel| wheel.name.as_str()).collect();
    let link = |path: &str, target: String| {
        let path = EntryPath::new(path).ok()?;
        Some(Entry::symlink(packages.join(&path), target))
    };
    let libraries = LIBRARIES.iter().filter(|(wheel, ..)| names.contains(wheel));
    let libraries = libraries.filter_map(|(_, folder, name, version)| {
        link(
            &format!("{folder}/{name}.so"),
            format!("{name}.so.{version}"),
        )
    });
    let folder = names.contains(&"nvidia-cuda-runtime");
    let folder = folder
        .then(|| link(&format!("{CUDA}/lib64"), "lib".to_owned()))
        .flatten();
    folder.into_iter().chain(libraries).collect()
}

#[cfg(test)]
mod tests {
    use lock::{LayerName, Lock};

    use super::*;

    #[test]
    fn links_of_what_is_there() {
        let lock = Lock::starter().unwrap();
        let packages = EntryPath::new("p").unwrap();
        let paths = |wheels: Vec<&Wheel>| -> Vec<String> {
            let links = cuda_links(&packages, wheels.into_iter());
            links.iter().map(|link| link.path.to_string()).collect()
        };
        let all = paths(lock.wheels_of(LayerName::Base).collect());
        for path in ["p/nvidia/cu13/lib64", "p/nvidia/cu13/lib/libcudart.so"] {
            assert!(all.iter().any(|link| link == path), "{path}: {all:?}");
        }
        assert!(paths(lock.wheels_of(LayerName::Deps).collect()).is_empty());
    }
}
