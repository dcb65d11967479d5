//! Closures against apt's own: `apt-get install --no-install-recommends -s` in a root of its own
//! that has no packages. Needs apt-get, Debian's keyring and a mirror; says so where it is skipped.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{
    collections::BTreeMap,
    fs,
    io::BufReader,
    path::{Path, PathBuf},
    process::Command,
};

use strata_debian_archive::{Packages, Request, resolve};

/// What is asked for, one set in a line. The first is the starter edition's base.
const SETS: &str = include_str!("sets.txt");

/// apt with a configuration, lists and a status of its own.
struct Apt {
    folder: tempfile::TempDir,
}

impl Apt {
    /// With the lists of forky's main. None where that cannot be had, with the reason.
    fn new() -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in [
            "etc/apt/apt.conf.d",
            "etc/apt/preferences.d",
            "var/lib/apt/lists/partial",
            "var/lib/dpkg",
            "var/cache/apt/archives/partial",
        ] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
        let dump = run(Command::new("apt-config").arg("dump"))?;
        let transport = ["Acquire::http", "Acquire::ftp", "Acquire::Retries"];
        let kept = dump
            .lines()
            .filter(|line| transport.iter().any(|start| line.starts_with(start)));
        let mut settings: Vec<String> = kept.map(str::to_owned).collect();
        settings.extend([
            format!("Dir \"{}\";", root.display()),
            format!(
                "Dir::State::status \"{}/var/lib/dpkg/status\";",
                root.display()
            ),
            "APT::Architecture \"amd64\";".to_owned(),
            "APT::Architectures { \"amd64\"; };".to_owned(),
            "APT::Sandbox::User \"root\";".to_owned(),
            "Acquire::Languages \"none\";".to_owned(),
            // Else apt counts itself among the essential packages.
            "pkgCacheGen::ForceEssential \",\";".to_owned(),
            // A mirror may be a dated snapshot.
            "Acquire::Check-Valid-Until \"false\";".to_owned(),
        ]);
        fs::write(root.join("apt.conf"), settings.join("\n")).unwrap();
        let targets = run(Command::new("apt-get").args([
            "indextargets",
            "--format",
            "$(REPO_URI)",
            "Created-By: Packages",
        ]))?;
        let mut mirrors: Vec<&str> = targets
            .lines()
            .map(|line| line.trim_end_matches('/'))
            .collect();
        mirrors.sort_by_key(|uri| (!uri.ends_with("/debian"), *uri));
        mirrors.dedup();
        let apt = Self { folder };
        let mut told = "no mirror among apt's sources".to_owned();
        for uri in mirrors {
            let source = format!("deb [arch=amd64] {uri} forky main\n");
            fs::write(apt.folder.path().join("etc/apt/sources.list"), source).unwrap();
            fs::create_dir_all(apt.folder.path().join("etc/apt/trusted.gpg.d")).unwrap();
            let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
            let _ = fs::copy(
                keys,
                apt.folder.path().join("etc/apt/trusted.gpg.d/debian.gpg"),
            );
            match apt.get(&["-qq", "--error-on=any", "update"]) {
                Ok(_) => return Ok(apt),
                Err(error) => told = error,
            }
        }
        Err(told)
    }

    fn get(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("LC_ALL", "C");
        run(command.env("APT_CONFIG", self.folder.path().join("apt.conf")))
    }

    /// What apt would install: version by name.
    fn plan(&self, wanted: &[&str]) -> Result<BTreeMap<String, String>, String> {
        let first = [
            "--simulate",
            "--no-install-recommends",
            "install",
            "?essential",
        ];
        let plan = self.get(&[&first[..], wanted].concat())?;
        let chosen = plan.lines().filter_map(|line| {
            let mut words = line.strip_prefix("Inst ")?.split(' ');
            let name = words.next()?.to_owned();
            Some((name, words.next()?.trim_start_matches('(').to_owned()))
        });
        Ok(chosen.collect())
    }

    fn packages_file(&self) -> PathBuf {
        let lists = fs::read_dir(self.folder.path().join("var/lib/apt/lists")).unwrap();
        let mut paths = lists.map(|entry| entry.unwrap().path());
        let is_packages = |path: &Path| path.to_string_lossy().ends_with("_Packages");
        paths.find(|path| is_packages(path)).unwrap()
    }
}

fn run(command: &mut Command) -> Result<String, String> {
    let done = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() {
        Ok(text(&done.stdout))
    } else {
        Err(format!(
            "{command:?}: {}{}",
            text(&done.stdout),
            text(&done.stderr)
        ))
    }
}

#[test]
#[ignore = "needs the network and apt-get"]
fn closures_equal_apts() {
    let apt = match Apt::new() {
        Ok(apt) => apt,
        Err(reason) => {
            println!("skipped: {reason}");
            return;
        }
    };
    let mut packages = Packages::new("amd64");
    let file = fs::File::open(apt.packages_file()).unwrap();
    packages
        .read("Packages", BufReader::with_capacity(1 << 20, file))
        .unwrap();

    let mut wrong = Vec::new();
    let mut compared = 0;
    for set in SETS.lines().filter(|line| !line.starts_with('#')) {
        let wanted: Vec<&str> = set.split_whitespace().collect();
        let theirs = apt.plan(&wanted);
        let ours = resolve(&packages, &Request::new(&wanted).unwrap());
        let ours = ours.map(|resolution| {
            let all = resolution.packages.into_iter();
            all.map(|(name, chosen)| (name, chosen.version))
                .collect::<BTreeMap<_, _>>()
        });
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) if ours == theirs => println!("{:4} {set}", ours.len()),
            (Ok(ours), Ok(theirs)) => {
                let but = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| {
                    let more = a
                        .iter()
                        .filter(|(name, version)| b.get(*name) != Some(version));
                    more.map(|(name, version)| format!("{name}={version}"))
                        .collect::<Vec<_>>()
                };
                let (more, less) = (but(&ours, &theirs), but(&theirs, &ours));
                wrong.push(format!(
                    "{set}:\n  only ours: {more:?}\n  only apt's: {less:?}"
                ));
            }
            (Err(ours), Err(_)) => println!("none {set}: {ours}"),
            (Err(ours), Ok(_)) => wrong.push(format!("{set}: {ours}")),
            (Ok(_), Err(theirs)) => wrong.push(format!("{set}: apt: {theirs}")),
        }
        compared += 1;
    }
    assert!(compared > 20);
    assert!(
        wrong.is_empty(),
        "{} of {compared} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
