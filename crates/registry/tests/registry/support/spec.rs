//! A registry in memory that does what the specification says and Debian's does not: it keeps what
//! came of an upload that broke, tells how much that is, and knows referrers. It can be made to misbehave.

use std::{
    collections::BTreeMap,
    io::Read,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use strata_registry::{BlobSource, Bytes};

use super::http::{Body, Head, Reply, Server};

/// How it misbehaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ways {
    /// Of all that is sent to it, each so many bytes break a connection.
    pub breaks_at: Option<u64>,
    /// Of all blobs that are read, each answer breaks off after so many bytes.
    pub cuts_at: Option<usize>,
    /// The largest request it takes.
    pub most: Option<u64>,
    /// The smallest request that it says it takes.
    pub least: Option<u64>,
    /// It knows no PATCH.
    pub whole: bool,
    /// It knows no ranges of blobs.
    pub no_ranges: bool,
    /// Uploads go on at another host.
    pub redirects: bool,
    /// It knows no `Expect`.
    pub no_expect: bool,
    /// It says that what is sent does not fit behind what it has.
    pub no_chunks: bool,
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, (String, Vec<u8>)>,
    uploads: BTreeMap<String, Vec<u8>>,
}

pub struct Spec {
    pub server: Server,
    state: Arc<Mutex<State>>,
}

impl Spec {
    pub fn start(ways: Ways) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let kept = state.clone();
        let came = AtomicU64::new(0);
        let server = Server::start(move |head, body| answer(&kept, ways, &came, head, body));
        Self { server, state }
    }

    pub fn blob(&self, digest: &str) -> Option<Vec<u8>> {
        self.state.lock().unwrap().blobs.get(digest).cloned()
    }

    pub fn put_blob(&self, digest: &str, bytes: Vec<u8>) {
        self.state
            .lock()
            .unwrap()
            .blobs
            .insert(digest.to_owned(), bytes);
    }

    /// How many bytes of bodies its requests announced.
    pub fn announced(&self) -> u64 {
        self.server.requests().iter().map(Head::length).sum()
    }
}

/// Reads a body as far as it comes; whether it came whole.
fn take(ways: Ways, came: &AtomicU64, body: &mut Body, into: &mut Vec<u8>) -> bool {
    let mut buffer = vec![0; 8 << 10];
    loop {
        match body.read(&mut buffer) {
            Ok(0) => return body.left == 0,
            Ok(count) => {
                let before = came.fetch_add(count as u64, Ordering::SeqCst);
                into.extend(&buffer[..count]);
                if ways
                    .breaks_at
                    .is_some_and(|at| before / at != (before + count as u64) / at)
                {
                    return false;
                }
            }
            Err(_) => return false,
        }
    }
}

fn error(status: u16, code: &str) -> Option<Reply> {
    let text = format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#);
    Some(Reply::new(status, text))
}

fn answer(
    state: &Mutex<State>,
    ways: Ways,
    came: &AtomicU64,
    head: &Head,
    body: &mut Body,
) -> Option<Reply> {
    let path = head.path.split('?').next().unwrap();
    if path == "/v2/" {
        return Some(Reply::new(200, ""));
    }
    if ways.no_expect && head.get("expect").is_some() {
        return Some(Reply::new(417, ""));
    }
    if let Some((_, rest)) = path.split_once("/blobs/uploads/") {
        return upload(state, ways, came, head, body, rest);
    }
    let mut state = state.lock().unwrap();
    if let Some((_, digest)) = path.split_once("/blobs/") {
        let Some(bytes) = state.blobs.get(digest) else {
            return error(404, "BLOB_UNKNOWN");
        };
        let range = head.get("range").filter(|_| !ways.no_ranges);
        let reply = match range.and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        }) {
            Some(from) if from < bytes.len() => Reply::new(206, &bytes[from..]).header(
                "Content-Range",
                format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len()),
            ),
            Some(_) => return error(416, "RANGE"),
            None => Reply::new(200, bytes.clone()).header("Docker-Content-Digest", digest),
        };
        let length = reply.body.len();
        let reply = reply.header("Content-Length", length);
        return Some(reply.cut(ways.cuts_at.unwrap_or(usize::MAX)));
    }
    if let Some((_, digest)) = path.split_once("/referrers/") {
        let listed = state.manifests.values().filter(|(_, bytes)| {
            let text = String::from_utf8_lossy(bytes);
            text.split("\"subject\"")
                .nth(1)
                .is_some_and(|subject| subject.contains(digest))
        });
        let entries: Vec<String> = listed
            .map(|(kind, bytes)| {
                let own = Bytes::new(bytes.clone());
                let (digest, size) = (own.digest().to_oci(), own.size());
                format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":{size},"artifactType":"a/b"}}"#)
            })
            .collect();
        // One on each page.
        let page: usize = head.query("page").map_or(0, |page| page.parse().unwrap());
        let entry = entries.get(page).cloned().unwrap_or_default();
        let text = format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#);
        let reply = Reply::new(200, text);
        return Some(match page + 1 < entries.len() {
            true => reply.header("Link", format!(r#"<{path}?page={}>; rel="next""#, page + 1)),
            false => reply,
        });
    }
    let (_, name) = path.split_once("/manifests/")?;
    if head.method == "PUT" {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).unwrap();
        let digest = Bytes::new(bytes.clone()).digest().to_oci();
        let mut reply = Reply::new(201, "").header("Docker-Content-Digest", &digest);
        if String::from_utf8_lossy(&bytes).contains("\"subject\"") {
            reply = reply.header("OCI-Subject", "sha256:x");
        }
        let kind = head.get("content-type").unwrap_or_default().to_owned();
        state.manifests.insert(name.to_owned(), (kind, bytes));
        return Some(reply);
    }
    match state.manifests.get(name) {
        Some((kind, bytes)) => Some(Reply::new(200, bytes.clone()).header("Content-Type", kind)),
        None => error(404, "MANIFEST_UNKNOWN"),
    }
}

fn upload(
    state: &Mutex<State>,
    ways: Ways,
    came: &AtomicU64,
    head: &Head,
    body: &mut Body,
    id: &str,
) -> Option<Reply> {
    let at = |id: &str| format!("?x=1#{id}").replace("?x=1#", "") + "?x=1";
    if head.method == "POST" {
        let mut state = state.lock().unwrap();
        let id = format!("u{}", state.uploads.len());
        state.uploads.insert(id.clone(), Vec::new());
        // Relative to where the upload was begun.
        let mut reply = Reply::new(202, "").header("Location", at(&id));
        if let Some(least) = ways.least {
            reply = reply.header("OCI-Chunk-Min-Length", least);
        }
        return Some(reply);
    }
    if ways.redirects && !id.starts_with("moved-") {
        let query = head.path.split_once('?').map_or("", |(_, query)| query);
        let to = format!("moved-{id}?{query}");
        return Some(Reply::new(307, "").header("Location", to));
    }
    let id = id.trim_start_matches("moved-");
    let has = state.lock().unwrap().uploads.get(id)?.len() as u64;
    let reply = |status: u16, has: u64| {
        let last = has.saturating_sub(1);
        Reply::new(status, "")
            .header("Location", at(id))
            .header("Range", format!("0-{last}"))
    };
    let mut bytes = Vec::new();
    match head.method.as_str() {
        "GET" => return Some(reply(204, has)),
        "PATCH" if ways.whole => return error(405, "UNSUPPORTED"),
        "PATCH" | "PUT" => {
            if ways.most.is_some_and(|most| head.length() > most) {
                return error(413, "SIZE_INVALID");
            }
            let range = head
                .get("content-range")
                .and_then(|range| range.split('-').next());
            let fits = range.is_none_or(|first| first.parse() == Ok(has));
            if !fits || (ways.no_chunks && head.method == "PATCH") {
                return Some(reply(416, has));
            }
            let whole = take(ways, came, body, &mut bytes);
            let mut state = state.lock().unwrap();
            let upload = state.uploads.get_mut(id)?;
            upload.extend(&bytes);
            let has = upload.len() as u64;
            if !whole {
                return None;
            }
            if head.method == "PATCH" {
                return Some(reply(202, has));
            }
            let digest = head.query("digest").unwrap();
            let all = state.uploads.remove(id)?;
            if Bytes::new(all.clone()).digest().to_oci() != digest {
                return error(400, "DIGEST_INVALID");
            }
            state.blobs.insert(digest.clone(), all);
            return Some(Reply::new(201, "").header("Docker-Content-Digest", digest));
        }
        _ => {}
    }
    error(405, "UNSUPPORTED")
}
