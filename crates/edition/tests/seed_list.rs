//! The seed's list resolves as one environment. Needs the network and uv: `STRATA_UV` names the program,
//! and the machine's settings (`UV_DEFAULT_INDEX` and its kin) the index. Skipped without.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use strata_edition::Edition;

#[test]
fn the_seed_list_resolves() {
    let Some(uv) = std::env::var_os("STRATA_UV") else {
        println!("skipped: STRATA_UV does not name uv");
        return;
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../editions/seed-list.toml");
    let edition = Edition::read(&path).unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, lines: Vec<&str>| {
        let path = folder.path().join(name);
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        path
    };
    let lines = edition.requirements().map(|(_, line)| line.text.as_str());
    let requirements = write("in.txt", lines.collect());
    let limits = edition.constraints().map(|(_, line)| line.text.as_str());
    let limits = write("limits.txt", limits.collect());
    let output = folder.path().join("pylock.toml");
    let done = Command::new(uv)
        .args(["pip", "compile", "--quiet", "--only-binary", ":all:"])
        .args(["--python-version", &edition.python.version.to_string()])
        .args([
            "--python-platform",
            "x86_64-manylinux_2_28",
            "--format",
            "pylock.toml",
        ])
        .arg(requirements)
        .arg("--constraints")
        .arg(limits)
        .arg("--output-file")
        .arg(&output)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let pylock: toml::Table = fs::read_to_string(output).unwrap().parse().unwrap();
    let found: BTreeSet<&str> = pylock["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| package.get("wheels").is_some())
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    for (layer, line) in edition.requirements() {
        assert!(
            found.contains(line.name.as_str()),
            "{}: {layer}: {} is not there",
            line.place,
            line.name
        );
    }
    println!("{} packages", found.len());
    assert!(found.len() >= 255, "{}", found.len());
}
