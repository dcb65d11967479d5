//! What a build is made of.

use std::{path::PathBuf, process::Command};

use anyhow::{Context, Result};
use zip_reader::{Method, ZipFile};

/// A part of a built image.
#[derive(Debug, serde::Deserialize)]
pub struct Part {
    /// What it is called.
    pub name: String,
    /// The blob's path.
    pub path: PathBuf,
    /// The blob's size in bytes.
    pub size: u64,
    /// The tar's size in bytes.
    pub diff_size: u64,
}

/// Builds what is in the store already, and asks what it is.
pub fn parts(mut command: Command) -> Result<Vec<Part>> {
    #[derive(serde::Deserialize)]
    struct Image {
        layers: Vec<Layer>,
    }
    #[derive(serde::Deserialize)]
    struct Layer {
        parts: Vec<Part>,
    }
    let output = command.arg("--json").output()?;
    let image: Image = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok(image
        .layers
        .into_iter()
        .flat_map(|layer| layer.parts)
        .collect())
}

impl Part {
    /// Whether it is of Debian packages, none of whose files lie deflated.
    pub fn is_debian(&self) -> bool {
        // A large one has its number behind it.
        let name = self.name.split(' ').next();
        matches!(self.name.as_str(), "python" | "python system") || name == Some("debian")
    }
}

/// Bytes that lie deflated in wheels.
pub fn deflated(wheels: &[PathBuf]) -> Result<u64> {
    let mut sum = 0;
    for wheel in wheels {
        let zip = ZipFile::open(wheel)?;
        let deflated = zip
            .entries()
            .iter()
            .filter(|entry| entry.method == Method::Deflated);
        sum += deflated.map(|entry| entry.size).sum::<u64>();
    }
    Ok(sum)
}
