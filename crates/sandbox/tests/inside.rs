//! What a program sees, and what it cannot reach.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod common;

use common::{Root, possible, sh};
use fs_err as fs;
use strata_sandbox::Error;

#[test]
fn there_is_no_network() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let interfaces = sh(&root.sandbox(), "cat /proc/net/dev");
    let names: Vec<_> = interfaces
        .lines()
        .skip(2)
        .filter_map(|line| line.split(':').next())
        .collect();
    assert_eq!(
        names.iter().map(|name| name.trim()).collect::<Vec<_>>(),
        ["lo"]
    );

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for address in ["127.0.0.1", "192.0.2.1"] {
        let script = format!("exec 3<>/dev/tcp/{address}/{port}");
        let failed = root
            .sandbox()
            .run("bash", ["-c", &script], b"")
            .unwrap_err();
        assert!(
            matches!(failed, Error::Failed { status: 1, .. }),
            "{failed}"
        );
    }
}

#[test]
fn the_environment_is_fixed() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let fixed = "HOME=/root\nLANG=C.UTF-8\nLC_ALL=C.UTF-8\nLOGNAME=root\n\
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nPYTHONHASHSEED=0\n\
        SHELL=/bin/sh\nTERM=dumb\nTZ=UTC0\nUSER=root\n";
    let run = |sandbox: strata_sandbox::Sandbox| {
        String::from_utf8(sandbox.run("env", [""; 0], b"").unwrap().stdout).unwrap()
    };
    assert_eq!(run(root.sandbox()), fixed);
    let more = root
        .sandbox()
        .env("TERM", "xterm")
        .env("A", "b c")
        .source_date_epoch(-5);
    let expected = fixed
        .replace("dumb", "xterm")
        .replace("SHELL", "SOURCE_DATE_EPOCH=-5\nSHELL");
    let mut lines: Vec<_> = expected.lines().chain(["A=b c"]).collect();
    lines.sort_unstable();
    let found = run(more);
    let mut found: Vec<_> = found.lines().collect();
    found.sort_unstable();
    assert_eq!(found, lines);
}

#[test]
fn processes_name_and_user_are_its_own() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let seen = sh(
        &root.sandbox(),
        "echo $$; cat /proc/sys/kernel/hostname; id -u; id -g; id -G; umask; pwd; \
         set -- /proc/[0-9]*; echo $#",
    );
    // Init is 1, the shell is 2; the last line counts those, in the shell itself.
    assert_eq!(seen, "2\nstrata\n0\n0\n0\n0022\n/\n2\n");
}

#[test]
fn signals_files_and_capabilities_are_the_same_everywhere() {
    if !possible() {
        return;
    }
    let root = Root::new();
    // Deliberately one that exec would keep.
    let leak = rustix::io::dup(std::io::stdout()).unwrap();
    assert!(
        !rustix::io::fcntl_getfd(&leak)
            .unwrap()
            .contains(rustix::io::FdFlags::CLOEXEC)
    );
    let seen = sh(
        &root.sandbox(),
        "ls /proc/$$/fd; grep -E '^(SigBlk|SigIgn|CapEff|CapBnd)' /proc/self/status",
    );
    assert_eq!(
        seen,
        "0\n1\n2\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n\
         CapEff:\t00000000a00425ff\nCapBnd:\t00000000a00425ff\n"
    );
}

#[test]
fn devices_work_and_memory_holds_what_is_temporary() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let seen = sh(
        &root.sandbox(),
        "echo x >/dev/null; head -c 3 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c; \
         (echo x >/dev/full) 2>/dev/null || echo full; echo out >/dev/stdout; \
         echo 1 >/tmp/a; echo 2 >/run/b; echo 3 >/dev/shm/c; cat /tmp/a /run/b /dev/shm/c; \
         stat -c %a /tmp /run /dev /dev/shm; ls /sys 2>/dev/null || echo no sys",
    );
    assert_eq!(
        seen,
        "3\n5\nfull\nout\n1\n2\n3\n1777\n755\n755\n1777\nno sys\n"
    );
    for name in ["tmp", "run", "dev", "proc"] {
        let left = fs::read_dir(root.path().join(name)).unwrap().count();
        assert_eq!(left, 0, "{name}");
    }
}

#[test]
fn the_root_is_writable_unless_said_otherwise() {
    if !possible() {
        return;
    }
    let root = Root::new();
    sh(&root.sandbox(), "echo kept >/file");
    assert_eq!(fs::read(root.path().join("file")).unwrap(), b"kept\n");

    let frozen = root.sandbox().writable(false);
    let seen = sh(
        &frozen,
        "echo x >/tmp/a; (echo no >/file) 2>/dev/null || echo refused; \
         mount -o remount,rw / 2>/dev/null || echo still; \
         umount /proc 2>/dev/null || echo there; cat /file",
    );
    assert_eq!(seen, "refused\nstill\nthere\nkept\n");
    sh(&root.sandbox(), "rm /file");
}

#[test]
fn binds_show_files_and_folders() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("file"), "shown").unwrap();
    fs::create_dir(host.path().join("out")).unwrap();
    let sandbox = root
        .sandbox()
        .bind_read_only(host.path(), "/tmp/deep/folder")
        .bind_read_only(host.path().join("file"), "/opt/one")
        .bind(host.path().join("out"), "/run/out");
    let seen = sh(
        &sandbox,
        "cat /tmp/deep/folder/file /opt/one; echo new >/run/out/new; \
         (echo x >/tmp/deep/folder/file) 2>/dev/null || echo a; (echo x >/opt/one) 2>/dev/null || echo b",
    );
    assert_eq!(seen, "shownshowna\nb\n");
    assert_eq!(fs::read(host.path().join("out/new")).unwrap(), b"new\n");
    assert_eq!(fs::read(host.path().join("file")).unwrap(), b"shown");
    assert!(!root.path().join("tmp/deep").exists());
}

#[test]
fn links_of_the_image_lead_nowhere_outside() {
    if !possible() {
        return;
    }
    let root = Root::new();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), root.path().join("opt")).unwrap();
    let sandbox = root.sandbox().bind_read_only(outside.path(), "/opt/here");
    let failed = sandbox.run("true", [""; 0], b"").unwrap_err();
    assert!(matches!(failed, Error::Setup { .. }), "{failed}");
    assert!(
        failed
            .to_string()
            .contains("make the folder /opt/here inside"),
        "{failed}"
    );
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_is_named() {
    let root = Root::new();
    let absent = root.path().join("absent");
    let message = strata_sandbox::Sandbox::new(&absent).run("true", [""; 0], b"");
    if !possible() {
        return;
    }
    let message = message.unwrap_err().to_string();
    assert!(message.contains(&absent.display().to_string()), "{message}");

    for (guest, problem) in [
        ("tmp/x", "relative"),
        ("/tmp/../x", ".."),
        ("/", "root itself"),
    ] {
        let failed = root
            .sandbox()
            .bind("/usr", guest)
            .run("true", [""; 0], b"")
            .unwrap_err();
        assert!(matches!(failed, Error::Bind { .. }), "{failed}");
        assert!(failed.to_string().contains(problem), "{failed}");
    }
    let failed = root
        .sandbox()
        .bind(&absent, "/x")
        .run("true", [""; 0], b"")
        .unwrap_err();
    assert!(matches!(failed, Error::Bind { .. }), "{failed}");

    let failed = root
        .sandbox()
        .run("no-such-program", [""; 0], b"")
        .unwrap_err();
    assert!(matches!(failed, Error::Start { .. }), "{failed}");
    assert!(failed.to_string().contains("no-such-program"), "{failed}");
}

#[test]
fn nothing_waits_for_the_disk() {
    if !possible() {
        return;
    }
    let root = Root::new();
    // A device cannot be written out: where the call is made, it says so.
    let sync = "sync -d /dev/null && sync -f /dev/null && sync && grep ^Seccomp: /proc/self/status";
    assert_eq!(sh(&root.sandbox(), sync), "Seccomp:\t2\n");
    let outside = std::process::Command::new("sync")
        .args(["-d", "/dev/null"])
        .output()
        .unwrap();
    assert!(!outside.status.success());
}
