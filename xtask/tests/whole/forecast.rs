//! What `lock` says of the parts that change is what `image` then does: which are built, and how much
//! who has the old image pulls. The edition is resolved with the ordinary registries.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Output},
};

use lock::{LayerName, Lock};
use serde_json::Value;
use store::Store;

use crate::{
    skipped,
    small_lock::{small_lock, write_lock},
    stores::{forget_part, reference},
};

/// The version that idna is changed to.
const OTHER: &str = "3.10";
/// How far off the bytes to pull may be where the new part is not in the store and the old one is:
/// one part in so many.
const TOLERANCE: u64 = 10;

#[test]
fn the_forecast_is_what_a_build_does() {
    let Some(reference) = reference() else { return };
    // Kept between runs for what the resolving fetches; the part in question is forgotten.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("forecast");
    fs::create_dir_all(&folder).unwrap();
    let lock_file = write_lock(&folder);
    let store = folder.join("store");
    if !store.exists() {
        reference.copy(&folder);
    }
    forget_part(&store, "deps packages");
    fs::write(folder.join("small.toml"), edition("Small")).unwrap();
    let run = |arguments: &[&str]| run(&folder, arguments);
    let first = run(&["lock", "./small.toml"]);
    if !first.status.success() {
        let errors = String::from_utf8_lossy(&first.stderr).into_owned();
        let unreachable = ["cannot fetch", "Failed to fetch", "error sending request"];
        let is = |words: &&str| errors.contains(words);
        assert!(
            unreachable.iter().any(is) || is(&"has the suite"),
            "{errors}"
        );
        return skipped(&format!("the registries are not reachable: {errors}"));
    }
    let image = || {
        parts(&json(&run(&[
            "image",
            "./small.lock",
            "--out",
            "out",
            "--json",
        ])))
    };
    let lock = |arguments: &[&str]| {
        json(&run(
            &[&["lock", "./small.toml", "--json"], arguments].concat()
        ))
    };
    let old = idna(&lock_file).version;
    assert_ne!(old, OTHER);
    image();

    // Another wheel: one part, built from what is fetched.
    let told = lock(&["--pin", &format!("idna={OTHER}")]);
    let wheel = idna(&lock_file);
    assert_eq!(wheel.version, OTHER);
    let has = Store::open(&store).unwrap();
    let has = has.has_download(&wheel.sha256, wheel.size);
    assert_eq!(told["to_fetch"], if has { 0 } else { wheel.size });
    let (names, to_pull) = forecast(&told, false);
    assert_eq!(names, ["deps packages"]);
    let built = built(&image());
    let [(name, size)] = built.as_slice() else {
        panic!("{built:?}");
    };
    assert_eq!(*name, names[0]);
    assert!(
        to_pull.abs_diff(*size) <= size / TOLERANCE,
        "{to_pull} bytes were forecast, {size} it is"
    );

    // And back: the part stands in the store, so its size is known and nothing is built.
    let told = lock(&["--pin", &format!("idna={old}")]);
    assert_eq!(told["to_fetch"], 0);
    let (names, to_pull) = forecast(&told, true);
    assert_eq!(names, ["deps packages"]);
    let all = image();
    assert!(self::built(&all).is_empty(), "{all:?}");
    let real = all.iter().find(|(name, ..)| *name == names[0]).unwrap();
    assert_eq!(to_pull, real.1);

    // Another title: no part, and still a change.
    let toml = fs::read_to_string(folder.join("small.toml")).unwrap();
    fs::write(
        folder.join("small.toml"),
        toml.replace("\"Small\"", "\"Other\""),
    )
    .unwrap();
    let told = lock(&[]);
    assert_eq!(told["settings"][0]["name"], "image.title");
    assert_eq!(told["settings"].as_array().unwrap().len(), 1, "{told}");
    assert!(forecast(&told, true).0.is_empty(), "{told}");
    assert!(self::built(&image()).is_empty());
}

/// The edition of the small lock.
fn edition(title: &str) -> String {
    let mut text = format!(
        "[debian]\nsuite = \"forky\"\n\n[python]\nversion = \"3.14\"\n\n[image]\ntitle = \"{title}\"\n"
    );
    for layer in LayerName::ALL {
        let of_layer = small_lock().wheels.into_iter();
        let of_layer = of_layer.filter(|wheel| wheel.layer == layer);
        let names: Vec<String> = of_layer.map(|wheel| wheel.name).collect();
        if !names.is_empty() {
            writeln!(text, "\n[layer.{layer}]\npython = {names:?}").unwrap();
        }
        if layer == LayerName::Python {
            text += "debian = [\"python3.14\"]\n";
        }
    }
    text += "\n[[layer.comfy.source]]\nname = \"ComfyUI\"\nversion = \"0\"\nfile = \"main.py\"\n\
             to = \"/opt/comfyui/main.py\"\n";
    text
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).arg("--store").arg("store");
    command.current_dir(folder).output().unwrap()
}

fn json(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn idna(lock: &Path) -> lock::Wheel {
    let mut wheels = Lock::read(lock).unwrap().wheels.into_iter();
    wheels.find(|wheel| wheel.name == "idna").unwrap()
}

/// The names of the parts that are forecast, and the bytes to pull.
fn forecast(told: &Value, in_store: bool) -> (Vec<String>, u64) {
    let parts = told["parts"].as_array().unwrap().iter();
    let name = |part: &Value| {
        assert_eq!(part["in_store"], in_store, "{told}");
        part["name"].as_str().unwrap().to_owned()
    };
    assert_eq!(told["first"], false);
    assert_eq!(told["exact"], in_store, "{told}");
    (parts.map(name).collect(), told["to_pull"].as_u64().unwrap())
}

/// The parts of an image: name, size, whether it was built.
fn parts(image: &Value) -> Vec<(String, u64, bool)> {
    let layers = image["layers"].as_array().unwrap().iter();
    let parts = layers.flat_map(|layer| layer["parts"].as_array().unwrap());
    let part = |part: &Value| {
        let (name, size) = (
            part["name"].as_str().unwrap(),
            part["size"].as_u64().unwrap(),
        );
        (name.to_owned(), size, !part["built"].is_null())
    };
    parts.map(part).collect()
}

/// Those that were built.
fn built(parts: &[(String, u64, bool)]) -> Vec<(String, u64)> {
    let built = parts.iter().filter(|(.., built)| *built);
    built.map(|(name, size, _)| (name.clone(), *size)).collect()
}
