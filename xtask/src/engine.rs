//! The container engine: which one there is, and giving it an image without a file in between.

use std::{
    io::{BufWriter, Write},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use assembler::Image;
use clap::ValueEnum;

use crate::progress;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    Docker,
    Podman,
}

impl Engine {
    pub fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    fn answers(self) -> bool {
        let status = Command::new(self.program())
            .arg("info")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success())
    }

    /// The engine that was asked for, or the first that answers.
    pub fn find(asked: Option<Self>) -> Result<Self> {
        if let Some(engine) = asked {
            return Ok(engine);
        }
        match [Self::Docker, Self::Podman]
            .into_iter()
            .find(|engine| engine.answers())
        {
            Some(engine) => Ok(engine),
            None => bail!(
                "no container engine answers (tried docker and podman); start one, or \
                           write the image to a file with `cargo xtask archive FILE`"
            ),
        }
    }

    /// Whether the engine has this very image under its name.
    pub fn has(self, image: &Image) -> bool {
        let output = Command::new(self.program())
            .args([
                "image",
                "inspect",
                "--format",
                "{{.Id}}",
                &image.meta.reference(),
            ])
            .output();
        output.is_ok_and(|output| {
            let id = String::from_utf8_lossy(&output.stdout);
            id.trim().trim_start_matches("sha256:") == image.config_digest.to_string()
        })
    }

    /// Docker reads zstd layers from version 23 on; podman has for long.
    fn reads_zstd(self) -> bool {
        if self == Self::Podman {
            return true;
        }
        let output = Command::new("docker")
            .args(["version", "--format", "{{.Server.Version}}"])
            .output();
        output.is_ok_and(|output| {
            let version = String::from_utf8_lossy(&output.stdout).into_owned();
            version
                .split('.')
                .next()
                .and_then(|major| major.trim().parse::<u32>().ok())
                >= Some(23)
        })
    }

    /// Streams the image into `<engine> load`.
    pub fn load(self, image: &Image) -> Result<()> {
        let program = self.program();
        let mut child = Command::new(program)
            .arg("load")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let stdin = child
            .stdin
            .take()
            .context("the engine has no standard input")?;
        let mut out = BufWriter::with_capacity(1 << 20, stdin);
        let name = format!("{} into {program}", image.meta.reference());
        let written = if self.reads_zstd() {
            progress::writing(name, image.transfer_size(), |advance| {
                assembler::write_archive(image, &mut out, advance)
            })
        } else {
            let blobs = image.blobs().into_iter();
            let total = blobs.map(|blob| blob.diff_size.unwrap_or(blob.size)).sum();
            progress::writing(name, total, |advance| {
                assembler::write_plain_archive(image, &mut out, advance)
            })
        };
        let flushed = out.flush();
        drop(out);
        let status = child.wait()?;
        // The engine's own complaint stands on standard error; a broken pipe only follows from it.
        if !status.success() {
            bail!("{program} load ended with {status}");
        }
        written?;
        flushed?;
        Ok(())
    }
}
