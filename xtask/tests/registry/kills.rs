//! A push that is killed at any moment leaves no tag to what is not whole, and the next one goes on.

use std::{
    process::Stdio,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use crate::{
    case::{Case, json, whole},
    servers::front::{Verdict, front},
};

/// Where in a push it ends: a method, a piece of a path, and how many such requests there were.
const MOMENTS: [(&str, &str, usize); 4] = [
    ("POST", "/blobs/uploads/", 1),
    ("PATCH", "/blobs/uploads/", 1),
    ("PUT", "/blobs/uploads/", 5),
    ("PUT", "/manifests/", 2),
];

#[test]
fn killed_and_run_again() {
    let Some(case) = Case::start() else { return };
    for (moment, (method, path, nth)) in MOMENTS.into_iter().enumerate() {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let (seen, dead) = (
            AtomicUsize::new(0),
            std::sync::Arc::new(AtomicBool::new(false)),
        );
        let is_dead = dead.clone();
        let proxy = front(
            case.registry.port,
            move |head| {
                let is_it = head.method == method && head.path.contains(path);
                if is_it && seen.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                    tell.lock().unwrap().send(()).unwrap();
                    // It is killed before this one is passed on.
                    while !is_dead.load(Ordering::SeqCst) {
                        thread::sleep(Duration::from_millis(5));
                    }
                    return Verdict::Break(head.length() / 2);
                }
                Verdict::Pass
            },
            |_, reply| reply,
        );
        let tag = format!("comfyui{moment}:today");
        let mut push = case.xtask(&case.store, &["push"]);
        push.arg(format!("{}/{tag}", proxy.host())).arg(&case.lock);
        push.stdout(Stdio::null()).stderr(Stdio::null());
        let mut push = push.spawn().unwrap();
        told.recv_timeout(Duration::from_secs(60)).unwrap();
        push.kill().unwrap();
        push.wait().unwrap();
        dead.store(true, Ordering::SeqCst);

        let at = case.at_registry(&tag);
        assert_eq!(whole(&at), None, "{method} {nth}");
        let again = json(&case.push(&at, &["--json"]));
        assert_eq!(again["digest"], case.built.digest.as_str());
        assert_eq!(whole(&at).as_ref(), Some(&case.built.digest));
        if path == "/manifests/" {
            assert_eq!(again["pushed"]["bytes"], 0, "all blobs were there: {again}");
        }
    }
}
