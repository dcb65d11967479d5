//! Running the real program, and what it said.

use std::{
    path::Path,
    process::{Command, Output},
};

use super::mirror::Mirror;

/// `xtask` with a store. Nothing of this process's environment is passed on but the search path.
pub fn xtask(home: &Path, store: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.env_clear().env("HOME", home);
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command.env("STRATA_STORE", store);
    command
}

/// `xtask image` of a lock with a store. The layout goes beside the lock.
pub fn image(lock: &Path, store: &Path) -> Command {
    let folder = lock.parent().unwrap();
    let mut command = xtask(folder, store);
    command.arg("image").arg(lock);
    command.arg("--out").arg(folder.join("dist"));
    command.arg("--store").arg(store);
    command
}

/// The same from a mirror.
pub fn image_from(lock: &Path, store: &Path, mirror: &Mirror) -> Command {
    let mut command = image(lock, store);
    from(&mut command, mirror);
    command
}

/// Sets a program to a mirror. This machine's own settings may name more places: a request to those goes
/// to the same server, as to a proxy, and that has nothing for it.
pub fn from(command: &mut Command, mirror: &Mirror) {
    command
        .env("STRATA_DEBIAN_MIRROR", mirror.url("/debian/"))
        .env("STRATA_PYTHON_INDEX", mirror.url("/simple/"))
        .env("NO_PROXY", "127.0.0.1")
        .env("HTTP_PROXY", mirror.url(""))
        .env("HTTPS_PROXY", mirror.url(""));
}

/// The digest that a build printed; its messages if it failed.
pub fn digest(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{errors}", output.status);
    let last = text.lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("sha256:"), "{text}{errors}");
    last
}

/// What a build that failed said: one error, and no digest.
pub fn failure(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(output.stdout.is_empty());
    assert_eq!(errors.matches("error:").count(), 1, "{errors}");
    errors
}
