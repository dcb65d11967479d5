//! Bytecode of a wheel: from the store, or made by the interpreter, once for a wheel and an
//! interpreter.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use std::sync::Arc;

use layer::{Content, Context, EntryPath, read_small};
use lock::Sha256;
use store::{KeyBuilder, ProgressTask, TaskKind};

use crate::{
    Error, Interpreter, Result,
    pack::{self, Pack, PackWriter},
    worker::{Compiled, Worker},
};

const KIND: &str = "bytecode";
/// Version of the pack; the worker's text is in the key of the interpreter.
const FORMAT: &str = "strata bytecode 3";
/// No module is larger.
const LARGEST: u64 = 64 << 20;

/// A module: where it stands in the image, and its text.
pub(crate) type Module = (EntryPath, Arc<dyn Content>);

/// The bytecode of an artifact's modules.
pub(crate) fn bytecode(
    cx: &Context,
    interpreter: &Interpreter,
    name: &str,
    artifact: &Sha256,
    modules: &[Module],
) -> Result<Pack> {
    if modules.is_empty() {
        return Ok(Vec::new());
    }
    let mut key = KeyBuilder::new(FORMAT);
    key.key("interpreter", &interpreter.key());
    key.field("artifact", artifact.0);
    // The path is in the bytecode; files that another wheel carries are not compiled here.
    key.list("paths", modules.iter().map(|(path, _)| path.as_bytes()));
    let key = key.finish();
    let _once = cx.store.lock(KIND, &key)?;
    let path = cx.store.file_path(KIND, &key);
    if cx.store.has_file(KIND, &key)
        && let Ok(pack) = pack::read(&path)
    {
        return Ok(pack);
    }
    let progress = ProgressTask::start(
        cx.progress.clone(),
        TaskKind::Compile,
        format!("{name}: {} modules", modules.len()),
        Some(modules.iter().map(|(_, text)| text.size()).sum()),
    );
    let unwritten = |source| Error::Io {
        path: path.clone(),
        source,
    };
    let out = Mutex::new(PackWriter::new(cx.store.file_writer(KIND, &key)?));
    let add = |number: usize, compiled: &Compiled| {
        let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
        out.add(number, compiled).map_err(unwritten)
    };
    compile_all(interpreter, modules, &add, &|bytes| progress.advance(bytes))?;
    let out = out.into_inner().unwrap_or_else(PoisonError::into_inner);
    let out = out.finish().map_err(unwritten)?;
    out.commit()?;
    progress.done();
    pack::read(&path)
}

/// Compiles on as many workers as there are to be had; `add` gets each result with its module's number.
fn compile_all(
    interpreter: &Interpreter,
    modules: &[Module],
    add: &(dyn Fn(usize, &Compiled) -> Result<()> + Sync),
    advance: &(dyn Fn(u64) + Sync),
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let left = || next.load(Ordering::Relaxed) < modules.len();
    let compile = |worker: &mut Worker| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((path, content)) = modules.get(at) else {
                return Ok(());
            };
            let text = read_small(content.as_ref(), LARGEST).map_err(|source| Error::Source {
                path: path.to_string(),
                source,
            })?;
            if let Some(compiled) = worker.compile(path, &text)? {
                add(at, &compiled)?;
            }
            advance(text.len() as u64);
        }
    };
    let work = || {
        interpreter.with_worker(left, |worker| {
            // What has failed leaves the others nothing to do.
            compile(worker).inspect_err(|_| next.store(modules.len(), Ordering::Relaxed))
        })
    };
    // A handful of modules is not worth a second worker.
    let helpers = if modules.len() > 64 {
        interpreter.limit().saturating_sub(1)
    } else {
        0
    };
    let results: Vec<Result<()>> = thread::scope(|scope| {
        let helpers: Vec<_> = (0..helpers).map(|_| scope.spawn(work)).collect();
        let own = work();
        let gone = || {
            Err(Error::Gone {
                path: "a wheel's modules".to_owned(),
                source: std::io::Error::other("a compiling thread ended without a result"),
            })
        };
        let joined = helpers
            .into_iter()
            .map(|helper| helper.join().unwrap_or_else(|_| gone()));
        joined.chain([own]).collect()
    });
    results.into_iter().collect()
}
