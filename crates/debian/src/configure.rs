//! Installing packages into a root: preinst, unpack, owners, database, and dpkg's configuration,
//! in the order that Debian Policy (chapter 6) asks for.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path};

use layer::Context;
use lock::Deb;
use sandbox::Sandbox;

use crate::{
    Error, Package, Result,
    closure::open_all,
    database::{Triggers, add_control, add_list, add_status, create, diversions},
    error::io,
    unpack::{Fixup, unpack_all},
};

/// Keeps services from being started (Debian's invoke-rc.d asks it).
const POLICY: (&str, &str) = ("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n");
/// dpkg's settings while we build: a kill is answered by building anew, so nothing is synced.
const SETTINGS: (&str, &str) = ("etc/dpkg/dpkg.cfg.d/strata", "force-unsafe-io\n");

/// A root that packages are installed into.
#[derive(Debug)]
pub(crate) struct Installer<'c> {
    cx: &'c Context,
    root: &'c Path,
    sandbox: Sandbox,
    triggers: Triggers,
    configured: BTreeSet<String>,
}

impl<'c> Installer<'c> {
    /// `present`: packages that stand in the root already, configured.
    pub(crate) fn new(
        cx: &'c Context,
        root: &'c Path,
        epoch: i64,
        present: &[&Deb],
    ) -> Result<Self> {
        let sandbox = Sandbox::new(root)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("DEBCONF_NONINTERACTIVE_SEEN", "true")
            .env("DEBCONF_NOWARNINGS", "yes")
            .source_date_epoch(epoch);
        let mut triggers = Triggers::default();
        if present.is_empty() {
            create(root)?;
        }
        for package in &open_all(cx, present)? {
            triggers.add(package);
        }
        let configured = present.iter().map(|deb| deb.name.clone()).collect();
        Ok(Self {
            cx,
            root,
            sandbox,
            triggers,
            configured,
        })
    }

    /// Installs `debs` and configures everything.
    pub(crate) fn install(&mut self, debs: &[&Deb]) -> Result<()> {
        let mut waiting: Vec<&Deb> = debs.to_vec();
        if self.configured.is_empty() {
            // The Essential packages have nobody to wait for but each other.
            let essential = essential(debs);
            let first: Vec<&Deb> = waiting
                .iter()
                .filter(|deb| essential.contains(&deb.name))
                .copied()
                .collect();
            waiting.retain(|deb| !essential.contains(&deb.name));
            self.batch(&first, true)?;
        } else {
            self.write_settings()?;
        }
        while !waiting.is_empty() {
            let ready = |deb: &&Deb| {
                deb.pre_depends
                    .iter()
                    .all(|name| self.configured.contains(name))
            };
            let (mut next, later): (Vec<&Deb>, Vec<&Deb>) =
                waiting.iter().partition(|deb| ready(deb));
            if next.is_empty() {
                // A circle of Pre-Depends cannot be honoured; dpkg says what it thinks of it.
                next = later.clone();
                waiting.clear();
            } else {
                waiting = later;
            }
            self.batch(&next, false)?;
            if !waiting.is_empty() {
                self.configure_for(&waiting, debs)?;
            }
        }
        self.dpkg(&["--configure", "--pending"])?;
        self.dpkg(&["--triggers-only", "--pending"])?;
        self.configured
            .extend(debs.iter().map(|deb| deb.name.clone()));
        for (path, _) in [POLICY, SETTINGS] {
            let path = self.root.join(path);
            fs::remove_file(&path).map_err(io(&path))?;
        }
        Ok(())
    }

    /// Unpacks a batch of packages; the first one, the Essential ones, before any script can run.
    fn batch(&mut self, debs: &[&Deb], first: bool) -> Result<()> {
        let packages = open_all(self.cx, debs)?;
        for package in &packages {
            add_control(self.root, package)?;
            self.triggers.add(package);
        }
        self.triggers.write(self.root)?;
        if !first {
            self.preinsts(&packages)?;
        }
        let diversions = diversions(self.root)?;
        let unpacked = unpack_all(self.cx, &packages, self.root, &diversions, true)?;
        let mut fixups = Vec::new();
        for (package, unpacked) in packages.iter().zip(&unpacked) {
            add_list(self.root, package, &unpacked.list)?;
            add_status(self.root, package)?;
            fixups.extend(unpacked.fixups.iter().cloned());
        }
        if first {
            self.write_settings()?;
        }
        self.fix(&fixups)?;
        if first {
            self.preinsts(&packages)?;
            self.dpkg(&["--configure", "--pending", "--force-depends"])?;
            self.configured
                .extend(debs.iter().map(|deb| deb.name.clone()));
        } else {
            let paths = unpacked
                .iter()
                .flat_map(|unpacked| unpacked.list.iter().map(Vec::as_slice));
            self.triggers.fire(self.root, paths)?;
        }
        Ok(())
    }

    fn write_settings(&self) -> Result<()> {
        for (path, text) in [POLICY, SETTINGS] {
            let path = self.root.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(io(parent))?;
            }
            fs::write(&path, text).map_err(io(&path))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(io(&path))?;
        }
        Ok(())
    }

    /// Configures what `waiting` pre-depends on, with all that those depend on.
    fn configure_for(&mut self, waiting: &[&Deb], all: &[&Deb]) -> Result<()> {
        let mut names = BTreeSet::new();
        let mut queue: Vec<&String> = waiting.iter().flat_map(|deb| &deb.pre_depends).collect();
        while let Some(name) = queue.pop() {
            let unpacked = !waiting.iter().any(|deb| deb.name == *name);
            if unpacked && !self.configured.contains(name) && names.insert(name.clone()) {
                let deb = all.iter().filter(|deb| deb.name == *name);
                queue.extend(deb.flat_map(|deb| deb.depends.iter().chain(&deb.pre_depends)));
            }
        }
        let mut args = vec!["--configure"];
        args.extend(names.iter().map(String::as_str));
        self.dpkg(&args)?;
        self.configured.extend(names);
        Ok(())
    }

    fn preinsts(&self, packages: &[Package]) -> Result<()> {
        let mut order: Vec<&Package> = packages
            .iter()
            .filter(|package| package.members.contains_key("preinst"))
            .collect();
        // base-passwd's makes the users that the others speak of.
        order.sort_by_key(|package| (package.name != "base-passwd", package.name.clone()));
        for package in order {
            let version = package.field("Version").unwrap_or_default();
            let script = format!("/var/lib/dpkg/info/{}.preinst", package.database_name());
            self.sandbox
                .clone()
                .env("DPKG_MAINTSCRIPT_PACKAGE", &package.name)
                .env("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1")
                .env(
                    "DPKG_MAINTSCRIPT_ARCH",
                    package.field("Architecture").unwrap_or_default(),
                )
                .env("DPKG_MAINTSCRIPT_NAME", "preinst")
                .env("DPKG_MAINTSCRIPT_DEBUG", "0")
                .env("DPKG_ADMINDIR", "/var/lib/dpkg")
                .env("DPKG_ROOT", "")
                .env("DPKG_RUNNING_VERSION", "1.23.0")
                .run(script, ["install"], b"")
                .map_err(|source| Error::Program {
                    step: format!("preinst of {} {version}", package.name),
                    source,
                })?;
        }
        Ok(())
    }

    /// Sets owners and special modes. A change of owner takes setuid away, so the mode comes last.
    fn fix(&self, fixups: &[Fixup]) -> Result<()> {
        if fixups.is_empty() {
            return Ok(());
        }
        let mut script = b"set -e\n".to_vec();
        for fixup in fixups {
            let mut quoted = b"'/".to_vec();
            for byte in &fixup.path {
                match byte {
                    b'\'' => quoted.extend_from_slice(b"'\\''"),
                    byte => quoted.push(*byte),
                }
            }
            quoted.push(b'\'');
            script.extend_from_slice(format!("chown -h {}:{} ", fixup.uid, fixup.gid).as_bytes());
            script.extend_from_slice(&quoted);
            script.push(b'\n');
            if !fixup.link {
                script.extend_from_slice(format!("chmod {:04o} ", fixup.mode).as_bytes());
                script.extend_from_slice(&quoted);
                script.push(b'\n');
            }
        }
        self.sandbox
            .run("/bin/sh", ["-s"], &script)
            .map_err(|source| Error::Program {
                step: "setting owners".to_owned(),
                source,
            })?;
        Ok(())
    }

    fn dpkg(&self, args: &[&str]) -> Result<()> {
        self.sandbox
            .run("/usr/bin/dpkg", args, b"")
            .map_err(|source| Error::Program {
                step: format!("dpkg {}", args.join(" ")),
                source,
            })?;
        Ok(())
    }
}

/// Names of the Essential packages and all that they need.
fn essential(debs: &[&Deb]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut queue: Vec<&Deb> = debs.iter().filter(|deb| deb.essential).copied().collect();
    while let Some(deb) = queue.pop() {
        if names.insert(deb.name.clone()) {
            let needs = deb.depends.iter().chain(&deb.pre_depends);
            queue.extend(needs.filter_map(|name| debs.iter().find(|deb| deb.name == *name)));
        }
    }
    names
}
