//! The order of work, with a server whose files come when the test lets them.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

#[path = "../../store/tests/server/http.rs"]
#[allow(dead_code)]
mod http;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use http::{Reply, Server};
use layer::{Context, Entry, EntryPath, Plan, Tree, build_parts};
use lock::{Artifact, Origin, Sha256};
use sha2::Digest as _;
use store::{Fetcher, KeyBuilder, Places, Silent, Store};
use strata_layer as layer;

/// How long somebody waits at a gate that nobody opens.
const PATIENCE: Duration = Duration::from_secs(20);

/// Closed until somebody opens it.
#[derive(Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    /// Waits until it is open; `false` where nobody opened it.
    fn pass(&self) -> bool {
        let open = self.0.lock().unwrap();
        let (open, _) = self
            .1
            .wait_timeout_while(open, PATIENCE, |open| !*open)
            .unwrap();
        *open
    }
}

fn artifact(name: &str) -> Artifact {
    Artifact {
        name: name.to_owned(),
        filename: format!("{name}.deb"),
        size: name.len() as u64,
        sha256: Sha256(sha2::Sha256::digest(name).into()),
        origin: Origin::Debian {
            path: format!("pool/{name}.deb"),
        },
    }
}

/// Serves artifacts, one that is called `held` only once the gate is open, and none that is called `lost`.
fn server(gate: &Arc<Gate>) -> Server {
    let gate = gate.clone();
    Server::start(move |head, _| {
        let name = head.path.rsplit('/').next()?.trim_end_matches(".deb");
        match name {
            "lost" => return Some(Reply::new(404, "")),
            "held" if !gate.pass() => return None,
            _ => {}
        }
        Some(Reply::new(200, name))
    })
}

/// A context of one thread: it builds one plan at a time.
fn context(folder: &tempfile::TempDir, server: &Server) -> Context {
    let places = Places::none()
        .with_debian([format!("http://{}", server.host())])
        .unwrap();
    let fetcher = Fetcher::new(places, Arc::new(Silent), false).with_patience(1, Duration::ZERO);
    Context::with_threads(Store::open(folder.path()).unwrap(), fetcher, 1).unwrap()
}

/// A context and the server that it fetches from.
struct Bed {
    gate: Arc<Gate>,
    server: Server,
    cx: Context,
    _folder: tempfile::TempDir,
}

impl Bed {
    fn new() -> Self {
        let gate = Arc::new(Gate::default());
        let (folder, server) = (tempfile::tempdir().unwrap(), server(&gate));
        let cx = context(&folder, &server);
        Self {
            gate,
            server,
            cx,
            _folder: folder,
        }
    }
}

fn paths(server: &Server) -> Vec<String> {
    server
        .requests()
        .into_iter()
        .map(|head| head.path)
        .collect()
}

fn plan<'p>(name: &'p str, weight: u64, make: impl FnOnce(&Context) + Send + 'p) -> Plan<'p> {
    let recipe = KeyBuilder::new("work").field("name", name).finish();
    Plan::new(name, recipe, weight, move |cx| {
        make(cx);
        let mut tree = Tree::new();
        let path = EntryPath::new(format!("opt/{name}")).unwrap();
        tree.insert(Entry::file(path, Arc::new(Vec::new()), false))?;
        Ok(tree)
    })
}

#[test]
fn what_is_ready_is_built_while_downloads_come() {
    let Bed { gate, cx, .. } = &Bed::new();
    let held = artifact("held");
    let fetched = held.clone();
    let heavy = plan("heavy", 2, move |cx| {
        assert!(cx.store.has_download(&fetched.sha256, fetched.size));
    });
    let light = plan("light", 1, |_| gate.open());
    let parts = build_parts(cx, vec![heavy.fetching([held]), light]).unwrap();
    let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["heavy", "light"]);
}

#[test]
fn a_plan_prepares_while_its_downloads_come() {
    let Bed { gate, cx, .. } = &Bed::new();
    let plan = plan("one", 1, |_| {}).fetching([artifact("held")]);
    let plan = plan.preparing(|_| {
        gate.open();
        Ok(())
    });
    assert_eq!(build_parts(cx, vec![plan]).unwrap().len(), 1);
}

#[test]
fn what_may_not_be_needed_waits_until_it_is_asked_for() {
    let Bed { server, cx, .. } = &Bed::new();
    let (surely, perhaps) = (artifact("surely"), artifact("perhaps"));
    let fetched = perhaps.clone();
    let plan = plan("one", 1, |cx| {
        let before: Vec<_> = paths(server);
        assert_eq!(before, ["/pool/surely.deb"]);
        cx.fetcher.fetch(&cx.store, &fetched).unwrap();
    });
    let plan = plan.perhaps_fetching([perhaps.clone()]).fetching([surely]);
    let names: Vec<_> = plan
        .artifacts()
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["surely", "perhaps"]);
    build_parts(cx, vec![plan]).unwrap();
    assert_eq!(paths(server), ["/pool/surely.deb", "/pool/perhaps.deb"]);
}

#[test]
fn there_may_be_many_plans() {
    let Bed {
        gate, server, cx, ..
    } = &Bed::new();
    gate.open();
    let names: Vec<String> = (0..20).map(|at| format!("plan-{at}")).collect();
    let plans = names.iter().enumerate().map(|(at, name)| {
        let own = artifact(name);
        let fetched = own.clone();
        let plan = plan(name, at as u64 % 3, move |cx| {
            assert!(cx.store.has_download(&fetched.sha256, fetched.size));
        });
        plan.fetching([own, artifact("shared")])
    });
    let parts = build_parts(cx, plans.collect()).unwrap();
    let built: Vec<_> = parts.iter().map(|part| part.name.clone()).collect();
    assert_eq!(built, names);
    assert_eq!(paths(server).len(), 21);
}

#[test]
fn a_download_that_fails_ends_the_work_and_is_tried_once() {
    let Bed { server, cx, .. } = &Bed::new();
    let never = |_: &Context| panic!("made without its download");
    let names = ["first", "second", "third"];
    let plans = names.map(|name| plan(name, 1, never).fetching([artifact("lost")]));
    let error = build_parts(cx, plans.into()).unwrap_err().to_string();
    assert!(error.contains("cannot fetch lost"), "{error}");
    assert_eq!(paths(server), ["/pool/lost.deb"]);
    assert!(!cx.stop(), "the context is stopped");
}

#[test]
fn what_fails_to_prepare_ends_the_work() {
    let Bed { gate, cx, .. } = &Bed::new();
    let never = |_: &Context| panic!("made without its preparation");
    let one = plan("one", 1, never).fetching([artifact("held")]);
    let one = one.preparing(|_| {
        gate.open();
        Err(layer::Error::Worker("no interpreter".to_owned()))
    });
    let error = build_parts(cx, vec![one]).unwrap_err().to_string();
    assert!(error.contains("no interpreter"), "{error}");
}

#[test]
fn a_context_that_something_else_stopped_gives_up() {
    let Bed { gate, cx, .. } = &Bed::new();
    let never = |_: &Context| panic!("made after the stop");
    let waiting = plan("waiting", 2, never).fetching([artifact("held")]);
    let stopping = plan("stopping", 1, |cx| {
        assert!(cx.stop());
        gate.open();
    });
    let error = build_parts(cx, vec![waiting, stopping]).unwrap_err();
    assert!(matches!(error, layer::Error::GivenUp { .. }), "{error}");
}

#[test]
fn a_panic_is_told_and_leaves_nobody_waiting() {
    let Bed { gate, cx, .. } = &Bed::new();
    let waiting = plan("waiting", 2, |_| {}).fetching([artifact("held")]);
    let panicking = plan("panicking", 1, |_| {
        gate.open();
        panic!("on purpose");
    });
    let build = || build_parts(cx, vec![waiting, panicking]);
    let told = catch_unwind(AssertUnwindSafe(build));
    assert!(told.is_err());
    assert!(!cx.stop(), "the context is stopped");
}
