//! The order of work, with a server whose files come when the test lets them.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions

#[path = "../../store/tests/server/http.rs"]
#[allow(dead_code)]
mod http;

use std::{
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
    let gate = Arc::new(Gate::default());
    let (folder, server) = (tempfile::tempdir().unwrap(), server(&gate));
    let cx = context(&folder, &server);
    let held = artifact("held");
    let fetched = held.clone();
    let heavy = plan("heavy", 2, move |cx| {
        assert!(cx.store.has_download(&fetched.sha256, fetched.size));
    });
    let light = plan("light", 1, |_| gate.open());
    let parts = build_parts(&cx, vec![heavy.fetching([held]), light]).unwrap();
    let names: Vec<_> = parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["heavy", "light"]);
    assert!(gate.pass());
}

#[test]
fn a_plan_prepares_while_its_downloads_come() {
    let gate = Arc::new(Gate::default());
    let (folder, server) = (tempfile::tempdir().unwrap(), server(&gate));
    let cx = context(&folder, &server);
    let plan = plan("one", 1, |_| {}).fetching([artifact("held")]);
    let plan = plan.preparing(|_| {
        gate.open();
        Ok(())
    });
    assert_eq!(build_parts(&cx, vec![plan]).unwrap().len(), 1);
}

#[test]
fn what_may_not_be_needed_waits_until_it_is_asked_for() {
    let gate = Arc::new(Gate::default());
    let (folder, server) = (tempfile::tempdir().unwrap(), server(&gate));
    let cx = context(&folder, &server);
    let plan = plan("one", 1, |_| {}).perhaps_fetching([artifact("perhaps")]);
    let plan = plan.fetching([artifact("surely")]);
    let (all, sizes) = (plan.artifacts().to_vec(), ["surely", "perhaps"]);
    assert_eq!(
        all.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        sizes
    );
    build_parts(&cx, vec![plan]).unwrap();
    let asked: Vec<_> = server
        .requests()
        .into_iter()
        .map(|head| head.path)
        .collect();
    assert_eq!(asked, ["/pool/surely.deb"]);
}

#[test]
fn a_download_that_fails_ends_the_work_and_is_tried_once() {
    let gate = Arc::new(Gate::default());
    let (folder, server) = (tempfile::tempdir().unwrap(), server(&gate));
    let cx = context(&folder, &server);
    let never = |_: &Context| panic!("made without its download");
    let plan = plan("one", 1, never).fetching([artifact("lost")]);
    let error = build_parts(&cx, vec![plan]).unwrap_err().to_string();
    assert!(error.contains("cannot fetch lost"), "{error}");
    let asked = server.requests();
    let lost = asked.iter().filter(|head| head.path == "/pool/lost.deb");
    assert_eq!(lost.count(), 1, "{asked:?}");
}
