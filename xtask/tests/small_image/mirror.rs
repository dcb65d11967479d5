//! A server that has the small lock's packages: a Debian archive and a Python index in one. It can be
//! told to serve one of them badly, or all.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use lock::{Lock, Origin};

use super::{
    server::{Answer, Request, Server},
    stores::download,
};

/// How a file is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// One byte of it is another.
    Flipped,
    /// A half of it, as if that were all.
    Half,
    /// The connection breaks off each time after some bytes, and there are no ranges.
    BreaksOff,
    /// The connection breaks off after some bytes; the rest can be asked for.
    Halting,
    /// 404.
    Gone,
    /// 500.
    Broken,
    /// Well, after a while, so that those who ask at the same time meet.
    Late,
}

/// The server, and how it serves what it serves badly.
pub struct Mirror {
    server: Server,
    moods: Arc<Mutex<Moods>>,
}

/// The mood for everything, and those for single files by name.
#[derive(Default)]
struct Moods {
    all: Option<Mood>,
    files: BTreeMap<String, Mood>,
}

impl Mirror {
    /// Serves the packages of a lock, out of the downloads of a store.
    pub fn start(lock: &Lock, store: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut pages: BTreeMap<String, String> = BTreeMap::new();
        for artifact in lock.artifacts() {
            let at = match &artifact.origin {
                Origin::Debian { path } => format!("/debian/{path}"),
                Origin::Python { project } => {
                    let name = &artifact.filename;
                    let link = format!("<a href=\"/files/{name}\">{name}</a>\n");
                    *pages.entry(format!("/simple/{project}/")).or_default() += &link;
                    format!("/files/{name}")
                }
                Origin::Index { .. } | Origin::Url(_) | Origin::File(_) => continue,
            };
            files.insert(at, download(store, &artifact.sha256));
        }
        let moods: Arc<Mutex<Moods>> = Arc::default();
        let now = moods.clone();
        let server = Server::start(move |request| {
            let name = request.path.rsplit('/').next().unwrap();
            let moods = now.lock().unwrap();
            let (all, own) = (moods.all, moods.files.get(name).copied());
            drop(moods);
            if let Some(page) = pages.get(&request.path) {
                if all.is_some_and(|mood| mood != Mood::Late) {
                    return serve(request, page.clone().into_bytes(), all);
                }
                return Answer::ok(page.as_str()).header("Content-Type", "text/html");
            }
            let Some(file) = files.get(&request.path) else {
                return Answer::new("404 Not Found", "no such file");
            };
            serve(request, fs::read(file).unwrap(), own.or(all))
        });
        Self { server, moods }
    }

    /// Where a path of it is.
    pub fn url(&self, path: &str) -> String {
        self.server.url(path)
    }

    /// Serves a file in this mood; well, for `None`.
    pub fn serve(&self, filename: &str, mood: Option<Mood>) {
        let mut moods = self.moods.lock().unwrap();
        match mood {
            Some(mood) => moods.files.insert(filename.to_owned(), mood),
            None => moods.files.remove(filename),
        };
    }

    /// Serves everything in this mood, index pages too, but files that have one of their own.
    pub fn serve_all(&self, mood: Option<Mood>) {
        self.moods.lock().unwrap().all = mood;
    }

    /// How often each file was asked for, by path; index pages do not count.
    pub fn requests(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for request in self.server.requests() {
            if request.path.starts_with("/debian/") || request.path.starts_with("/files/") {
                *counts.entry(request.path).or_default() += 1;
            }
        }
        counts
    }
}

fn serve(request: &Request, mut bytes: Vec<u8>, mood: Option<Mood>) -> Answer {
    let some = bytes.len() / 3;
    match mood {
        None => Answer::file(request, &bytes),
        Some(Mood::Flipped) => {
            bytes[some] ^= 1;
            Answer::file(request, &bytes)
        }
        Some(Mood::Half) => Answer::file(request, &bytes[..bytes.len() / 2]),
        Some(Mood::BreaksOff) => Answer::ok(bytes).cut(some),
        Some(Mood::Halting) => Answer::file(request, &bytes).cut(some + 1),
        Some(Mood::Gone) => Answer::new("404 Not Found", "gone"),
        Some(Mood::Late) => {
            thread::sleep(Duration::from_millis(500));
            Answer::file(request, &bytes)
        }
        Some(Mood::Broken) => Answer::new("500 Internal Server Error", "broken"),
    }
}
