//! What the dependency tree may hold: licences, and where crates come from. The lists stand in
//! deny.toml, which cargo-deny reads too.

use std::process::Command;

use serde_json::{Value, json};
use spdx::{Expression, Licensee, ParseMode};

use crate::{Problem, assert_none, repository};

const LOCK: &str = "Cargo.lock";

/// What `cargo metadata` says of the workspace, without a network.
pub fn metadata(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(arguments)
        .current_dir(repository::root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// deny.toml, as far as it is read here.
struct Policy {
    target: String,
    licences: Vec<Licensee>,
}

impl Policy {
    fn read(text: &str) -> Self {
        let deny: toml::Table = text.parse().unwrap();
        assert_eq!(deny["sources"]["unknown-registry"].as_str(), Some("deny"));
        assert_eq!(deny["sources"]["unknown-git"].as_str(), Some("deny"));
        assert_eq!(deny["bans"]["wildcards"].as_str(), Some("deny"));
        let allow = deny["licenses"]["allow"].as_array().unwrap().iter();
        let licence = |value: &toml::Value| Licensee::parse(value.as_str().unwrap()).unwrap();
        Self {
            target: deny["graph"]["targets"][0].as_str().unwrap().to_owned(),
            licences: allow.map(licence).collect(),
        }
    }

    fn check(&self, package: &Value) -> Result<(), String> {
        let text = package["license"].as_str().ok_or("states no licence")?;
        // Lax: older crates write "MIT/Apache-2.0".
        let expression = Expression::parse_mode(text, ParseMode::LAX).map_err(|error| {
            format!(
                "its licence {text:?} is no SPDX expression: {}",
                error.reason
            )
        })?;
        let allowed = |needed: &_| {
            self.licences
                .iter()
                .any(|licence| licence.satisfies(needed))
        };
        if !expression.evaluate(|needed| allowed(needed)) {
            return Err(format!(
                "its licence {text:?} asks for more than deny.toml allows"
            ));
        }
        // Ours have no source; all others come from the default registry.
        let source = package["source"].as_str().unwrap_or_default();
        let default = source.is_empty() || package["source"] == *default_registry();
        if !default {
            return Err(format!(
                "comes from {source}, and not from the default registry"
            ));
        }
        let mut wild = package["dependencies"].as_array().into_iter().flatten();
        match wild.find(|one| source.is_empty() && one["req"] == "*") {
            Some(one) => Err(format!("names {} with any version", one["name"])),
            None => Ok(()),
        }
    }
}

/// The name that the default registry has in a lock. It is never written here: serde's is taken.
fn default_registry() -> &'static Value {
    static NAME: std::sync::OnceLock<Value> = std::sync::OnceLock::new();
    NAME.get_or_init(|| {
        let text = std::fs::read_to_string(repository::root().join(LOCK)).unwrap();
        let lock: toml::Table = text.parse().unwrap();
        let mut packages = lock["package"].as_array().unwrap().iter();
        let serde = packages.find(|package| package["name"].as_str() == Some("serde"));
        let source = serde.unwrap()["source"].as_str().unwrap();
        assert!(source.starts_with("registry+"), "{source}");
        source.into()
    })
}

fn policy() -> Policy {
    let path = repository::root().join("deny.toml");
    Policy::read(&std::fs::read_to_string(path).unwrap())
}

#[test]
fn dependencies_are_allowed() {
    let lock = std::fs::read_to_string(repository::root().join(LOCK)).unwrap();
    let policy = policy();
    let tree = metadata(&["--filter-platform", &policy.target]);
    let packages = tree["packages"].as_array().unwrap();
    assert!(
        packages.len() > 100,
        "only {} packages were found",
        packages.len()
    );
    let problem = |package: &Value| {
        let name = package["name"].as_str().unwrap();
        let line = lock
            .lines()
            .position(|line| line == format!("name = {name:?}"));
        let what = policy.check(package).err()?;
        Some(Problem::new(
            LOCK,
            line.unwrap_or(0) + 1,
            format!("{name} {what}"),
        ))
    };
    assert_none(&packages.iter().filter_map(problem).collect::<Vec<_>>());
}

#[test]
fn what_is_not_allowed_is_found() {
    let policy = policy();
    let verdict = |package: Value| policy.check(&package).err().unwrap_or_default();
    let licence = |text: &str| verdict(json!({ "license": text }));
    assert_eq!(licence("MIT"), "");
    assert_eq!(licence("MIT/Apache-2.0"), "");
    assert_eq!(licence("MIT OR GPL-3.0-only"), "");
    assert_eq!(licence("Apache-2.0 WITH LLVM-exception"), "");
    assert!(licence("MIT AND GPL-3.0-only").contains("asks for more"));
    assert!(licence("AGPL-3.0-or-later").contains("asks for more"));
    assert!(licence("MIT AND My-Own").contains("is no SPDX expression"));
    assert!(verdict(json!({ "license": null })).contains("states no licence"));
    let from = |source: &Value| verdict(json!({ "license": "MIT", "source": source }));
    assert_eq!(from(default_registry()), "");
    assert!(from(&json!("git+https://git.example/a#1")).contains("comes from git+"));
    assert!(from(&json!("registry+https://registry.example/")).contains("comes from registry+"));
    let wild = json!({ "license": "MIT", "dependencies": [{ "name": "a", "req": "*" }] });
    assert!(verdict(wild).contains("with any version"));
}
