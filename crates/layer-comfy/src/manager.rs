//! A node of ours that starts the Manager's package in a ComfyUI that does not know it yet.

use std::sync::Arc;

use layer::{Entry, EntryPath, Plan, Result, Tree};
use lock::{Lock, Sha256};
use store::KeyBuilder;

/// Where nodes that come with the image stand; the runtime layer tells ComfyUI.
const FOLDER: &str = "/opt/comfyui-nodes/comfyui-manager";

const FILES: [(&str, &str); 2] = [
    ("__init__.py", include_str!("manager/init.py")),
    (
        "prestartup_script.py",
        include_str!("manager/prestartup.py"),
    ),
];

/// The package that it starts.
const PACKAGE: &str = "comfyui-manager";

/// The part with the node, if the lock has the Manager's package: an edition may bring it as a node of its own.
pub(crate) fn plan(lock: &Lock) -> Option<Result<Plan<'_>>> {
    let mut wheels = lock.wheels.iter();
    wheels
        .any(|wheel| wheel.name == PACKAGE)
        .then(|| node(lock))
}

fn node(lock: &Lock) -> Result<Plan<'_>> {
    let mut key = KeyBuilder::new("strata manager node 1");
    for (name, text) in FILES {
        key.field("name", name).field("text", text);
    }
    key.key("interpreter", &python::interpreter_key(lock)?);
    let key = key.finish();
    // Bytecode is kept by the digest of what it was made from; this tree's is its recipe.
    let identity = Sha256(*key.as_bytes());
    Ok(Plan::new("manager node", key, 1, move |cx| {
        let bad = |error| layer::Error::step(FOLDER, error);
        let folder = EntryPath::from_absolute(FOLDER).map_err(bad)?;
        let mut tree = Tree::new();
        for (name, text) in FILES {
            let path = folder.join(&EntryPath::new(name).map_err(bad)?);
            tree.insert(Entry::file(path, Arc::new(text.as_bytes().to_vec()), false))?;
        }
        python::compile_tree(cx, lock, "manager node", &identity, &mut tree)?;
        Ok(tree)
    }))
}
