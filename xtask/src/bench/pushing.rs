//! The image into a registry on loopback, beside skopeo with the same layout; each into an empty one.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{
    bed::Bed,
    command::{Run, exists, measure, quietly, sync},
    figures::{Figures, Row, Wanted, megabytes, seconds},
};

/// How long the registry may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

pub fn run(bed: &Bed, figures: &mut Figures) -> Result<()> {
    for program in ["docker-registry", "skopeo"] {
        if !exists(program) {
            figures.note(format!(
                "{program} is not installed: pushing was not compared with skopeo"
            ));
            return Ok(());
        }
    }
    let path = bed.write_lock("whole", &bed.lock)?;
    quietly(&mut bed.strata(&["image"], &path)?)?;
    let folder = bed.path("registry");
    let into_empty = |push: &dyn Fn(&str) -> Result<Command>| -> Result<Run> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let registry = Registry::start(&folder)?;
        sync()?;
        measure(&mut push(&format!("{}/bench:latest", registry.address))?)
    };
    let ours = |to: &str| -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["push", to]).arg(&path);
        command
            .arg("--store")
            .arg(bed.path("store"))
            .arg("--locked");
        Ok(command)
    };
    let theirs = |to: &str| -> Result<Command> {
        let mut command = Command::new("skopeo");
        command.args(["copy", "--quiet", "--dest-tls-verify=false"]);
        command.arg(format!("oci:{}", bed.path("layout").display()));
        command.arg(format!("docker://{to}"));
        Ok(command)
    };
    let runs = bed.in_turns(&mut [&mut || into_empty(&ours), &mut || into_empty(&theirs)])?;
    fs::remove_dir_all(&folder)?;
    let (ours, theirs) = (runs[0], runs[1]);
    figures.row(Row {
        what: format!("pushing {} to loopback", bed.lock.edition),
        ours: seconds(ours.seconds),
        against: format!("skopeo {}", seconds(theirs.seconds)),
        ratio: ours.seconds / theirs.seconds,
        wanted: Wanted::AtMost(1.5),
    });
    figures.row(Row {
        what: "memory of that".to_owned(),
        ours: megabytes(ours.memory),
        against: "200 MB".to_owned(),
        ratio: ours.memory as f64 / 200e6,
        wanted: Wanted::AtMost(1.0),
    });
    Ok(())
}

/// Debian's registry, until it is dropped.
struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    fn start(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        // Free at this moment; whoever takes it in between makes the start fail, and no wrong figure.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let config = folder.join("config.yml");
        let data = folder.join("data");
        fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
                 storage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
                data.display()
            ),
        )?;
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting docker-registry")?;
        let registry = Self { child, address };
        let begun = Instant::now();
        while TcpStream::connect(&registry.address).is_err() {
            if begun.elapsed() > PATIENCE {
                bail!("docker-registry does not listen at {}", registry.address);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
