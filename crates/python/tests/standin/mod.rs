//! Archives in the layout of python-build-standalone's `install_only`, since the real ones lie on a host
//! that tests do not ask: one of a few made-up files, and one of a Python of this machine.
#![allow(dead_code)] // each test uses its part of it

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Packs the folder `python` of `folder`.
pub fn pack(folder: &Path, name: &str, options: &str) -> PathBuf {
    let archive = folder.join(name);
    let mut tar = Command::new("tar");
    tar.arg(options).arg(&archive).arg("-C").arg(folder);
    assert!(tar.arg("python").status().unwrap().success());
    archive
}

/// An archive that only looks like one. Its program answers nothing.
pub fn layout(folder: &Path, version: &str, free_threaded: bool) -> PathBuf {
    let root = folder.join("python");
    let short = &version[..version.rfind('.').unwrap()];
    let flavour = if free_threaded { "t" } else { "" };
    let name = format!("python{short}{flavour}");
    let lib = root.join("lib").join(&name);
    let disabled = if free_threaded {
        "#define Py_GIL_DISABLED 1"
    } else {
        "/* #undef Py_GIL_DISABLED */"
    };
    let headers = root.join("include").join(&name);
    write(
        &headers.join("patchlevel.h"),
        &format!("#define PY_MAJOR_VERSION 3\n#define PY_VERSION              \"{version}\"\n"),
    );
    write(&headers.join("pyconfig.h"), &format!("{disabled}\n"));
    write(&lib.join("os.py"), "name = 'posix'\n");
    write(&lib.join("__pycache__/os.cpython-314.pyc"), "stale");
    write(&lib.join("EXTERNALLY-MANAGED"), "[externally-managed]\n");
    write(&lib.join("site-packages/README.txt"), "packages\n");
    write(&lib.join("site-packages/pip/__init__.py"), "");
    write(&lib.join("site-packages/pip-26.1.dist-info/RECORD"), "");
    write(
        &lib.join(format!(
            "_sysconfigdata_{flavour}_linux_x86_64-linux-gnu.py"
        )),
        &format!(
            "# system configuration\nbuild_time_vars = {{\n    \"CC\": \"clang -pthread\",\n    \
             \"INCLUDEPY\": \"/install/include/{name}\",\n    \"prefix\": \"/install\"\n}}"
        ),
    );
    write(
        &root.join(format!("lib/pkgconfig/python-{short}{flavour}.pc")),
        "prefix=/install\n",
    );
    let bin = root.join("bin");
    for file in [name.as_str(), "pip", "pip3", "pip3.14", "pipes"] {
        write(&bin.join(file), "#!/bin/sh\n");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(bin.join(file), executable).unwrap();
    }
    if free_threaded {
        fs::hard_link(bin.join(&name), bin.join(format!("python{short}"))).unwrap();
    }
    symlink(&name, bin.join("python3")).unwrap();
    symlink("python3", bin.join("python")).unwrap();
    pack(folder, &format!("cpython-{version}{flavour}.tar.gz"), "czf")
}

/// A Python of this machine that was built from source, packed, with its version; `None` without one.
/// What it was told of its libraries' folder is changed to be found from its own.
pub fn real(folder: &Path) -> Option<(PathBuf, String)> {
    let mut programs = vec![PathBuf::from("python3")];
    if let Some(home) = std::env::var_os("HOME") {
        let versions = fs::read_dir(Path::new(&home).join(".pyenv/versions"));
        let versions = versions.into_iter().flatten().filter_map(Result::ok);
        programs.extend(versions.map(|one| one.path().join("bin/python3")));
        programs[1..].sort();
        programs.reverse();
    }
    let ask = "import sys, platform; v = sys.version_info; print(sys.base_prefix); \
               print(platform.python_version()); \
               sys.exit(v < (3, 11) or v.releaselevel != 'final' or sys.base_prefix == '/usr')";
    let (prefix, version) = programs.iter().find_map(|program| {
        let output = Command::new(program).args(["-I", "-c", ask]).output();
        let output = output.ok().filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        let (prefix, version) = text.trim().split_once('\n')?;
        Some((prefix.to_owned(), version.to_owned()))
    })?;
    let short = &version[..version.rfind('.')?];
    let name = format!("python{short}");
    let root = folder.join("python");
    fs::create_dir(&root).unwrap();
    // Without what is large and not needed.
    let copy = format!(
        "cd {prefix} && tar -c --exclude=test --exclude='*.a' --exclude='lib/{name}/site-packages/*' \
         bin/python* bin/pip* include/{name} lib/{name} $(ls -d lib/libpython*.so* lib/pkgconfig) \
         | tar -C {} -x",
        root.display()
    );
    let copied = Command::new("sh").args(["-c", &copy]).status().unwrap();
    assert!(copied.success());
    let program = root.join("bin").join(&name);
    let mut bytes = fs::read(&program).unwrap();
    let built = format!("{prefix}/lib\0").into_bytes();
    if let Some(at) = bytes.windows(built.len()).position(|one| one == built) {
        let found = b"$ORIGIN/../lib";
        assert!(found.len() < built.len());
        bytes[at..at + built.len()].fill(0);
        bytes[at..at + found.len()].copy_from_slice(found);
        fs::write(&program, bytes).unwrap();
    }
    let archive = pack(folder, &format!("cpython-{version}.tar"), "cf");
    Some((archive, version))
}
