//! The start-up check of the kernels as it is in the image, under the host's Python and on made-up packages:
//! one that imports, ones that fail in every way there is, one that is not there. Skipped, and said so, where
//! there is no Python 3.11 or newer.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // helpers, and why a test is skipped

use std::{fs, path::Path, process::Command};

const PROGRAM: &str = include_str!("../src/attention.py");

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A package as pip leaves it.
fn package(site: &Path, name: &str, version: &str, files: &[(&str, &str)]) {
    let info = format!("{}-{version}.dist-info", name.replace('-', "_"));
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    write(&site.join(&info).join("METADATA"), &metadata);
    let mut record = format!("{info}/METADATA,,\n{info}/RECORD,,\n");
    for (path, text) in files {
        write(&site.join(path), text);
        record += &format!("{path},,\n");
    }
    write(&site.join(&info).join("RECORD"), &record);
}

fn python() -> Command {
    let mut command = Command::new("python3");
    // Without what the machine itself has installed.
    command.args(["-s", "-S", "-P", "-B"]);
    command
}

fn can() -> bool {
    let there = python()
        .args(["-c", "import sys; sys.exit(sys.version_info < (3, 11))"])
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        println!("skipped: no Python 3.11 or newer on this machine");
    }
    there
}

/// Runs the check in the folder and gives the lines it logs, without their start.
fn check(folder: &Path, listed: &str, arguments: &[&str]) -> Vec<String> {
    write(&folder.join("runner/attention.py"), PROGRAM);
    write(&folder.join("runner/kernels.txt"), listed);
    let before = files(folder);
    let output = python()
        .arg(folder.join("runner/attention.py"))
        .args(arguments)
        .env("PYTHONPATH", folder.join("site"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(files(folder), before, "it writes");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text
        .lines()
        .map(|line| line.strip_prefix("strata: ").unwrap().to_owned());
    lines.collect()
}

/// Every path below the folder.
fn files(folder: &Path) -> Vec<String> {
    let output = Command::new("find").arg(folder).output().unwrap();
    let mut paths: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths
}

/// Flag and verdict of the line that begins so.
fn of(lines: &[String], start: &str) -> (String, String) {
    let start = format!("  {start} ");
    let line = lines.iter().find_map(|line| line.strip_prefix(&start));
    let line = line.unwrap_or_else(|| panic!("no {start:?} in {lines:#?}"));
    let (flag, verdict) = line.trim().split_once("  ").unwrap();
    (flag.to_owned(), verdict.trim().to_owned())
}

fn torch(site: &Path) {
    let functional = "def scaled_dot_product_attention(): pass\n";
    let files = [
        ("torch/__init__.py", ""),
        ("torch/nn/__init__.py", ""),
        ("torch/nn/functional.py", functional),
    ];
    package(site, "torch", "2.14.1", &files);
}

#[test]
fn what_imports_is_told_with_version_and_flag() {
    if !can() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    torch(&site);
    let sage = (
        "sageattention/__init__.py",
        "import torch\ndef sageattn(): pass\n",
    );
    package(&site, "sageattention", "1.0.6", &[sage]);
    // One that the list has, and that is found by its files; its noise does not reach the log.
    let noisy = (
        "nunchaku_kernels/__init__.py",
        "print('hello'); import sys; print('!', file=sys.stderr)\n",
    );
    package(
        &site,
        "my-kernels",
        "3",
        &[noisy, ("nunchaku_kernels/ops/__init__.py", "1 / 0")],
    );
    // One that is known, in a folder that it shares with others.
    package(
        &site,
        "flash-attn-4",
        "4.0",
        &[("flash_attn/cute/__init__.py", "")],
    );
    let lines = check(
        folder.path(),
        "# what\nmy-kernels\nsageattention\n",
        &["--use-sage-attention"],
    );
    let said = |start: &str| of(&lines, start);
    assert!(
        lines[0].starts_with("attention and other kernels; "),
        "{}",
        lines[0]
    );
    let expected = |flag: &str, verdict: &str| (flag.to_owned(), verdict.to_owned());
    assert_eq!(
        said("pytorch 2.14.1"),
        expected(
            "--use-pytorch-cross-attention",
            "imports (default with a GPU)"
        )
    );
    assert_eq!(
        said("sage 1.0.6"),
        expected("--use-sage-attention", "imports (given)")
    );
    assert_eq!(
        said("xformers").1,
        "not installed (taken without a flag; this one declines it)"
    );
    assert_eq!(
        said("my-kernels 3"),
        expected("no flag: for nodes", "imports")
    );
    assert_eq!(said("flash-attn-4 4.0").1, "imports");
    // FlashAttention 4 has nothing of what ComfyUI takes.
    assert_eq!(
        said("flash"),
        expected(
            "--use-flash-attention",
            "does not import: ImportError: cannot import name 'flash_attn_func' from 'flash_attn'"
        )
    );
    assert_eq!(
        said("split"),
        expected("--use-split-cross-attention", "part of ComfyUI")
    );
    assert!(
        !lines.iter().any(|line| line.contains("spas-sage-attn")),
        "{lines:#?}"
    );
}

#[test]
fn whatever_fails_is_a_line_and_no_failure() {
    if !can() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    torch(&site);
    let broken = "raise ImportError('libcudart.so.12: cannot open shared object file\\nmore')\n";
    package(
        &site,
        "flash-attn",
        "2.8.3",
        &[("flash_attn/__init__.py", broken)],
    );
    package(
        &site,
        "sageattention",
        "2.2",
        &[("sageattention/__init__.py", "import einops\n")],
    );
    let crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n";
    package(
        &site,
        "xformers",
        "0.1",
        &[("xformers/__init__.py", ""), ("xformers/ops.py", crash)],
    );
    package(
        &site,
        "nunchaku",
        "1.0",
        &[("nunchaku/__init__.py", "import sys; sys.exit()\n")],
    );
    package(&site, "headers", "1", &[("headers/kernel.h", "")]);
    let lines = check(folder.path(), "headers\nnunchaku\nmissing\n", &["--cpu"]);
    let verdict = |start: &str| of(&lines, start).1;
    assert!(
        lines[0].ends_with("ComfyUI runs on the CPU (--cpu)"),
        "{}",
        lines[0]
    );
    assert_eq!(
        verdict("flash 2.8.3"),
        "does not import: ImportError: libcudart.so.12: cannot open shared object file"
    );
    assert_eq!(
        verdict("sage 2.2"),
        "does not import: ModuleNotFoundError: No module named 'einops'"
    );
    let crashed = verdict("xformers 0.1");
    assert!(
        crashed.starts_with("does not import: it ends with SIGSEGV ("),
        "{crashed}"
    );
    assert_eq!(verdict("nunchaku 1.0"), "does not import: SystemExit");
    assert_eq!(verdict("headers 1"), "brings no module");
    assert_eq!(verdict("missing"), "not installed");

    fs::remove_dir_all(&site).unwrap();
    let lines = check(folder.path(), "", &[]);
    let torch = of(&lines, "pytorch").1;
    assert!(
        torch.starts_with("does not import: ModuleNotFoundError: No module named 'torch'"),
        "{torch}"
    );
}
