//! The seven layers by name, in the order in which they lie on each other.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A layer of the image. The order of the variants is the order in the image, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LayerName {
    /// Debian system, build tools, CUDA and cuDNN.
    Base,
    /// The interpreter, pip, setuptools, wheel.
    Python,
    /// PyTorch and what it needs.
    Torch,
    /// Python packages that ComfyUI and its nodes need.
    Deps,
    /// Attention and other kernels.
    Perf,
    /// ComfyUI, Manager, frontend, custom nodes.
    Comfy,
    /// Entrypoint, user scripts, image config.
    Runtime,
}

impl LayerName {
    /// All layers, lowest first.
    pub const ALL: [Self; 7] = [
        Self::Base,
        Self::Python,
        Self::Torch,
        Self::Deps,
        Self::Perf,
        Self::Comfy,
        Self::Runtime,
    ];

    /// The name as locks and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Python => "python",
            Self::Torch => "torch",
            Self::Deps => "deps",
            Self::Perf => "perf",
            Self::Comfy => "comfy",
            Self::Runtime => "runtime",
        }
    }
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no layer's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no layer is called {0:?} (the layers: base, python, torch, deps, perf, comfy, runtime)")]
pub struct UnknownLayer(String);

impl FromStr for LayerName {
    type Err = UnknownLayer;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|layer| layer.as_str() == text)
            .ok_or_else(|| UnknownLayer(text.to_owned()))
    }
}
