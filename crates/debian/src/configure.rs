//! Configuring, as dpkg and the maintainer scripts do it, inside the sandbox.

use std::fs;

use sandbox::Sandbox;

use crate::{
    Error, Package, Result,
    database::{Database, write},
    error::io as io_error,
    resolve::make_folders,
};

/// Keeps services from being started (invoke-rc.d(8)): 101, "action forbidden by policy".
const POLICY: &str = "#!/bin/sh\nexit 101\n";

/// Configures packages in one root.
#[derive(Debug)]
pub(crate) struct Configurator {
    sandbox: Sandbox,
    database: Database,
    dpkg_version: String,
}

impl Configurator {
    /// For the root of this database. `epoch` is in seconds since 1970 UTC.
    pub(crate) fn new(root: &std::path::Path, dpkg_version: &str, epoch: i64) -> Self {
        let sandbox = Sandbox::new(root)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("DEBCONF_NONINTERACTIVE_SEEN", "true")
            .env("LANGUAGE", "C.UTF-8")
            .source_date_epoch(epoch);
        Self {
            sandbox,
            database: Database::new(root),
            dpkg_version: dpkg_version.to_owned(),
        }
    }

    /// The sandbox.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Runs the package's preinst script, if it has one, with the environment that dpkg gives it
    /// (Debian Policy, 6.5; dpkg(1), "Internal environment").
    pub(crate) fn preinst(&self, package: &Package) -> Result<()> {
        if !package.members.contains_key("preinst") {
            return Ok(());
        }
        self.database.stage_control(package)?;
        let sandbox = self
            .sandbox
            .clone()
            .env("DPKG_MAINTSCRIPT_PACKAGE", &package.name)
            .env("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1")
            .env(
                "DPKG_MAINTSCRIPT_ARCH",
                package.field("Architecture").unwrap_or_default(),
            )
            .env("DPKG_MAINTSCRIPT_NAME", "preinst")
            .env("DPKG_MAINTSCRIPT_DEBUG", "0")
            .env("DPKG_RUNNING_VERSION", &self.dpkg_version)
            .env("DPKG_ADMINDIR", "/var/lib/dpkg")
            .env("DPKG_ROOT", "");
        sandbox
            .run("/var/lib/dpkg/tmp.ci/preinst", ["install"], b"")
            .map_err(|source| Error::Program {
                step: format!("{}: preinst", package.artifact),
                source,
            })?;
        self.database.unstage_control()
    }

    /// Configures packages that are unpacked, by name, whatever they depend on: all of them and
    /// all triggers, where none is named.
    pub(crate) fn configure(&self, names: &[&str]) -> Result<()> {
        // The root is thrown away when anything fails: nothing here needs to be on the disk.
        let mut args = vec!["--force-unsafe-io"];
        match names {
            [] => args.extend(["--configure", "--pending"]),
            names => {
                args.extend(["--force-depends", "--configure"]);
                args.extend(names);
            }
        }
        self.sandbox
            .run("/usr/bin/dpkg", args, b"")
            .map_err(|source| {
                let what = if names.is_empty() {
                    "all packages".to_owned()
                } else {
                    names.join(" ")
                };
                Error::Program {
                    step: format!("configuring {what}"),
                    source,
                }
            })?;
        Ok(())
    }

    /// Insists that every package is installed and no trigger is left.
    pub(crate) fn check(&self) -> Result<()> {
        for known in self.database.known()? {
            if known.status != "install ok installed" || known.triggers {
                return Err(Error::State {
                    package: known.name,
                    found: known.status,
                });
            }
        }
        Ok(())
    }

    /// Runs `work` with a policy in force that starts no services, unless the root has its own.
    pub(crate) fn without_services<T>(
        &self,
        root: &std::path::Path,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        make_folders(root, "usr/sbin")?;
        let path = root.join("usr/sbin/policy-rc.d");
        if path.symlink_metadata().is_ok() {
            return work();
        }
        write(&path, POLICY.as_bytes(), 0o755)?;
        let done = work()?;
        fs::remove_file(&path).map_err(io_error(path))?;
        Ok(done)
    }
}
