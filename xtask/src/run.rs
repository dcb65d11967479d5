//! `cargo xtask run`: a container of the image, until it answers.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use lock::LayerName;

use crate::{build, engine::Engine, options::BuildOptions};

/// How long ComfyUI may take to answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// Loads the image if the engine does not have it, starts a container, waits until ComfyUI answers
/// and prints the URL.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask run\n  cargo xtask run --cpu --port 8288\n  \
                        cargo xtask run -- --lowvram --preview-method taesd"
)]
pub struct Args {
    /// The edition, as in editions/<EDITION>.lock, or the path of a lock file (with a / or ending
    /// with .lock).
    #[arg(default_value = "starter")]
    edition: String,
    /// Run on the CPU, without a GPU.
    #[arg(long)]
    cpu: bool,
    /// The port on this machine.
    #[arg(long, default_value_t = 8188)]
    port: u16,
    /// Which engine [default: the first that answers].
    #[arg(long, value_enum)]
    engine: Option<Engine>,
    #[command(flatten)]
    options: BuildOptions,
    /// More arguments for ComfyUI.
    #[arg(last = true)]
    comfyui: Vec<String>,
}

pub fn run(args: &Args) -> Result<()> {
    let engine = Engine::find(args.engine)?;
    let program = engine.program();
    let image = build::image(&args.edition, LayerName::Runtime, &args.options)?;
    if !engine.has(&image) {
        engine.load(&image)?;
    }
    let gpu = Path::new("/dev/nvidiactl").exists() && !args.cpu;
    let name = format!("strata-{}-{}", image.meta.edition, args.port);
    if state(program, &name)?.is_some() {
        bail!(
            "there is a container {name} already: remove it with `{program} rm --force {name}`, or \
             choose another --port"
        );
    }
    let mut command = Command::new(program);
    command.args(["run", "--detach", "--name", &name]);
    command.args(["--publish", &format!("{}:8188", args.port)]);
    if gpu {
        command.args(["--gpus", "all"]);
    } else if !args.cpu {
        eprintln!("no NVIDIA GPU found on this machine: running on the CPU");
    }
    command.arg(image.meta.reference());
    if !gpu {
        command.arg("--cpu");
    }
    command.args(&args.comfyui).stdout(Stdio::null());
    let status = command
        .status()
        .with_context(|| format!("cannot start {program}"))?;
    if !status.success() {
        // One that could not start is of no use; the engine has said why.
        let _ = Command::new(program)
            .args(["rm", "--force", &name])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        bail!("{program} run ended with {status}");
    }
    wait(program, &name)?;
    let url = format!("http://127.0.0.1:{}", args.port);
    if args.options.json {
        let told = serde_json::json!({
            "url": url, "container": name, "engine": program, "gpu": gpu,
            "reference": image.meta.reference(), "digest": image.digest.to_oci(),
        });
        println!("{told}");
    } else {
        println!("{url}");
    }
    Ok(())
}

/// Whether a container of this name runs, as the engine writes it; `None` if there is none.
fn state(program: &str, name: &str) -> Result<Option<String>> {
    let output = Command::new(program)
        .args([
            "container",
            "inspect",
            "--format",
            "{{.State.Running}}",
            name,
        ])
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success().then_some(text))
}

/// Asks the image's own health check, inside the container, until it is content.
fn wait(program: &str, name: &str) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let healthy = Command::new(program)
            .args(["exec", name, "/runner-scripts/health.py"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if healthy.success() {
            return Ok(());
        }
        if state(program, name)?.as_deref() != Some("true") {
            bail!("the container {name} ended; its last words: `{program} logs {name}`");
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    bail!(
        "ComfyUI did not answer within {} s; see `{program} logs {name}`",
        PATIENCE.as_secs()
    )
}
