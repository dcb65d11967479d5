//! What the host lets us do: namespaces as real root, or by way of a user namespace, which is made
//! once and joined by every sandbox. Where neither works, which setting is in the way.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{getegid, geteuid};

use crate::enter::{self, Waiting};
use crate::error::{Error, Result};
use crate::ids;

/// How sandboxes are made on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// We are root and may make namespaces. User ids inside are those outside.
    Root,
    /// In a user namespace: 0 inside is the calling user, 1 to 65535 are its subordinate ids. Root
    /// without `CAP_SYS_ADMIN`, as in a container, gets the ids that it has.
    UserNamespace,
}

/// The mode, and the namespace that goes with it.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    user: Option<Arc<OwnedFd>>,
}

impl Host {
    /// The user namespace to join, if one is needed.
    pub(crate) fn user_namespace(&self) -> Option<Arc<OwnedFd>> {
        self.user.clone()
    }
}

/// Finds out, by trying, how sandboxes can be made here. Tried once in a process, until it works.
///
/// # Errors
/// [`Error::Unavailable`] names the setting that is in the way; [`Error::SubordinateIds`] and
/// [`Error::Mapping`] what the user lacks.
pub fn mode() -> Result<Mode> {
    Ok(match host()?.user {
        None => Mode::Root,
        Some(_) => Mode::UserNamespace,
    })
}

/// As [`mode`], with the namespace.
pub(crate) fn host() -> Result<Host> {
    static HOST: Mutex<Option<Host>> = Mutex::new(None);
    let mut known = HOST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(host) = &*known {
        return Ok(host.clone());
    }
    let found = probe()?;
    Ok(known.insert(found).clone())
}

fn probe() -> Result<Host> {
    if geteuid().is_root() && Waiting::new(enter::leave_host).is_ok() {
        return Ok(Host { user: None });
    }
    let unavailable = |source: std::io::Error| Error::Unavailable {
        who: if geteuid().is_root() {
            "root".to_owned()
        } else {
            format!("user {}", geteuid().as_raw())
        },
        hint: hint(|path| fs_err::read_to_string(path).ok()),
        source,
    };
    let made = Waiting::new(enter::new_user_namespace).map_err(unavailable)?;
    ids::map(
        made.pid.as_raw_nonzero().get(),
        geteuid().as_raw(),
        getegid().as_raw(),
    )?;
    let namespace = fs_err::File::open(format!("/proc/{}/ns/user", made.pid.as_raw_nonzero()))
        .map_err(|source| Error::System {
            doing: "open the user namespace",
            source,
        })?;
    let user = Arc::new(OwnedFd::from(namespace.into_parts().0));

    // Some hosts allow a user namespace and then nothing in it.
    let join = crate::action::Action::JoinUser(Arc::clone(&user));
    Waiting::new(move || join.perform(&mut []).and_then(|()| enter::leave_host()))
        .map_err(unavailable)?;
    Ok(Host { user: Some(user) })
}

/// Which setting is in the way. `read` gives the content of a file, if it can be read.
fn hint(read: impl Fn(&str) -> Option<String>) -> String {
    let is = |path: &str, value: &str| read(path).is_some_and(|text| text.trim() == value);
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return "user namespaces are switched off; run: sysctl -w kernel.unprivileged_userns_clone=1"
            .to_owned();
    }
    if is("/proc/sys/user/max_user_namespaces", "0") {
        return "user namespaces are switched off; run: sysctl -w user.max_user_namespaces=15000"
            .to_owned();
    }
    if is(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
    ) {
        return "AppArmor restricts user namespaces; run: \
                sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run as root"
            .to_owned();
    }
    let filtered = read("/proc/self/status").is_some_and(|text| {
        text.lines()
            .any(|line| line.split_whitespace().eq(["Seccomp:", "2"]))
    });
    if filtered {
        return "a seccomp filter, such as a container's, is in the way; start the container with \
                --privileged, or with --security-opt seccomp=unconfined \
                --security-opt systempaths=unconfined"
            .to_owned();
    }
    "no setting known to be in the way was found (kernel.unprivileged_userns_clone, \
     user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns, seccomp); \
     a chroot forbids user namespaces too"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(files: &[(&str, &str)]) -> String {
        hint(|path| {
            files
                .iter()
                .find(|(name, _)| *name == path)
                .map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn names_the_setting_in_the_way() {
        let clone = ("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
        let most = ("/proc/sys/user/max_user_namespaces", "0\n");
        let armor = (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1\n",
        );
        let seccomp = (
            "/proc/self/status",
            "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n",
        );
        assert!(told(&[clone, most]).contains("kernel.unprivileged_userns_clone=1"));
        assert!(told(&[most, armor]).contains("user.max_user_namespaces="));
        assert!(told(&[armor, seccomp]).contains("apparmor_restrict_unprivileged_userns=0"));
        assert!(told(&[seccomp]).contains("--privileged"));
    }

    #[test]
    fn blames_no_setting_that_is_fine() {
        let fine = [
            ("/proc/sys/kernel/unprivileged_userns_clone", "1\n"),
            ("/proc/sys/user/max_user_namespaces", "96365\n"),
            (
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                "0\n",
            ),
            ("/proc/self/status", "Seccomp:\t0\n"),
        ];
        assert!(told(&fine).starts_with("no setting"));
        assert!(told(&[]).starts_with("no setting"));
    }
}
